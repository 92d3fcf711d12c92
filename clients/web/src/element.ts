import { PaymentActionsElement } from "./payment_actions_element.js";

export { PaymentActionsElement } from "./payment_actions_element.js";

// The script may be on a page twice: the shop's own and a plugin's.
if (customElements.get("payment-actions") === undefined) {
  customElements.define("payment-actions", PaymentActionsElement);
}

declare global {
  interface HTMLElementTagNameMap {
    "payment-actions": PaymentActionsElement;
  }
}
