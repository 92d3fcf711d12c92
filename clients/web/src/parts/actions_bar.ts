import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { isOrderChanged } from "../order/order_state.js";
import { Action, type AvailableAction, ErrorReason, type Payment } from "../proto.js";
import { type Drawn, methodName, quoted, type View } from "./view.js";
import { actionOf, actionWord, ORDER_REASONS, reasonKey, statusWord } from "./words.js";

/** The buttons that the service offers, in its order. `busy`: one is being asked for. */
export function actionsBar(
  { t }: View,
  payment: Payment,
  choose: (offer: AvailableAction) => void,
  busy: Action | undefined,
): Drawn {
  if (payment.availableActions.length === 0) return nothing;
  return html`<div class="actions">
    ${repeat(payment.availableActions, key, (offer, index) => {
      const primary = index === 0 && offer.action !== Action.REFRESH;
      return html`<button
        type="button"
        class=${primary ? "primary" : ""}
        data-action=${Action[offer.action]}
        aria-disabled=${busy === undefined ? nothing : "true"}
        title=${t.locale.startsWith("en") ? offer.amountMaxReason || offer.effect : nothing}
        @click=${() => busy === undefined && choose(offer)}
      >
        ${busy === offer.action ? html`<span class="spinner"></span>` : nothing}
        ${primary ? actionOf(t, offer.action, offer.amountMax ?? offer.amount) : actionWord(t, offer.action)}
      </button>`;
    })}
  </div>`;
}

/** What is not offered, and why: in the reader's words, with the service's own beside them. */
export function unavailableActions({ t }: View, payment: Payment): Drawn {
  const { unavailableActions: refused } = payment;
  if (refused.length === 0) return nothing;
  // A rule of the store, or a store out of service, is news; what follows from the status is not.
  const expected = [ErrorReason.ACTION_NOT_AVAILABLE, ErrorReason.OPERATION_IN_FLIGHT];
  // What became of the order stands above, if that is shown.
  const told = (reason: ErrorReason) =>
    expected.includes(reason) || (isOrderChanged(payment) && (ErrorReason[reason] ?? "") in ORDER_REASONS);
  const open = refused.some(({ policy, reason }) => policy !== "" || !told(reason));
  return html`<details class="why" ?open=${open}>
    <summary>${t.text("why.heading")} <span class="count">${refused.length}</span></summary>
    <dl>
      ${refused.map(({ action, reason, message, policy }) => {
        const values = { status: statusWord(t, payment.status), method: methodName(payment) };
        return html`<dt data-action=${Action[action]}>${actionWord(t, action)}</dt>
          <dd>
            ${policy ? quoted(message) : t.text(reasonKey(t, reason, policy), values)}
            <span class="said">${policy ? t.text("why.policy") : quoted(message)}</span>
          </dd>`;
      })}
    </dl>
  </details>`;
}

/** A button that goes takes the focus with it, instead of becoming another action's under somebody's finger. */
function key({ action }: AvailableAction): Action {
  return action;
}
