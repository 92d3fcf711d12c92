import type { Key, Translator } from "../i18n/index.js";
import { Action, ErrorReason, EventType, type Money, OperationState, OrderState, PaymentStatus } from "../proto.js";

// The contract's values in the reader's language; a value that is newer than this page falls back to a plain word.

export function statusWord(t: Translator, status: PaymentStatus): string {
  return t.text(t.known(`status.${PaymentStatus[status]}`, "status.UNSPECIFIED"));
}

export function actionWord(t: Translator, action: Action): string {
  return t.text(t.known(`action.${Action[action]}`, "history.step"));
}

/** An action with what it moves: "Capture $129.90". */
export function actionOf(t: Translator, action: Action, amount: Money | undefined): string {
  const key = t.known(`action.${Action[action]}.of`, "history.step");
  return amount === undefined || key === "history.step"
    ? actionWord(t, action)
    : t.text(key, { amount: t.format.money(amount) });
}

export function stateWord(t: Translator, state: OperationState | string): string {
  return t.text(t.known(`state.${typeof state === "string" ? state : OperationState[state]}`, "status.UNSPECIFIED"));
}

export function eventKey(t: Translator, type: EventType) {
  return t.known(`event.${EventType[type]}`, "event.UNSPECIFIED");
}

/** Who: the service's own names are words, a caller's name is a name. */
export function actorWord(t: Translator, actor: string): string {
  const key = `actor.${actor}`;
  return t.known(key, "loading") === key ? t.text(key as "actor.gateway") : actor;
}

export function reasonKey(t: Translator, reason: ErrorReason, policy: string): Key {
  const name = ErrorReason[reason] ?? "";
  return policy ? "why.policy" : (ORDER_REASONS[name] ?? t.known(`why.${name}`, "why.other"));
}

/** What the refusals that an order's own change leads to say of it. */
export const ORDER_REASONS: Readonly<Record<string, Key>> = {
  ORDER_CANCELLED: "order.CANCELLED",
  ORDER_CHANGED: "order.CHANGED",
  ORDER_TOTAL_INVALID: "order.TOTAL_INVALID",
};

export function orderKey(t: Translator, state: OrderState): Key {
  return t.known(`order.${OrderState[state]}`, "order.CHANGED");
}
