import { OrderState, type Payment, PaymentStatus } from "../proto.js";

/** Nothing is left to collect or to return: a closed order is what one expects then. */
const OVER = new Set([PaymentStatus.VOIDED, PaymentStatus.REFUNDED, PaymentStatus.DECLINED, PaymentStatus.EXPIRED]);

/** Whether the shop has closed or changed the order while its payment is open. */
export function isOrderChanged({ orderState, status }: Payment): boolean {
  return orderState > OrderState.PLACED && !OVER.has(status);
}

/** Whether the payment's currency cannot express the order's total. */
export function isTotalUnknown({ orderState }: Payment): boolean {
  return orderState === OrderState.OTHER_CURRENCY || orderState === OrderState.TOTAL_INVALID;
}
