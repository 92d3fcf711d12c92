/** The list of payments: filters in the address, rows as far as one scrolls, live, and many at once. */

import { newRequestId } from "@payment-actions/web/client";
import { Action, type Event, type Payment } from "@payment-actions/web/proto";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { guard } from "lit/directives/guard.js";
import { repeat } from "lit/directives/repeat.js";
import { newItems, newRun } from "../bulk/model.js";
import { remember } from "../context.js";
import { mayFit, paymentsQuery } from "../filters.js";
import { Loader } from "../list/loader.js";
import { keyOf, orderOf } from "../list/rows.js";
import { Selection } from "../list/selection.js";
import { clamp, type Range, scrollTo, type View, visibleRange, wantsMore } from "../list/window.js";
import type { Route } from "../routing.js";
import { actionWord } from "../words.js";
import { Page } from "./page.js";
import { filterBar } from "./payments_filters.js";
import { gridHead, gridRow } from "./payments_rows.js";

const ROW = 44;
const RUN_MAX = 10_000;
const FRESH_MILLISECONDS = 2_500;
const BULK_ACTIONS = [Action.CAPTURE, Action.VOID, Action.REFUND, Action.REFRESH] as const;

type PaymentsRoute = Extract<Route, { page: "payments" }>;

export class PaymentsPage extends Page<"payments"> {
  static override properties = {
    ...Page.properties,
    selection: { state: true },
    active: { state: true },
    selecting: { state: true },
  };

  declare selection: Selection;
  /** The row that the keyboard is on. */
  declare active: number;
  declare selecting: boolean;
  #loader: Loader | null = null;
  #view: View = { top: 0, height: 800 };
  #range: Range = { first: 0, end: 0 };
  #frame = 0;
  readonly #fresh = new Map<string, number>();
  #resizes: ResizeObserver | null = null;

  constructor() {
    super();
    this.selection = new Selection();
    this.active = 0;
    this.selecting = false;
  }

  protected arrived(from: PaymentsRoute | undefined): void {
    const same =
      from !== undefined && paymentsQuery(from.filter).toString() === paymentsQuery(this.route.filter).toString();
    if (!same) this.#reload();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#loader?.stop();
    this.#resizes?.disconnect();
    this.#resizes = null;
  }

  protected override render(): TemplateResult {
    const { texts, overview } = this.context;
    const { filter } = this.route;
    return html`
      <div class="page list-page">
        <div class="page-head"><h1 tabindex="-1">${texts.t("payments.title")}</h1>${this.#newer()}</div>
        ${filterBar(texts, overview?.stores ?? [], filter, (changed) =>
          this.context.go({ page: "payments", filter: { ...filter, ...changed } }, "replace"),
        )}
        ${this.#grid()} ${this.selection.size > 0 ? this.#bulkBar() : nothing}
      </div>
    `;
  }

