/** One line of the list, and its head. */

import { isOrderChanged, isTotalUnknown } from "@payment-actions/web/order_state";
import { OperationState, type Payment, StoreUpdateState } from "@payment-actions/web/proto";
import { html, nothing, type TemplateResult } from "lit";
import { MAY_EXPIRE } from "../charts/course.js";
import type { Texts } from "../i18n/texts.js";
import { nanosOf } from "../money.js";
import { hrefOf } from "../routing.js";
import { actionWord, badge, orderWord, statusBadge } from "../words.js";

export interface RowState {
  readonly place: number;
  readonly top: number;
  readonly selected: boolean;
  readonly tabbable: boolean;
  readonly fresh: boolean;
  toggle(shift: boolean): void;
  open(): void;
  focused(): void;
}

export function gridHead(texts: Texts, all: { all: boolean; some: boolean; toggle(): void }): TemplateResult {
  return html`
    <div class="grid-row grid-head" role="row" aria-rowindex="1">
      <span class="tick" role="columnheader"><input type="checkbox" aria-label=${texts.t("payments.selectAll")} .checked=${all.all}
        .indeterminate=${all.some && !all.all} @change=${all.toggle}></span>
      <span role="columnheader">${texts.t("common.order")}</span>
      <span role="columnheader" class="middle">${texts.t("common.store")}</span>
      <span role="columnheader">${texts.t("common.status")}</span>
      <span role="columnheader" class="number">${texts.t("common.amount")}</span>
      <span role="columnheader" class="number middle">${texts.t("payments.captured")}</span>
      <span role="columnheader" class="number wide middle">${texts.t("payments.refunded")}</span>
      <span role="columnheader" class="wide middle">${texts.t("payments.expires")}</span>
      <span role="columnheader" class="middle">${texts.t("payments.updated")}</span>
    </div>
  `;
}

export function gridRow(texts: Texts, payment: Payment, state: RowState): TemplateResult {
  const number = payment.orderNumber || payment.orderId;
  const href = hrefOf({ page: "order", store: payment.store, orderId: payment.orderId });
  const ticked = (click: MouseEvent): void => {
    click.preventDefault(); // The tick is drawn from the selection.
    state.toggle(click.shiftKey);
  };
  const opened = (click: MouseEvent): void => {
    if (!(click.target as Element).closest("a, .tick")) state.open();
  };
  return html`
    <div class="grid-row" role="row" aria-rowindex=${state.place + 2} aria-selected=${state.selected} data-place=${state.place}
      data-order=${payment.orderId} tabindex=${state.tabbable ? 0 : -1} ?data-fresh=${state.fresh}
      .style=${`transform:translateY(${state.top}px)`} @focusin=${state.focused} @dblclick=${opened}>
      <span class="tick" role="gridcell" @click=${ticked}><input type="checkbox" tabindex="-1" .checked=${state.selected}
        aria-label=${texts.t("payments.select", { order: number })}></span>
      <span role="gridcell"><a href=${href} tabindex="-1">${number}</a></span>
      <span role="gridcell" class="middle quiet">${payment.store}</span>
      <span role="gridcell" class="standing">${payment.gateway === "" ? badge(texts.t("payments.ofOther"), "") : statusBadge(texts, payment.status)} <span class="flags">${flags(texts, payment)}</span></span>
      <span role="gridcell" class="number">${totalOf(texts, payment)}</span>
      <span role="gridcell" class="number middle">${moved(texts, payment.capturedAmount)}</span>
      <span role="gridcell" class="number wide middle">${moved(texts, payment.refundedAmount)}</span>
      <span role="gridcell" class="wide middle quiet">${expiry(texts, payment)}</span>
      <span role="gridcell" class="middle quiet" title=${texts.dateTime(payment.updateTime)}>${texts.relative(payment.updateTime)}</span>
    </div>
  `;
}

/** The order's total, where it is an amount of the payment's currency. */
export function totalOf(texts: Texts, payment: Payment): string {
  return isTotalUnknown(payment) ? "–" : texts.money(payment.orderTotal);
}

function moved(texts: Texts, money: Payment["capturedAmount"]): unknown {
  return money === undefined || nanosOf(money) === 0n ? html`<span class="quiet">–</span>` : texts.money(money);
}

function expiry(texts: Texts, payment: Payment): unknown {
  if (payment.authorizationExpireTime === undefined || !MAY_EXPIRE.has(payment.status)) return nothing;
  const text = texts.relative(payment.authorizationExpireTime);
  return html`<span title=${texts.dateTime(payment.authorizationExpireTime)}>${text}</span>`;
}

/** What is not as it should be, or not yet. */
export function flags(texts: Texts, payment: Payment): unknown {
  const operation = payment.operationInFlight;
  if (payment.anomaly !== "") return badge(texts.t("payments.flagAttention"), "bad");
  if (operation?.state === OperationState.NEEDS_REVIEW) return badge(texts.t("operation.NEEDS_REVIEW"), "bad");
  if (operation !== undefined)
    return badge(texts.t("operation.underWay", { action: actionWord(texts, operation.action) }), "warn");
  const update = payment.storeUpdate;
  if (update?.state === StoreUpdateState.DISPUTED) return badge(texts.t("payments.flagDisputed"), "bad");
  if (isOrderChanged(payment)) return badge(orderWord(texts, payment.orderState), "warn");
  if (update?.state === StoreUpdateState.PENDING && update.lastError !== "")
    return badge(texts.t("payments.flagStore"), "warn");
  return nothing;
}
