import { html, nothing } from "lit";
import { fromDecimal } from "../money.js";
import { actionsOf } from "../order/history.js";
import { Action, type Event, EventType, type Payment } from "../proto.js";
import { statusChip } from "./status_chip.js";
import { type Drawn, quoted, type View } from "./view.js";
import { actionOf, actorWord, eventKey, stateWord, statusWord } from "./words.js";

const OPERATION = [
  EventType.OPERATION_STARTED,
  EventType.OPERATION_UPDATED,
  EventType.OPERATION_ENDED,
  EventType.OPERATION_RESOLVED,
];
const ALARMING = [EventType.ANOMALY, EventType.STORE_UPDATE_DELAYED, EventType.STORE_STATUS_CHANGED];

/** The history, newest first: what, who, when, and what the status was before and after. */
export function history(view: View, payment: Payment, events: Event[], shown: number, more: () => void): Drawn {
  const { t } = view;
  const older = events.length - shown;
  const actions = actionsOf(events, payment.operationInFlight);
  return html`<div class="history">
    <h3 id="history">${t.text("history.heading")}</h3>
    <ol>
      ${events
        .slice(-shown)
        .reverse()
        .map((event) => line(view, event, actions))}
    </ol>
    ${events.length === 0 ? html`<p class="muted">${t.text("history.empty")}</p>` : nothing}
    ${older > 0 ? html`<button type="button" class="link" @click=${more}>${t.text("history.older", { count: older })}</button>` : nothing}
  </div>`;
}

function line(view: View, event: Event, actions: Map<string, Action>): Drawn {
  const { t } = view;
  const moved = event.statusBefore !== event.statusAfter;
  const note = event.details["note"];
  const iso = event.time && new Date(Number(event.time.seconds) * 1000).toISOString();
  return html`<li data-tone=${tone(event)}>
    <p class="event">
      <span>${headline(view, event, actions)}</span>
      ${moved ? statusChip(view, event.statusAfter) : nothing}
    </p>
    <p class="muted">
      <bdi>${actorWord(t, event.actor)}</bdi>${event.time ? html` · <time datetime=${iso ?? ""}>${t.format.moment(event.time)}</time>` : nothing}
      ${moved && event.statusBefore ? html` · ${t.text("history.was", { status: statusWord(t, event.statusBefore) })}` : nothing}
    </p>
    ${note ? html`<p class="note">${t.parts("history.note", { note: quoted(note, "") })}</p>` : nothing}
    ${said(event).map((text) => html`<p class="said">${quoted(text)}</p>`)}
  </li>`;
}

function headline({ t }: View, event: Event, actions: Map<string, Action>): string {
  const action = actions.get(event.operationId) ?? Action.UNSPECIFIED;
  return t.text(eventKey(t, event.type), {
    action: actionOf(t, action, amountIn(event.message)),
    state: stateWord(t, event.details["operation_state"] ?? ""),
  });
}

/** What the service says in its own words, where the headline does not say it all. */
function said({ type, message, details }: Event): string[] {
  const why = [details["reason_code"], details["gateway_message"], details["reason"], details["error"]];
  return [OPERATION.includes(type) ? "" : message, ...why].filter(
    (text) => text !== undefined && text !== "",
  ) as string[];
}

/** The amount that a message names, "CAPTURE of 129.90 USD started": the event has no field for it. */
function amountIn(message: string) {
  const found = / of (\d[\d.]*) ([A-Z]{3})\b/.exec(message);
  return found?.[1] && found[2] ? fromDecimal(found[1], found[2]) : undefined;
}

function tone({ type, details }: Event): string {
  if (ALARMING.includes(type) || details["operation_state"] === "NEEDS_REVIEW") return "warn";
  return type === EventType.OPERATION_ENDED && details["operation_state"] === "SUCCEEDED" ? "good" : "";
}
