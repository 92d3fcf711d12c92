import { html, nothing } from "lit";
import type { Notice } from "../order/notice.js";
import type { Order } from "../order/order.js";
import { Action, OperationState, type Payment } from "../proto.js";
import { type Drawn, methodName, quoted, type View } from "./view.js";
import { actionOf, actionWord, actorWord, ORDER_REASONS, statusWord } from "./words.js";

interface Told {
  tone: "good" | "info" | "warn" | "bad";
  text: string;
  after?: string | undefined;
  /** The service's or the gateway's own words. */
  said?: string;
  retry?: (() => void) | undefined;
}

/** What just happened, or did not, with what can be concluded from it. */
export function notice(view: View, payment: Payment, shown: Notice, dismiss: () => void): Drawn {
  const { t } = view;
  const { tone, text, after, said, retry } = told(view, payment, shown);
  return html`<div class="panel" data-tone=${tone}>
    <p class="what">${text}</p>
    ${after ? html`<p class="then">${after}</p>` : nothing}
    ${said ? html`<p class="said">${quoted(said)}</p>` : nothing}
    <div class="choices">
      ${retry ? html`<button type="button" @click=${retry}>${t.text("error.ask_again")}</button>` : nothing}
      <button type="button" class="close" aria-label=${t.text("error.dismiss")} @click=${dismiss}>×</button>
    </div>
  </div>`;
}

/** What a screen reader is told: what was done, what is under way, what came between. Nothing that counts seconds. */
export function announcement(view: View, order: Order | undefined): string {
  if (order?.payment === undefined) return "";
  const { t } = view;
  const method = methodName(order.payment);
  if (order.notice) {
    const { text, after } = told(view, order.payment, order.notice);
    return [text, after].filter(Boolean).join(" ");
  }
  const { operationInFlight: operation } = order.payment;
  if (operation) {
    const key = t.known(`way.${OperationState[operation.state]}`, "way.UNKNOWN");
    return t.text(key, { action: actionOf(t, operation.action, operation.amount), method });
  }
  if (order.sending) return t.text("way.sending", { action: actionWord(t, order.sending.action), method });
  if (order.connection === "lost" || order.connection === "offline") return t.text(`connection.${order.connection}`);
  return "";
}

function told(view: View, payment: Payment, shown: Notice): Told {
  const { t, now } = view;
  const method = methodName(payment);
  switch (shown.kind) {
    case "ended": {
      const { action, amount, state, message, reasonCode } = shown.operation;
      const key = t.known(`result.${OperationState[state]}`, "result.FAILED");
      const good = state === OperationState.SUCCEEDED || state === OperationState.ALREADY_DONE;
      const text = t.text(key, { action: actionOf(t, action, amount), method });
      return { tone: good ? "good" : "bad", text, said: good ? "" : [reasonCode, message].filter(Boolean).join(" · ") };
    }
    case "refreshed": {
      const key = shown.changed ? "result.refreshed" : "result.unchanged";
      return { tone: "info", text: t.text(key, { method, status: statusWord(t, shown.status) }) };
    }
    case "changed_by": {
      const values = { actor: actorWord(t, shown.actor), status: statusWord(t, shown.status) };
      return { tone: "info", text: t.text("result.changed_by", values) };
    }
    case "stale":
      return { tone: "warn", text: t.text("error.ETAG_MISMATCH") };
    case "no_answer": {
      const text = t.text("error.NO_ANSWER", { action: actionWord(t, shown.action) });
      return { tone: "warn", text, after: t.text("error.NO_ANSWER.then"), retry: shown.retry };
    }
    case "unanswered": {
      const values = { action: actionWord(t, shown.action), when: t.format.distance(shown.time, now) };
      const after = t.text("error.NO_ANSWER.then");
      return { tone: "warn", text: t.text("error.UNANSWERED", values), after, retry: shown.retry };
    }
    case "refused": {
      // A look moves nothing: that its answer was lost leaves no doubt about money.
      const key = t.known(`error.${shown.error.reason}`, "error.REFUSED");
      const lostLook = shown.error.reason === "NO_ANSWER" && shown.action === Action.REFRESH;
      const text = t.text(lostLook ? "error.load" : key, { action: actionWord(t, shown.action), method });
      const why = ORDER_REASONS[shown.error.reason];
      // That nothing was sent is said by this page, not by the service: it has no words of its own.
      const said = shown.error.reason === "OFFLINE" ? "" : shown.error.message;
      return { tone: "bad", text, after: why && t.text(why), said };
    }
  }
}
