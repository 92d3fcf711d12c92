import { html, nothing } from "lit";
import { isOrderChanged } from "../order/order_state.js";
import { Action, type Payment } from "../proto.js";
import { type Drawn, quoted, type View } from "./view.js";
import { actionWord, orderKey } from "./words.js";

/** What became of the order in the shop, in the shop's own words, and the action that is left to do. */
export function orderState({ t }: View, payment: Payment): Drawn {
  if (!isOrderChanged(payment)) return nothing;
  const said = quoted(payment.orderStateMessage);
  const english = said !== nothing && t.locale.startsWith("en");
  const left = payment.availableActions.some(({ action }) => action === Action.VOID)
    ? t.text("order.left", { action: actionWord(t, Action.VOID) })
    : "";
  return html`<div class="panel" data-tone="warn">
    <p class="what">${english ? said : t.text(orderKey(t, payment.orderState))} ${left}</p>
    ${english ? nothing : html`<p class="said">${said}</p>`}
  </div>`;
}
