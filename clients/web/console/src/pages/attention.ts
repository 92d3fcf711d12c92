/** What is stuck and waits for a human, or for something that a human can mend. */

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type Event,
  ListPaymentsRequestSchema,
  OperationState,
  OrderState,
  type Payment,
  StoreUpdateState,
} from "@payment-actions/web/proto";
import { html, nothing, type TemplateResult } from "lit";
import { OVERDUE_SECONDS, type PaymentsFilter } from "../filters.js";
import { keyOf } from "../list/rows.js";
import { hrefOf, payments, type Route } from "../routing.js";
import { actionWord } from "../words.js";
import { Page } from "./page.js";
import { storeSelect } from "./payments_filters.js";
import { totalOf } from "./payments_rows.js";
import { resolveDialog, type Verdict } from "./resolve_dialog.js";

const SHOWN_MAX = 100;
const EVENT_MILLISECONDS = 1_000;

interface Found {
  readonly attention: readonly Payment[];
  readonly failing: readonly Payment[];
  readonly overdue: readonly Payment[];
}

export class AttentionPage extends Page<"attention"> {
  static override properties = {
    ...Page.properties,
    found: { state: true },
    resolving: { state: true },
    looking: { state: true },
  };

  declare found: Found | null;
  declare resolving: Payment | null;
  declare looking: ReadonlySet<string>;
  #timer = 0;

  constructor() {
    super();
    this.found = null;
    this.resolving = null;
    this.looking = new Set();
  }

  protected arrived(): void {
    void this.#read();
  }

