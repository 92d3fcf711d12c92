/** The course of a payment, for its picture: where it stood since when, what happened in between, what is to come. Pure. */

import { isTotalUnknown } from "@payment-actions/web/order_state";
import { type Event, type Money, type Payment, PaymentStatus } from "@payment-actions/web/proto";

export interface Station {
  readonly kind: "past" | "under_way" | "expiry";
  readonly status: PaymentStatus;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly amount: Money | undefined;
  readonly event: Event | undefined;
  /** What else happened before the next station. */
  readonly between: readonly Event[];
  /** How long the way to the next station is drawn; 0: it is the last. */
  readonly way: number;
}

type Bare = Omit<Station, "way">;

/** Those of which something is still reserved. */
export const MAY_EXPIRE: ReadonlySet<PaymentStatus> = new Set([
  PaymentStatus.AUTHORIZED,
  PaymentStatus.PARTIALLY_CAPTURED,
]);

export function courseOf(payment: Payment, events: readonly Event[], now: number): Station[] {
  const stations = past(payment, events);
  const operation = payment.operationInFlight;
  if (operation !== undefined)
    stations.push(ahead("under_way", payment, milliseconds(operation.createTime) ?? now, operation.amount));
  const expiry = milliseconds(payment.authorizationExpireTime);
  if (expiry !== undefined && MAY_EXPIRE.has(payment.status))
    stations.push(ahead("expiry", payment, expiry, undefined));
  return stations.map((station, place) => ({ ...station, way: way(station, stations[place + 1]) }));
}

function past(payment: Payment, events: readonly Event[]): Bare[] {
  const stations: Bare[] = [];
  let between: Event[] = [];
  for (const event of events) {
    if (event.statusAfter === event.statusBefore && stations.length > 0) {
      between.push(event);
      continue;
    }
    between = [];
    stations.push({
      kind: "past",
      status: event.statusAfter,
      time: milliseconds(event.time) ?? 0,
      amount: amountAt(payment, event.statusAfter),
      event,
      between,
    });
  }
  return stations;
}

function ahead(kind: "under_way" | "expiry", payment: Payment, time: number, amount: Money | undefined): Bare {
  return { kind, status: payment.status, time, amount, event: undefined, between: [] };
}

function amountAt(payment: Payment, status: PaymentStatus): Money | undefined {
  switch (status) {
    case PaymentStatus.AUTHORIZED:
    case PaymentStatus.VOIDED:
    case PaymentStatus.EXPIRED:
      return payment.authorizedAmount;
    case PaymentStatus.CAPTURED:
    case PaymentStatus.PARTIALLY_CAPTURED:
      return payment.capturedAmount;
    case PaymentStatus.REFUNDED:
    case PaymentStatus.PARTIALLY_REFUNDED:
      return payment.refundedAmount;
    default:
      return isTotalUnknown(payment) ? undefined : payment.orderTotal;
  }
}

/** Seconds and weeks must both be seen on one line: the way grows with the time's logarithm, from 1 to about 4. */
function way(station: Bare, next: Bare | undefined): number {
  if (next === undefined) return 0;
  const minutes = Math.max(0, next.time - station.time) / 60_000;
  return 1 + Math.min(3, Math.log10(1 + minutes) * 0.7);
}

export function milliseconds(time: { seconds: bigint; nanos: number } | undefined): number | undefined {
  return time === undefined ? undefined : Number(time.seconds) * 1000 + Math.floor(time.nanos / 1e6);
}