  /** Beside the title, where it covers no row and moves none. */
  #newer(): TemplateResult {
    const count = this.#loader?.rows.unlistedCount ?? 0;
    const { texts } = this.context;
    return html`<span class="end" role="status">${
      count > 0
        ? html`<button class="pill primary" @click=${() => this.#reload()}>${texts.t("payments.newer", { count })}</button>`
        : nothing
    }</span>`;
  }

  #grid(): TemplateResult {
    const { texts } = this.context;
    const loader = this.#loader;
    const count = loader?.rows.count ?? 0;
    return html`
      <div class="card flush grid-frame">
        <div class="grid-scroll" @scroll=${this.#scrolled}>
          <div role="grid" aria-label=${texts.t("payments.grid")} aria-describedby="grid-keys" aria-multiselectable="true"
            aria-rowcount=${loader?.all ? count + 1 : -1} aria-busy=${loader?.loading ? "true" : "false"}>
            ${gridHead(texts, { all: count > 0 && this.selection.size >= count, some: this.selection.size > 0, toggle: () => this.#toggleAll() })}
            <div class="grid-body" role="rowgroup" .style=${`height:${count * ROW}px`} @keydown=${this.#key}>${this.#rows()}</div>
          </div>
          ${loader?.complete && count === 0 ? html`<p class="empty">${texts.t("payments.none")}</p>` : nothing}
        </div>
        <div class="grid-foot">
          <span role="status">${this.#countText()}</span>
          ${
            loader !== null && loader.failure !== ""
              ? html`<span class="chain-broken" role="alert">${texts.t("common.failed", { message: loader.failure })}</span>
                  <button class="small-button" @click=${() => this.#more()}>${texts.t("common.retry")}</button>`
              : nothing
          }
          <span id="grid-keys" class="end">${texts.t("payments.keys")}</span>
        </div>
      </div>
    `;
  }

  #rows(): unknown {
    const loader = this.#loader;
    if (loader === null) return nothing;
    this.#range = visibleRange(this.#view, ROW, loader.rows.count);
    const { first, end } = this.#range;
    return repeat(loader.rows.slice(first, end), keyOf, (payment, offset) => this.#row(payment, first + offset));
  }

  /** A row is drawn anew only if something of it is new: most of a scroll's rows were there in the frame before. */
  #row(payment: Payment, place: number): unknown {
    const { texts } = this.context;
    const key = keyOf(payment);
    const look = { selected: this.selection.has(key), tabbable: place === this.active, fresh: this.#fresh.has(key) };
    return guard([texts, payment, place, look.selected, look.tabbable, look.fresh], () =>
      gridRow(texts, payment, {
        ...look,
        place,
        top: place * ROW,
        toggle: (shift) => this.#toggle(key, shift),
        open: () => this.#open(payment),
        focused: () => this.#activate(place),
      }),
    );
  }

  #countText(): string {
    const { texts } = this.context;
    const loader = this.#loader;
    const count = loader?.rows.count ?? 0;
    if (loader?.all) return texts.t("payments.complete", { count });
    return loader?.loading && count === 0 ? texts.t("common.loading") : texts.t("payments.loaded", { count });
  }

  #bulkBar(): TemplateResult {
    const { texts } = this.context;
    const count = this.selection.size;
    return html`
      <div class="bulk-bar" role="group" aria-label=${texts.t("payments.bulkLabel")}>
        <strong role="status">${this.selecting ? texts.t("payments.selecting", { count }) : texts.t("payments.selected", { count })}</strong>
        ${BULK_ACTIONS.map(
          (action) => html`<button ?disabled=${count > RUN_MAX} @click=${() => void this.#begin(action)}
            >${texts.t("payments.bulk", { action: actionWord(texts, action) })}</button>`,
        )}
        ${
          this.#loader?.all
            ? nothing
            : html`<button class="plain" ?disabled=${this.selecting} @click=${() => void this.#selectMatching()}>${texts.t("payments.selectMatching")}</button>`
        }
        <button class="plain" @click=${() => this.#deselect()}>${texts.t("payments.deselect")}</button>
        ${count >= RUN_MAX ? html`<span>${texts.t("payments.selectLimit", { count: RUN_MAX })}</span>` : nothing}
        ${this.failure !== "" ? html`<span class="chain-broken" role="alert">${texts.t("common.failed", { message: this.failure })}</span>` : nothing}
      </div>
    `;
  }

  protected override updated(_changed: PropertyValues): void {
    if (this.#resizes === null) {
      const scroll = this.#scroller();
      if (scroll !== null) {
        this.#resizes = new ResizeObserver(() => this.#looked());
        this.#resizes.observe(scroll);
      }
    }
    if (!this.hidden) document.title = `${this.context.texts.t("payments.title")} – payment-actions`;
  }

  /** The list is looked at again after an order was. Returns whether it has the row that the reader had come from. */
  resume(): boolean {
    this.requestUpdate();
    const row = this.querySelector<HTMLElement>(`[data-place="${this.active}"]`);
    row?.focus({ preventScroll: true });
    return row !== null;
  }

  // -- scrolling --------------------------------------------------------------------------------------------------------

  #scroller(): HTMLElement | null {
    return this.querySelector(".grid-scroll");
  }

  #scrolled = (): void => {
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.#looked());
  };

  #looked(): void {
    this.#frame = 0;
    const scroll = this.#scroller();
    if (scroll === null || scroll.clientHeight === 0) return;
    this.#view = { top: scroll.scrollTop, height: scroll.clientHeight };
    const { first, end } = visibleRange(this.#view, ROW, this.#loader?.rows.count ?? 0);
    if (first !== this.#range.first || end !== this.#range.end) this.requestUpdate();
    this.#more();
    this.#readChanged();
  }

  #more(): void {
    const loader = this.#loader;
    if (loader !== null && wantsMore(this.#view, ROW, loader.rows.count)) void loader.more();
  }

  #reload(): void {
    this.#loader?.stop();
    this.selection = new Selection();
    this.active = 0;
    const scroll = this.#scroller();
    if (scroll !== null) scroll.scrollTop = 0;
    this.#view = { ...this.#view, top: 0 };
    const loader = new Loader(this.context.client, this.route.filter, (payments) => this.#came(loader, payments));
    this.#loader = loader;
    void loader.more();
    this.requestUpdate();
  }

  #came(loader: Loader, payments: readonly Payment[]): void {
    if (loader !== this.#loader) return;
    for (const payment of payments) remember(this.context.seen, keyOf(payment), payment);
    this.requestUpdate();
    if (loader.failure === "") this.#more();
  }

  // -- what happens meanwhile -------------------------------------------------------------------------------------------

  protected override heard(event: Event): void {
    this.#loader?.rows.changed(event, mayFit(this.route.filter, event));
    this.#readChanged();
    this.requestUpdate();
  }

  #readChanged(): void {
    const { first, end } = this.#range;
    this.#loader?.readChanged(first, end, (payment) => this.#refreshed(payment));
  }

  #refreshed(payment: Payment): void {
    const key = keyOf(payment);
    remember(this.context.seen, key, payment);
    clearTimeout(this.#fresh.get(key));
    this.#fresh.set(
      key,
      window.setTimeout(() => this.#fresh.delete(key), FRESH_MILLISECONDS),
    );
    this.requestUpdate();
  }

  // -- keyboard and selection -------------------------------------------------------------------------------------------

  #key = (press: KeyboardEvent): void => {
    const count = this.#loader?.rows.count ?? 0;
    const screen = Math.max(1, Math.floor(this.#view.height / ROW) - 1);
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: screen,
      PageUp: -screen,
      Home: -count,
      End: count,
    };
    const step = steps[press.key];
    const payment = this.#loader?.rows.at(this.active);
    if (step !== undefined) void this.#moveTo(clamp(this.active + step, 0, count - 1), press.shiftKey);
    else if (press.key === " " && payment) this.#toggle(keyOf(payment), press.shiftKey);
    else if (press.key === "Enter" && payment) this.#open(payment);
    else if (press.key === "Escape" && this.selection.size > 0) this.selection = new Selection();
    else if (press.key === "a" && (press.ctrlKey || press.metaKey)) this.#toggleAll();
    else return;
    press.preventDefault();
  };

  async #moveTo(place: number, extend: boolean): Promise<void> {
    const before = this.#loader?.rows.at(this.active);
    this.active = place;
    const payment = this.#loader?.rows.at(place);
    if (extend && payment && before) {
      if (this.selection.anchor === null) this.selection = this.selection.toggled(keyOf(before));
      this.#toggle(keyOf(payment), true);
    }
    const scroll = this.#scroller();
    const top = scrollTo(place, { ...this.#view, height: this.#view.height - 38 }, ROW);
    if (scroll !== null && top !== null) {
      scroll.scrollTop = top;
      this.#looked();
    }
    await this.updateComplete;
    this.querySelector<HTMLElement>(`[data-place="${place}"]`)?.focus({ preventScroll: true });
  }

  #activate(place: number): void {
    if (this.active !== place) this.active = place;
  }

  #toggle(key: string, extend: boolean): void {
    this.selection = extend
      ? this.selection.extendedTo(key, (from, to) => this.#between(from, to))
      : this.selection.toggled(key);
  }

  #between(from: string, to: string): string[] {
    const rows = this.#loader?.rows;
    const places = [rows?.placeOf(from) ?? 0, rows?.placeOf(to) ?? 0].sort((one, other) => one - other);
    return (rows?.slice(places[0] ?? 0, (places[1] ?? 0) + 1) ?? []).map(keyOf);
  }

  #toggleAll(): void {
    const rows = this.#loader?.rows;
    if (rows === undefined) return;
    this.selection = this.selection.size >= rows.count ? new Selection() : this.selection.with(rows.keys());
  }

  #deselect(): void {
    this.selection = new Selection();
    this.querySelector<HTMLElement>(`[data-place="${this.active}"]`)?.focus();
  }

  async #selectMatching(): Promise<void> {
    const loader = this.#loader;
    if (loader === null) return;
    this.selecting = true;
    await this.attempt(() =>
      loader.everything(RUN_MAX, () => {
        if (loader === this.#loader) this.selection = this.selection.with(loader.rows.keys());
      }),
    );
    if (loader === this.#loader) this.selection = new Selection([...loader.rows.keys()].slice(0, RUN_MAX));
    this.selecting = false;
  }

  #open(payment: Payment): void {
    this.context.go({ page: "order", store: payment.store, orderId: payment.orderId });
  }

  async #begin(action: (typeof BULK_ACTIONS)[number]): Promise<void> {
    const orders = this.selection.keys().map((key) => {
      const order = orderOf(key);
      return { ...order, orderNumber: this.#loader?.rows.get(key)?.orderNumber ?? "" };
    });
    const run = newRun(newRequestId(), action, orders.length, this.context.actor, Date.now());
    await this.attempt(async () => {
      await this.context.runs.add(run, newItems(orders, newRequestId));
      this.context.go({ page: "run", run: run.id });
    });
  }
}
