import { html, nothing } from "lit";
import { type Key, millis } from "../i18n/index.js";
import { isZero } from "../money.js";
import { ErrorReason, type Event, type Payment, PaymentStatus } from "../proto.js";
import { money } from "./money.js";
import { type Drawn, methodName, quoted, type View } from "./view.js";

/** One plain sentence of what is so. */
export function summary(view: View, payment: Payment, events: Event[]): Drawn {
  const { t, now } = view;
  const since = events.findLast(({ statusBefore, statusAfter }) => statusBefore !== statusAfter)?.time;
  const expires = payment.authorizationExpireTime;
  const values = {
    amount: money(view, payment.authorizedAmount),
    captured: money(view, payment.capturedAmount),
    refunded: money(view, payment.refundedAmount),
    on: since ? t.text("on", { date: t.format.day(since, now) }) : "",
    when: expires ? t.format.distance(millis(expires), now) : "",
    method: html`<bdi>${methodName(payment)}</bdi>`,
  };
  return html`<p class="summary">${t.parts(sentence(view, payment), values)}</p>
    ${payment.reasonCode ? html`<p class="muted">${t.parts("reason_code", { code: quoted(payment.reasonCode) })}</p>` : nothing}`;
}

/** Tell whether the order was paid another way: then nothing here is about this payment. */
export function isForeign(payment: Payment): boolean {
  const { unavailableActions: refused } = payment;
  return refused.length > 0 && refused.every(({ reason }) => reason === ErrorReason.NOT_OUR_PAYMENT_METHOD);
}

function sentence({ t, now }: View, payment: Payment): Key {
  if (isForeign(payment)) return "summary.other_method";
  const expires = payment.authorizationExpireTime;
  if (payment.status === PaymentStatus.AUTHORIZED && expires) {
    return millis(expires) > now ? "summary.AUTHORIZED.expires" : "summary.AUTHORIZED.overdue";
  }
  if (payment.status === PaymentStatus.VOIDED && !isZero(payment.capturedAmount)) return "summary.VOIDED.rest";
  return t.known(`summary.${PaymentStatus[payment.status]}`, "summary.UNSPECIFIED");
}
