import { html, LitElement } from "lit";
import { createClient } from "./client/index.js";

export class PaymentActionsElement extends LitElement {
  protected override render() {
    return html`<p>${createClient({ baseUrl: "" }).rpc ? "" : ""}</p>`;
  }
}

customElements.define("payment-actions", PaymentActionsElement);
