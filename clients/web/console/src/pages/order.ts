/** One order: what may be done with it, how it came to stand where it stands, and all that names it. */

import type { PaymentActionsClient } from "@payment-actions/web/client";
import type { Event, Operation, Payment } from "@payment-actions/web/proto";
import { html, nothing, type TemplateResult } from "lit";
import { type ChainState, checkChain } from "../chain.js";
import { remember } from "../context.js";
import { keyOf } from "../list/rows.js";
import { hrefOf, payments, type Route } from "../routing.js";
import { statusBadge } from "../words.js";
import { course } from "./order_course.js";
import { chainText, facts, operationList, recordTable, referenceList } from "./order_parts.js";
import { Page } from "./page.js";
import { flags } from "./payments_rows.js";

const EVENT_MILLISECONDS = 120;
const OPERATIONS_MAX = 20;

type OrderRoute = Extract<Route, { page: "order" }>;

export class OrderPage extends Page<"order"> {
  static override properties = {
    ...Page.properties,
    payment: { state: true },
    events: { state: true },
    operations: { state: true },
    chain: { state: true },
  };

  declare payment: Payment | null;
  declare events: readonly Event[];
  declare operations: readonly Operation[];
  declare chain: ChainState | null;
  #timer = 0;
  #shared: PaymentActionsClient | null = null;
  #sharedFrom: PaymentActionsClient | null = null;

  constructor() {
    super();
    this.payment = null;
    this.events = [];
    this.operations = [];
    this.chain = null;
  }

  protected arrived(from: OrderRoute | undefined): void {
    if (from !== undefined && keyOf(from) === keyOf(this.route)) return;
    void loadElement();
    this.payment = this.context.seen.get(keyOf(this.route)) ?? null;
    this.events = [];
    this.operations = [];
    this.chain = null;
    void this.#read();
  }

  protected override heard(event: Event): void {
    if (keyOf(event) !== keyOf(this.route)) return;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#read(), EVENT_MILLISECONDS);
  }

  async #read(): Promise<void> {
    const { store, orderId } = this.route;
    const { signal } = this.stopped;
    const here = (): boolean => this.route.store === store && this.route.orderId === orderId;
    await this.attempt(async () => {
      const payment = await this.context.client.getPayment(store, orderId, { signal });
      if (!here()) return;
      this.payment = payment;
      remember(this.context.seen, keyOf(payment), payment);
      const events: Event[] = [];
      for await (const page of this.context.client.history(store, orderId, { signal })) events.push(...page);
      if (!here()) return;
      this.events = events;
      void this.#seal(events, here);
      await this.#readOperations(events, here);
    });
  }

  async #seal(events: readonly Event[], here: () => boolean): Promise<void> {
    const chain = await checkChain(events);
    if (here()) this.chain = chain;
  }

  /** There is no list of them: the history names them. */
  async #readOperations(events: readonly Event[], here: () => boolean): Promise<void> {
    const ids = [...new Set(events.map((event) => event.operationId).filter((id) => id !== ""))].reverse();
    const { store } = this.route;
    const { rpc } = this.context.client;
    const answers = await Promise.all(
      ids
        .slice(0, OPERATIONS_MAX)
        .map((operationId) => rpc.getOperation({ store, operationId }, { signal: this.stopped.signal })),
    );
    if (here()) this.operations = answers.flatMap(({ operation }) => (operation === undefined ? [] : [operation]));
  }

  protected override render(): TemplateResult {
    const { texts } = this.context;
    const { payment, route } = this;
    const number = payment?.orderNumber || route.orderId;
    const title = texts.t("order.title", { order: number });
    document.title = `${title} – payment-actions`;
    return html`
      <div class="page">
        <div>
          <a class="small" href=${hrefOf(payments({ store: route.store }))}>${texts.t("order.back")}: ${route.store}</a>
          <div class="page-head">
            <h1 tabindex="-1">${title}</h1>
            ${payment === null ? nothing : html`${payment.gateway === "" ? nothing : statusBadge(texts, payment.status)} ${flags(texts, payment)}`}
          </div>
        </div>
        ${
          this.failure === ""
            ? nothing
            : html`<p class="notice" data-kind="bad" role="alert">${texts.t("common.failed", { message: this.failure })}
          <button class="small-button" @click=${() => void this.#read()}>${texts.t("common.retry")}</button></p>`
        }
        ${payment === null || payment.anomaly === "" ? nothing : html`<p class="notice" data-kind="bad">${texts.t("order.anomaly", { message: payment.anomaly })}</p>`}
        ${payment === null ? (this.failure === "" ? html`<p class="quiet">${texts.t("common.loading")}</p>` : nothing) : this.#parts(payment)}
      </div>
    `;
  }

  #parts(payment: Payment): TemplateResult {
    const { texts } = this.context;
    return html`
      <section class="card">
        <header><h2>${texts.t("order.course")}</h2></header>
        ${course(texts, payment, this.events)}
      </section>
      <div class="order-columns">
        <div>${this.#actions()}</div>
        <div>
          <section class="card"><header><h2>${texts.t("order.facts")}</h2></header>${facts(texts, payment)}</section>
          <section class="card"><header><h2>${texts.t("order.operations")}</h2></header>${operationList(texts, this.operations)}</section>
          <section class="card"><header><h2>${texts.t("order.references")}</h2></header>${referenceList(texts, payment, this.operations)}</section>
        </div>
      </div>
      <details class="card flush record"><summary>${texts.t("order.record")} ${chainText(texts, this.chain)}</summary>${recordTable(texts, this.events)}</details>
    `;
  }

  /** The section that shops embed, on the stream that the console has anyway. */
  #actions(): TemplateResult {
    const { client, live, texts } = this.context;
    if (this.#sharedFrom !== client) this.#shared = { ...client, watch: (options) => live.follow(options) };
    this.#sharedFrom = client;
    return html`<payment-actions .client=${this.#shared} .store=${this.route.store} .order=${this.route.orderId} .locale=${texts.locale}
      lang=${texts.language}></payment-actions>`;
  }
}

/** The section that shops embed is half of all the code: it comes after the first paint, before anybody can have clicked. */
export async function loadElement(): Promise<void> {
  await import("@payment-actions/web/element");
}
