/** What moved, what waits, what runs out soon. */

import { type Event, EventType, type GetOverviewResponse } from "@payment-actions/web/proto";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { byCurrency, countChart, dailyChart, dailyTable, legend } from "../charts/daily.js";
import { dayPlus, daysUpTo } from "../charts/scale.js";
import { sums } from "../money.js";
import { attention, DAYS_SHOWN, events, hrefOf, payments, type Route } from "../routing.js";
import { statusBadge, type Tone } from "../words.js";
import { Page } from "./page.js";
import { storeSelect } from "./payments_filters.js";

const EXPIRING_DAYS = 14;
const EVENT_MILLISECONDS = 1_500;

/** The list has no filter for what is under way; the log tells what was begun. */
function underWay(store: string): Route {
  return events({ store, types: [EventType.OPERATION_STARTED, EventType.OPERATION_UPDATED] });
}

type OverviewRoute = Extract<Route, { page: "overview" }>;

export class OverviewPage extends Page<"overview"> {
  static override properties = { ...Page.properties, overview: { state: true } };

  declare overview: GetOverviewResponse | null;
  #timer = 0;

  constructor() {
    super();
    this.overview = null;
  }

  protected arrived(from: OverviewRoute | undefined): void {
    if (from?.store !== this.route.store) this.overview = null;
    if (this.route.store !== "") void this.#read();
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    const { overview, overviewDays } = this.context;
    if (this.route.store === "" && overviewDays === this.route.days) this.overview = overview;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("resize", this.#resized);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("resize", this.#resized);
    clearTimeout(this.#timer);
  }

  readonly #resized = (): void => this.requestUpdate();

  /** Many events in a row are one reason to read anew. All stores are read by the frame, for its menu shows them, too. */
  protected override heard(_event: Event): void {
    if (this.#timer !== 0 || this.route.store === "") return;
    this.#timer = window.setTimeout(() => {
      this.#timer = 0;
      void this.#read();
    }, EVENT_MILLISECONDS);
  }

  async #read(): Promise<void> {
    const { store, days } = this.route;
    await this.attempt(async () => {
      const overview = await this.context.client.rpc.getOverview({ store, days }, { signal: this.stopped.signal });
      if (store === this.route.store && days === this.route.days) this.overview = overview;
    });
  }

