/** A bulk run: one action for many orders, kept so that whatever breaks off can be taken up again. Pure. */

import { afterLostAnswer, type PaymentActionsError, readStatus } from "@payment-actions/web/client";
import { Action, type Operation, OperationState, type RunActionsResponse } from "@payment-actions/web/proto";
import { decimal, fromDecimal, sums } from "../money.js";

/** An amount as the run's store keeps it: plain, and exact. */
export interface Sum {
  readonly currencyCode: string;
  readonly amount: string;
}

export type ItemState =
  | "chosen" // Nothing is known yet.
  | "ready" // The dry run says that it would go.
  | "excluded" // The dry run says that it would be refused: it is not sent.
  | "sent" // Asked for; no answer yet. It may have happened.
  | "in_flight" // The service has it and waits for the gateway.
  | "needs_review"
  | "done"
  | "already_done"
  | "declined"
  | "failed" // It never happened: certain.
  | "unavailable" // The shop or the gateway was out of reach: nothing was started, and the same request may be sent again.
  | "refused"; // The service refused: nothing was started.

export interface Item {
  readonly index: number;
  readonly store: string;
  readonly orderId: string;
  readonly orderNumber: string;
  /** Made before anything is sent, and never changed: asking again with it repeats the question, not the action. */
  readonly requestId: string;
  readonly state: ItemState;
  readonly amount: Sum | null;
  /** Of the payment that the dry run showed: in another state it is not acted upon. */
  readonly etag: string;
  readonly operationId: string;
  readonly message: string;
}

export type Phase = "chosen" | "previewed" | "confirmed";

export interface Run {
  readonly id: string;
  readonly action: Action;
  readonly note: string;
  readonly actor: string;
  readonly phase: Phase;
  /** Milliseconds since 1970. */
  readonly createTime: number;
  readonly count: number;
}

/** Those that asking again, with the same request id, can bring further. */
const UNSETTLED: ReadonlySet<ItemState> = new Set(["ready", "sent", "in_flight", "unavailable"]);
/** Those of which nothing was begun. */
const UNBEGUN: ReadonlySet<ItemState> = new Set(["ready", "unavailable"]);

/**
 * What the run says of one item is put into the item.
 *
 * @param before whether it was asked for before: then a refusal may be of this try alone.
 */
export function answered(item: Item, response: RunActionsResponse, before = false): Item {
  if (response.error !== undefined) {
    const error = readStatus(response.error);
    const { happened } = before ? afterLostAnswer(error) : error;
    return { ...item, state: happened === "no" ? refusal(error) : item.state, message: error.message };
  }
  if (response.operation !== undefined) return withOperation(item, response.operation);
  return { ...item, state: "done", message: "" };
}

/** With an operation id, it is that operation which has failed: for good. */
function refusal({ advice, failure }: PaymentActionsError): ItemState {
  if (advice !== "try_later") return "refused";
  return "operation_id" in failure.metadata ? "failed" : "unavailable";
}

/** Whether an earlier asking may have begun something. */
export function mayHaveBegun({ state }: Item): boolean {
  return !UNBEGUN.has(state);
}

const FAILED_PRECONDITION = 9;

export function previewed(item: Item, response: RunActionsResponse): Item {
  // Not offered is not refused, of a refresh: by the contract it may be called in every status, and moves nothing.
  if (response.action === Action.REFRESH && response.error?.code === FAILED_PRECONDITION) {
    return { ...item, state: "ready", message: response.error.message };
  }
  if (response.error !== undefined) return { ...item, state: "excluded", message: response.error.message };
  // The whole is what a run asks for: where a policy allows less, the service would refuse it.
  const { amountMax, amountMaxReason } = response.preview ?? {};
  if (amountMax !== undefined) {
    const message = `At most ${decimal(amountMax)} ${amountMax.currencyCode}: ${amountMaxReason}`;
    return { ...item, state: "excluded", message };
  }
  const money = response.preview?.amount;
  const amount = money === undefined ? null : { currencyCode: money.currencyCode, amount: decimal(money) };
  const etag = response.payment?.etag ?? "";
  return { ...item, state: "ready", amount, etag, message: response.preview?.effect ?? "" };
}

