/** What the pages have in common: they live in the document itself, are given the context, and hear of events. */

import type { Event } from "@payment-actions/web/proto";
import { LitElement, type PropertyValues } from "lit";
import type { Context } from "../context.js";
import type { Route } from "../routing.js";
import { failureText } from "../words.js";

export abstract class Page<Name extends Route["page"]> extends LitElement {
  static override properties = {
    context: { attribute: false },
    route: { attribute: false },
    failure: { state: true },
  };

  declare context: Context;
  declare route: Extract<Route, { page: Name }>;
  declare failure: string;
  #unsubscribe: (() => void) | null = null;
  protected stopped = new AbortController();

  constructor() {
    super();
    this.failure = "";
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.stopped.signal.aborted) this.stopped = new AbortController();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.stopped.abort();
  }

  protected override willUpdate(changed: PropertyValues): void {
    this.#unsubscribe ??= this.context.live.subscribe((event) => this.heard(event));
    if (changed.has("route")) this.arrived(changed.get("route") as Extract<Route, { page: Name }> | undefined);
  }

  /** The page is shown for the first time, or with another address. */
  protected abstract arrived(from: Extract<Route, { page: Name }> | undefined): void;

  protected heard(_event: Event): void {}

  /** Does something that may fail; what went wrong is shown on the page. */
  protected async attempt(work: () => Promise<void>): Promise<void> {
    const { signal } = this.stopped;
    try {
      await work();
      this.failure = "";
    } catch (error) {
      if (!signal.aborted) this.failure = failureText(this.context.texts, error);
    }
  }
}
