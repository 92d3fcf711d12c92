/** The picture of a payment's course: stations on a line, what happened between, what is to come. */

import { type Event, type Payment, PaymentStatus } from "@payment-actions/web/proto";
import { html, nothing, type TemplateResult } from "lit";
import { courseOf, type Station } from "../charts/course.js";
import type { Texts } from "../i18n/texts.js";
import { actionWord, actorWord, eventTone, eventWord, statusTone, statusWord } from "../words.js";

const DOTS_MAX = 6;

export function course(texts: Texts, payment: Payment, events: readonly Event[]): TemplateResult {
  const stations = courseOf(payment, events, Date.now());
  return html`<ol class="course">${stations.map((station, place) => one(texts, payment, station, stations[place + 1]))}</ol>`;
}

function one(texts: Texts, payment: Payment, station: Station, next: Station | undefined): TemplateResult {
  return html`
    <li data-kind=${station.kind} data-tone=${station.kind === "past" ? statusTone(station.status) : "warn"}
      data-next=${next !== undefined && next.kind !== "past" ? "ahead" : ""} .style=${station.way > 0 ? `flex-grow:${station.way}` : ""}>
      <div class="what">${name(texts, payment, station)}</div>
      ${station.amount === undefined || station.status === PaymentStatus.DECLINED ? nothing : html`<div>${texts.money(station.amount)}</div>`}
      <div class="quiet small"><time title=${texts.relative(station.time)}>${texts.dateTime(station.time)}</time></div>
      ${station.event === undefined ? nothing : html`<div class="quiet small break">${actorWord(texts, station.event.actor)}</div>`}
      ${between(texts, station.between)}
    </li>
  `;
}

function name(texts: Texts, payment: Payment, station: Station): string {
  const operation = payment.operationInFlight;
  if (station.kind === "under_way" && operation)
    return texts.t("operation.underWay", { action: actionWord(texts, operation.action) });
  if (station.kind === "expiry") return texts.t(station.time > Date.now() ? "order.expires" : "order.expired");
  return statusWord(texts, station.status);
}

function between(texts: Texts, events: readonly Event[]): unknown {
  if (events.length === 0) return nothing;
  const words = (event: Event): string =>
    `${texts.clock(event.time)} ${eventWord(texts, event.type)}: ${event.message}`;
  return html`<div class="events" aria-hidden="true">${events
    .slice(-DOTS_MAX)
    .map((event) => html`<span data-tone=${eventTone(event.type)} title=${words(event)}></span>`)}</div>`;
}
