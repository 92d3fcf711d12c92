/** The log of all that happens, the newest first; older by going back in the sequence. */

import type { Event } from "@payment-actions/web/proto";
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { ALL_EVENT_TYPES, type EventsFilter, eventsQuery } from "../filters.js";
import { eventsBetween } from "../live.js";
import { hrefOf, type Route } from "../routing.js";
import { actorWord, badge, eventTone, eventWord, statusBadge } from "../words.js";
import { Page } from "./page.js";
import { storeSelect } from "./payments_filters.js";

/** So many sequences are read back at once; more each time, while few of them fit the filter. */
const STEP = 100n;
const STEP_MAX = 3200n;
const WANTED = 50;
const STEPS_MAX = 10;
const KEPT_MAX = 5_000;

type EventsRoute = Extract<Route, { page: "events" }>;

export class EventsPage extends Page<"events"> {
  static override properties = {
    ...Page.properties,
    shown: { state: true },
    waiting: { state: true },
    reading: { state: true },
    oldest: { state: true },
  };

  /** The newest first. */
  declare shown: readonly Event[];
  /** Came while one was reading further down, or in the past. */
  declare waiting: readonly Event[];
  declare reading: boolean;
  /** Everything after this sequence was read; null: nothing yet. */
  declare oldest: bigint | null;

  constructor() {
    super();
    this.shown = [];
    this.waiting = [];
    this.reading = false;
    this.oldest = null;
  }

  protected arrived(from: EventsRoute | undefined): void {
    if (from !== undefined && eventsQuery(from.filter).toString() === eventsQuery(this.route.filter).toString()) return;
    this.shown = [];
    this.waiting = [];
    this.oldest = null;
    void this.#begin();
  }

  protected override heard(event: Event): void {
    if (!this.#fits(event) || this.oldest === null) return;
    if (this.route.filter.before === null && scrollY < 200) this.shown = [event, ...this.shown].slice(0, KEPT_MAX);
    else this.waiting = [event, ...this.waiting].slice(0, KEPT_MAX);
  }

  #fits(event: Event): boolean {
    const { store, types } = this.route.filter;
    return (store === "" || store === event.store) && (types.length === 0 || types.includes(event.type));
  }

  async #begin(): Promise<void> {
    const { filter } = this.route;
    await this.attempt(async () => {
      const { lastSequence } = await this.context.client.rpc.getOverview({ days: 1 });
      if (filter !== this.route.filter) return;
      this.oldest = filter.before !== null && filter.before < lastSequence ? filter.before : lastSequence;
    });
    if (this.oldest !== null) await this.#older();
  }

  async #older(): Promise<void> {
    if (this.reading) return;
    this.reading = true;
    const { filter } = this.route;
    await this.attempt(async () => {
      const wanted = this.shown.length + WANTED;
      let size = STEP;
      for (let step = 0; step < STEPS_MAX && this.shown.length < wanted; step++) {
        const through = this.oldest;
        if (through === null || through <= 0n) break;
        const after = through > size ? through - size : 0n;
        const stream = this.context.client.rpc.watchEvents.bind(this.context.client.rpc);
        const found = await eventsBetween(stream, after, through, this.stopped.signal);
        if (filter !== this.route.filter) return;
        this.shown = [...this.shown, ...found.filter((event) => this.#fits(event)).reverse()];
        this.oldest = after;
        if (size < STEP_MAX) size *= 2n;
      }
    });
    this.reading = false;
    if (filter !== this.route.filter && this.oldest !== null) await this.#older();
  }

  protected override render(): TemplateResult {
    const { texts, overview } = this.context;
    const { filter } = this.route;
    document.title = `${texts.t("events.title")} – payment-actions`;
    return html`
      <div class="page">
        <div class="page-head">
          <h1 tabindex="-1">${texts.t("events.title")}</h1>
          <div class="row end">
            ${
              filter.before === null
                ? nothing
                : html`<span class="quiet">${texts.t("events.before", { sequence: String(filter.before) })}</span>
              <button @click=${() => this.#go({ before: null })}>${texts.t("events.fromNow")}</button>`
            }
            ${storeSelect(texts, overview?.stores ?? [], filter.store, (store) => this.#go({ store }))}
          </div>
        </div>
        <div class="chips" role="group" aria-label=${texts.t("events.type")}>
          ${ALL_EVENT_TYPES.map((type) => {
            const pressed = filter.types.includes(type);
            const types = pressed ? filter.types.filter((one) => one !== type) : [...filter.types, type];
            return html`<button aria-pressed=${pressed} @click=${() => this.#go({ types })}>${eventWord(texts, type)}</button>`;
          })}
        </div>
        ${this.failure === "" ? nothing : html`<p class="notice" data-kind="bad" role="alert">${texts.t("common.failed", { message: this.failure })}</p>`}
        ${
          this.waiting.length > 0
            ? html`<div><button class="primary" @click=${() => this.#showWaiting()}>${texts.t("events.newer", { count: this.waiting.length })}</button></div>`
            : nothing
        }
        ${this.#table()}
      </div>
    `;
  }

  #table(): TemplateResult {
    const { texts } = this.context;
    return html`
      <div class="card flush">
        <div class="scroll"><table aria-label=${texts.t("events.log")} aria-busy=${this.reading}>
          <thead><tr>
            <th scope="col">${texts.t("common.when")}</th><th scope="col">${texts.t("common.order")}</th>
            <th scope="col">${texts.t("common.what")}</th><th scope="col">${texts.t("common.status")}</th>
            <th scope="col">${texts.t("common.who")}</th><th scope="col" class="number">${texts.t("events.sequence")}</th>
          </tr></thead>
          <tbody>${repeat(
            this.shown,
            (event) => event.sequence,
            (event) => this.#row(event),
          )}</tbody>
        </table></div>
        <div class="grid-foot">
          ${this.reading ? html`<span role="status">${texts.t("common.loading")}</span>` : nothing}
          ${
            this.oldest === 0n
              ? html`<span>${texts.t(this.shown.length === 0 ? "events.none" : "events.oldest")}</span>`
              : html`<button class="small-button" ?disabled=${this.reading} @click=${() => void this.#older()}>${texts.t("events.older")}</button>`
          }
        </div>
      </div>
    `;
  }

  #row(event: Event): TemplateResult {
    const { texts } = this.context;
    const here: Route = { page: "events", filter: { ...this.route.filter, before: event.sequence } };
    return html`<tr>
      <td class="nowrap quiet"><time>${texts.clock(event.time)}</time></td>
      <td><a href=${hrefOf({ page: "order", store: event.store, orderId: event.orderId })}>${event.orderId}</a><div class="quiet small">${event.store}</div></td>
      <td>${badge(eventWord(texts, event.type), eventTone(event.type))}<div class="small break">${event.message}</div></td>
      <td class="nowrap">${event.statusBefore === event.statusAfter ? html`<span class="quiet small">=</span> ` : nothing}${statusBadge(texts, event.statusAfter)}</td>
      <td class="break">${actorWord(texts, event.actor)}</td>
      <td class="number"><a class="quiet" href=${hrefOf(here)}>${String(event.sequence)}</a></td>
    </tr>`;
  }

  #showWaiting(): void {
    if (this.route.filter.before !== null) {
      this.#go({ before: null });
      return;
    }
    this.shown = [...this.waiting, ...this.shown].slice(0, KEPT_MAX);
    this.waiting = [];
    scrollTo({ top: 0 });
  }

  #go(changed: Partial<EventsFilter>): void {
    this.context.go({ page: "events", filter: { ...this.route.filter, ...changed } }, "replace");
  }
}