  protected override render(): TemplateResult {
    const { texts } = this.context;
    const { overview, route } = this;
    document.title = `${texts.t("overview.title")} – payment-actions`;
    return html`
      <div class="page">
        <div class="page-head">
          <h1 tabindex="-1">${texts.t("overview.title")}</h1>
          <div class="row end">
            ${storeSelect(texts, this.context.overview?.stores ?? overview?.stores ?? [], route.store, (store) => this.#go({ store }))}
            <div class="segments" role="group" aria-label=${texts.t("overview.days")}>
              ${DAYS_SHOWN.map(
                (days) =>
                  html`<button aria-pressed=${days === route.days} @click=${() => this.#go({ days })}>${texts.t("overview.daysCount", { count: days })}</button>`,
              )}
            </div>
          </div>
        </div>
        ${this.failure === "" ? nothing : html`<p class="notice" data-kind="bad" role="alert">${texts.t("common.failed", { message: this.failure })}</p>`}
        ${overview === null ? html`<p class="quiet">${this.failure === "" ? texts.t("common.loading") : nothing}</p>` : this.#shown(overview)}
      </div>
    `;
  }

  #go(changed: Partial<OverviewRoute>): void {
    this.context.go({ ...this.route, ...changed }, "replace");
  }

  #shown(overview: GetOverviewResponse): TemplateResult {
    const { texts } = this.context;
    const known = overview.statusCounts.length > 0;
    return html`
      ${overview.stores
        .filter((store) => !store.inService)
        .map(
          (store) =>
            html`<p class="notice" data-kind="bad">${texts.t("overview.outOfService", { store: store.store, message: store.outOfServiceMessage })}</p>`,
        )}
      ${overview.totalsSequence < overview.lastSequence - 1000n ? html`<p class="notice" data-kind="warn">${texts.t("overview.counting")}</p>` : nothing}
      ${this.#tiles(overview)}
      ${known ? [this.#moved(overview), html`<div class="columns">${this.#expiring(overview)}${this.#statuses(overview)}</div>`] : html`<p class="card empty">${texts.t("overview.noPayments")}</p>`}
    `;
  }

  #tiles(overview: GetOverviewResponse): TemplateResult {
    const { store } = this.route;
    const { texts } = this.context;
    const tile = (count: bigint, name: string, tone: Tone, route: Route): TemplateResult =>
      html`<a class="tile" href=${hrefOf(route)} data-tone=${count > 0n ? tone : ""}><strong>${texts.number(count)}</strong> <span>${name}</span></a>`;
    return html`<section class="tiles" aria-label=${texts.t("overview.waiting")}>
      ${tile(overview.needingAttentionCount, texts.t("overview.attention"), "bad", attention(store))}
      ${tile(overview.operationInFlightCount, texts.t("overview.inFlight"), "", underWay(store))}
      ${tile(overview.storeUpdateWaitingCount, texts.t("overview.updates"), "warn", payments({ store, updateFailing: true }))}
      ${tile(overview.refreshOverdueCount, texts.t("overview.overdue"), "warn", payments({ store, overdue: true }))}
    </section>`;
  }

  #moved(overview: GetOverviewResponse): TemplateResult {
    const { texts } = this.context;
    const today = new Date().toISOString().slice(0, 10);
    const currencies = byCurrency(overview.dailyTotals, daysUpTo(today, this.route.days));
    if (currencies.size === 0) return html`<p class="card empty">${texts.t("overview.movedNone")}</p>`;
    const columns = currencies.size > 1 ? 2 : 1;
    const cards = [...currencies].map(
      ([currency, days]) => html`
        <section class="card">
          <header><h2>${texts.t("overview.moved", { currency })}</h2><span class="quiet small end">${texts.t("overview.daysUtc")}</span></header>
          ${legend(texts, days)} ${dailyChart(texts, currency, days, this.#room(columns))}
          <details><summary>${texts.t("overview.table")}</summary>${dailyTable(texts, days)}</details>
        </section>
      `,
    );
    return html`<div class=${columns > 1 ? "columns" : ""}>${cards}</div>`;
  }

  /** How wide a chart may be in one of so many columns, as the style sheet lays them out. */
  #room(columns: number): number {
    const page = Math.min(innerWidth - (innerWidth <= 720 ? 24 : 40), 1240);
    const beside = page >= 380 * columns + 18 * (columns - 1) ? columns : 1;
    return Math.floor((page - 18 * (beside - 1)) / beside) - (innerWidth <= 720 ? 30 : 38);
  }

  #expiring(overview: GetOverviewResponse): TemplateResult {
    const { texts } = this.context;
    const today = new Date().toISOString().slice(0, 10);
    const all = overview.expiringAuthorizations;
    const within = (days: number) => all.filter((one) => one.date < dayPlus(today, days + 1));
    const days = Array.from({ length: EXPIRING_DAYS + 1 }, (_, place) => dayPlus(today, place)).map((date) => ({
      date,
      count: all.filter((one) => one.date === date).reduce((sum, one) => sum + Number(one.paymentCount), 0),
    }));
    return html`
      <section class="card">
        <header><h2>${texts.t("overview.expiring")}</h2></header>
        ${
          all.length === 0
            ? html`<p class="quiet">${texts.t("overview.expiringNone")}</p>`
            : html`${countChart(texts, days, texts.t("overview.expiringChart"), this.#room(2))}
              <div class="scroll"><table><tbody>
                ${[1, 3, 7, 14].map((count) => {
                  const some = within(count);
                  const number = some.reduce((sum, one) => sum + Number(one.paymentCount), 0);
                  return html`<tr>
                    <th scope="row"><a href=${hrefOf(payments({ store: this.route.store, expiringDays: count }))}>${texts.t("overview.expiringWithin", { count })}</a></th>
                    <td class="number">${texts.t("common.payments", { count: number })}</td>
                    <td class="number">${sums(some.map((one) => one.amount)).map((money) => html`<div>${texts.money(money)}</div>`)}</td>
                  </tr>`;
                })}
              </tbody></table></div>`
        }
      </section>
    `;
  }

  #statuses(overview: GetOverviewResponse): TemplateResult {
    const { texts } = this.context;
    const largest = Math.max(1, ...overview.statusCounts.map((one) => Number(one.paymentCount)));
    return html`
      <section class="card">
        <header><h2>${texts.t("overview.statuses")}</h2></header>
        <ul class="bare meter-list">
          ${overview.statusCounts.map(
            ({ status, paymentCount }) => html`<li>
              <a href=${hrefOf(payments({ store: this.route.store, statuses: [status] }))}>${statusBadge(texts, status)}</a>
              <svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect width="100" height="8" rx="1"></rect>
                <rect width=${Math.max(0.6, (Number(paymentCount) / largest) * 100)} height="8" rx="1"></rect></svg>
              <span class="number">${texts.number(paymentCount)}</span>
            </li>`,
          )}
        </ul>
      </section>
    `;
  }
}