const STATES: Readonly<Record<OperationState, ItemState>> = {
  [OperationState.UNSPECIFIED]: "sent",
  [OperationState.UNKNOWN]: "in_flight",
  [OperationState.PENDING]: "in_flight",
  [OperationState.NEEDS_REVIEW]: "needs_review",
  [OperationState.SUCCEEDED]: "done",
  [OperationState.DECLINED]: "declined",
  [OperationState.FAILED]: "failed",
  [OperationState.ALREADY_DONE]: "already_done",
};

export function withOperation(item: Item, operation: Operation): Item {
  const message = [operation.reasonCode, operation.message].filter((text) => text !== "").join(": ");
  return { ...item, state: STATES[operation.state] ?? "sent", operationId: operation.operationId, message };
}

/** Before the request leaves: from here on it may have happened. */
export function sent(item: Item): Item {
  return UNBEGUN.has(item.state) ? { ...item, state: "sent" } : item;
}

export function toAsk(items: readonly Item[]): Item[] {
  return items.filter((item) => UNSETTLED.has(item.state));
}

export type Tally = Readonly<Record<ItemState, number>>;

export const ITEM_STATES: readonly ItemState[] = [
  "done",
  "already_done",
  "in_flight",
  "sent",
  "needs_review",
  "declined",
  "failed",
  "refused",
  "unavailable",
  "ready",
  "excluded",
  "chosen",
];

export function tally(items: readonly Item[]): Tally {
  const counts = Object.fromEntries(ITEM_STATES.map((state) => [state, 0])) as Record<ItemState, number>;
  for (const item of items) counts[item.state] += 1;
  return counts;
}

/** Whether two readings of a run are of the same: what was seen of one holds for the other. */
export function sameRun(one: Run, items: readonly Item[], other: Run, others: readonly Item[]): boolean {
  const seen = ({ requestId, state, amount, etag }: Item): string => JSON.stringify([requestId, state, amount, etag]);
  return (
    one.action === other.action &&
    one.phase === other.phase &&
    items.every((item, place) => others[place] !== undefined && seen(item) === seen(others[place]))
  );
}

/** How many have an answer, of those that were to be sent. */
export function progress(items: readonly Item[]): { readonly ended: number; readonly total: number } {
  const asked = items.filter((item) => item.state !== "excluded" && item.state !== "chosen");
  return { ended: asked.filter((item) => !UNSETTLED.has(item.state)).length, total: asked.length };
}

/** Exact sums of those in a state, one for each currency. */
export function sumsOf(items: readonly Item[], states: readonly ItemState[]): Sum[] {
  const amounts = items
    .filter((item) => states.includes(item.state))
    .flatMap(({ amount }) => (amount === null ? [] : [amount]));
  const totals = sums(amounts.map(({ amount, currencyCode }) => fromDecimal(amount, currencyCode)));
  return totals.map((money) => ({ currencyCode: money.currencyCode, amount: decimal(money) }));
}

export function newRun(id: string, action: Action, count: number, actor: string, createTime: number): Run {
  return { id, action, note: "", actor, phase: "chosen", createTime, count };
}

export function newItems(
  orders: readonly { readonly store: string; readonly orderId: string; readonly orderNumber: string }[],
  requestId: () => string,
): Item[] {
  return orders.map((order, index) => ({
    index,
    store: order.store,
    orderId: order.orderId,
    orderNumber: order.orderNumber,
    requestId: requestId(),
    state: "chosen",
    amount: null,
    etag: "",
    operationId: "",
    message: "",
  }));
}

/** Another action is another intent: it gets other request ids. Only before anything was sent. */
export function withAction(items: readonly Item[], requestId: () => string): Item[] {
  return items.map((item) => ({
    ...item,
    requestId: requestId(),
    state: "chosen",
    amount: null,
    etag: "",
    message: "",
  }));
}
