import { html, nothing } from "lit";
import { type Key, millis } from "../i18n/index.js";
import type { Order } from "../order/order.js";
import { OperationState, type Payment } from "../proto.js";
import { type Drawn, methodName, type View } from "./view.js";
import { actionOf } from "./words.js";

/** What is under way, as honestly as it is known: who is asked, what is not known, when we look again. */
export function underWay(view: View, payment: Payment, sending?: Order["sending"]): Drawn {
  const { t } = view;
  const method = methodName(payment);
  const operation = payment.operationInFlight;
  if (operation === undefined) {
    return sending === undefined
      ? nothing
      : panel("busy", t.text("way.sending", { action: actionOf(t, sending.action, sending.amount), method }));
  }
  const values = { action: actionOf(t, operation.action, operation.amount), method };
  if (operation.state === OperationState.NEEDS_REVIEW) {
    return panel("review", t.text("way.NEEDS_REVIEW", values), t.text("way.NEEDS_REVIEW.then", values));
  }
  const key: Key = operation.state === OperationState.PENDING ? "way.PENDING" : "way.UNKNOWN";
  const check = operation.nextCheckTime && millis(operation.nextCheckTime);
  const then =
    check && check > view.now
      ? t.text("way.check", { when: t.format.distance(check, view.now) })
      : t.text("way.checking");
  return panel("busy", t.text(key, values), then);
}

/** When the service looks at the gateway by itself, for a payment whose result has not come. */
export function nextLook({ t, now }: View, payment: Payment): Drawn {
  const look = payment.nextRefreshTime && millis(payment.nextRefreshTime);
  if (!look || look < now || payment.operationInFlight) return nothing;
  return html`<p class="muted">${t.text("way.look", { method: methodName(payment), when: t.format.distance(look, now) })}</p>`;
}

// The countdown stands outside of what is announced: a screen reader would read out every second.
function panel(tone: string, what: string, then = ""): Drawn {
  return html`<div class="panel" data-tone=${tone}>
    <p class="what"><span>${what}</span></p>
    ${then ? html`<p class="then">${then}</p>` : nothing}
  </div>`;
}