  protected override heard(_event: Event): void {
    if (this.#timer !== 0) return;
    this.#timer = window.setTimeout(() => {
      this.#timer = 0;
      void this.#read();
    }, EVENT_MILLISECONDS);
  }

  async #read(): Promise<void> {
    const { store } = this.route;
    const list = async (narrowed: object): Promise<Payment[]> => {
      const request = create(ListPaymentsRequestSchema, { store, pageSize: SHOWN_MAX, ...narrowed });
      return (await this.context.client.rpc.listPayments(request, { signal: this.stopped.signal })).payments;
    };
    await this.attempt(async () => {
      const [attention = [], failing = [], overdue = []] = await Promise.all([
        list({ needingAttention: true }),
        list({ storeUpdateFailing: true }),
        list({ refreshDueBefore: timestampFromMs(Date.now() - OVERDUE_SECONDS * 1000) }),
      ]);
      if (store === this.route.store) this.found = { attention, failing, overdue };
    });
  }

  protected override render(): TemplateResult {
    const { texts, overview } = this.context;
    document.title = `${texts.t("attention.title")} – payment-actions`;
    return html`
      <div class="page">
        <div class="page-head">
          <h1 tabindex="-1">${texts.t("attention.title")}</h1>
          <div class="end">${storeSelect(texts, overview?.stores ?? [], this.route.store, (store) => this.context.go({ page: "attention", store }, "replace"))}</div>
        </div>
        ${this.failure === "" ? nothing : html`<p class="notice" data-kind="bad" role="alert">${texts.t("common.failed", { message: this.failure })}</p>`}
        ${this.found === null ? html`<p class="quiet">${texts.t("common.loading")}</p>` : this.#sections(this.found)}
        ${resolveDialog(
          texts,
          this.resolving,
          (verdict) => this.#resolve(verdict),
          () => {
            this.resolving = null;
          },
        )}
      </div>
    `;
  }

  #sections(found: Found): unknown {
    const { texts } = this.context;
    const review = found.attention.filter(
      (payment) => payment.operationInFlight?.state === OperationState.NEEDS_REVIEW,
    );
    const anomalies = found.attention.filter((payment) => payment.anomaly !== "");
    const disputed = found.attention.filter(({ storeUpdate }) => storeUpdate?.state === StoreUpdateState.DISPUTED);
    const totals = found.attention.filter(({ orderState }) => orderState === OrderState.TOTAL_INVALID);
    const lists = [review, anomalies, disputed, totals, found.failing, found.overdue];
    if (lists.every(({ length }) => length === 0)) {
      return html`<p class="card empty">${texts.t("attention.allWell")}</p>`;
    }
    return [
      this.#section(
        "review",
        review,
        { attention: true },
        [texts.t("common.action"), texts.t("attention.reference"), ""],
        (payment) => this.#reviewCells(payment),
      ),
      this.#section("anomalies", anomalies, { attention: true }, [texts.t("common.what"), ""], (payment) => [
        html`<td class="words">${payment.anomaly}</td>`,
        this.#lookCell(payment),
      ]),
      this.#section(
        "disputed",
        disputed,
        { attention: true },
        [texts.t("order.storeStatus"), texts.t("common.what"), ""],
        (payment) => [
          html`<td>${payment.storeUpdate?.platformStatus}</td><td class="words">${payment.storeUpdate?.lastError}</td>`,
          this.#lookCell(payment, "attention.anew"),
        ],
      ),
      this.#section("totals", totals, { attention: true }, [texts.t("common.what"), ""], (payment) => [
        html`<td class="words">${payment.orderStateMessage}</td>`,
        this.#lookCell(payment),
      ]),
      this.#section(
        "updates",
        found.failing,
        { updateFailing: true },
        [texts.t("attention.error"), texts.t("attention.tries"), texts.t("attention.next")],
        (payment) => [
          html`<td class="words">${payment.storeUpdate?.lastError}</td>`,
          html`<td class="number">${texts.number(payment.storeUpdate?.attempts ?? 0)}</td>`,
          html`<td class="nowrap" title=${texts.dateTime(payment.storeUpdate?.nextAttemptTime)}>${texts.relative(payment.storeUpdate?.nextAttemptTime)}</td>`,
        ],
      ),
      this.#section("overdue", found.overdue, { overdue: true }, [texts.t("attention.due"), ""], (payment) => [
        html`<td class="nowrap" title=${texts.dateTime(payment.nextRefreshTime)}>${texts.relative(payment.nextRefreshTime)}</td>`,
        this.#lookCell(payment),
      ]),
    ];
  }

  #section(
    name: "review" | "anomalies" | "disputed" | "totals" | "updates" | "overdue",
    found: readonly Payment[],
    filter: Partial<PaymentsFilter>,
    heads: readonly string[],
    cells: (payment: Payment) => unknown,
  ): unknown {
    if (found.length === 0) return nothing;
    const { texts } = this.context;
    const all: Route = payments({ ...filter, store: this.route.store });
    return html`
      <section class="card flush" aria-labelledby="attention-${name}">
        <header class="row"><div><h2 id="attention-${name}">${texts.t(`attention.${name}`)}
          <span class="count">${texts.number(found.length)}${found.length === SHOWN_MAX ? "+" : ""}</span></h2>
          <p class="quiet small">${texts.t(`attention.${name}Text`)}</p></div></header>
        <div class="scroll"><table>
          <thead><tr><th scope="col">${texts.t("common.order")}</th><th scope="col">${texts.t("common.store")}</th>
            <th scope="col" class="number">${texts.t("common.amount")}</th>
            ${heads.map((head) => (head === "" ? html`<td></td>` : html`<th scope="col">${head}</th>`))}</tr></thead>
          <tbody>${found.map(
            (payment) => html`<tr>
              <th scope="row"><a href=${hrefOf({ page: "order", store: payment.store, orderId: payment.orderId })}>${payment.orderNumber || payment.orderId}</a></th>
              <td class="quiet">${payment.store}</td><td class="number">${totalOf(texts, payment)}</td>${cells(payment)}</tr>`,
          )}</tbody>
        </table></div>
        ${found.length === SHOWN_MAX ? html`<p class="grid-foot"><a href=${hrefOf(all)}>${texts.t("common.all")}</a></p>` : nothing}
      </section>
    `;
  }

  #reviewCells(payment: Payment): unknown {
    const { texts } = this.context;
    const operation = payment.operationInFlight;
    if (operation === undefined) return nothing;
    return [
      html`<td>${actionWord(texts, operation.action)} ${texts.money(operation.amount)}<div class="quiet small break">${operation.message}</div></td>`,
      html`<td class="mono break">${operation.reference}</td>`,
      html`<td class="number"><button class="small-button" @click=${() => this.#open(payment)}>${texts.t("attention.resolve")}</button></td>`,
    ];
  }

  #lookCell(payment: Payment, label: "attention.refresh" | "attention.anew" = "attention.refresh"): TemplateResult {
    const key = keyOf(payment);
    return html`<td class="number"><button class="small-button" ?disabled=${this.looking.has(key)}
      @click=${() => void this.#look(payment)}>${this.context.texts.t(label)}</button></td>`;
  }

  async #look(payment: Payment): Promise<void> {
    const key = keyOf(payment);
    this.looking = new Set([...this.looking, key]);
    await this.attempt(async () => {
      await this.context.client.refresh(payment.store, payment.orderId);
    });
    this.looking = new Set([...this.looking].filter((one) => one !== key));
    if (this.failure === "") await this.#read();
  }

  async #open(payment: Payment): Promise<void> {
    this.resolving = payment;
    await this.updateComplete;
    this.querySelector<HTMLDialogElement>("dialog.resolve")?.showModal();
  }

  async #resolve(verdict: Verdict): Promise<void> {
    await this.context.client.rpc.resolveOperation(verdict);
    this.resolving = null;
    await this.#read();
  }
}
