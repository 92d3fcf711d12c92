import type { Client } from "@connectrpc/connect";
import { Action, type Operation, OperationState, type Payment, type PaymentActions } from "../proto.js";
import { afterLostAnswer, readError } from "./errors.js";
import type { Intent, RequestIds } from "./request_ids.js";

/** An intent with its note, which is sent but kept nowhere. */
export interface SentAction extends Intent {
  /** Why, for the history. */
  note?: string | undefined;
}

export interface ActionOptions {
  /** How long one attempt may take. The service keeps working on it either way. */
  timeoutMs?: number;
  /** How often to ask, always with the same request id, before giving the question back to the caller. */
  attempts?: number;
}

const FINAL = new Set([
  OperationState.SUCCEEDED,
  OperationState.DECLINED,
  OperationState.FAILED,
  OperationState.ALREADY_DONE,
]);

/** How long the answer to one question is waited for: a connection that is dead does not always say so. */
export const TIMEOUT_MS = 60_000;
const ATTEMPTS = 3;
const PAUSE_MS = 400;

/**
 * Ask for an action under `requestId` until there is a definite answer, or `attempts` had none.
 *
 * @param lost whether it was asked for before, without an answer.
 */
export async function ask(
  rpc: Client<typeof PaymentActions>,
  action: SentAction,
  requestId: string,
  requestIds: RequestIds,
  lost: boolean,
  options: ActionOptions = {},
): Promise<{ operation: Operation; payment: Payment }> {
  const attempts = options.attempts ?? ATTEMPTS;
  for (let attempt = 1; ; attempt++) {
    try {
      const result = await send(rpc, action, requestId, options.timeoutMs ?? TIMEOUT_MS);
      // An operation, whatever its state, is a definite answer to the question whether the request arrived. One that is bound
      // to a state is past with it and can begin nothing more: its id is kept until its end, so that a reload knows whose it is.
      if (action.etag === undefined || isFinal(result.operation)) requestIds.forget(requestId);
      return result;
    } catch (thrown) {
      const answer = readError(thrown);
      const error = lost ? afterLostAnswer(answer) : answer;
      if (error.happened === "no") requestIds.forget(requestId);
      // Of what was refused, if only this once, nothing better comes by itself.
      if (answer.happened === "no" || attempt >= attempts) throw error;
      lost = true;
    }
    await new Promise((wake) => setTimeout(wake, PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random())));
  }
}

/** Tell whether an operation has ended; `false` means that the service is still finding out. */
export function isFinal({ state }: Operation): boolean {
  return FINAL.has(state);
}

async function send(
  rpc: Client<typeof PaymentActions>,
  { action, store, orderId, etag = "", note = "", amount }: SentAction,
  requestId: string,
  timeoutMs: number,
): Promise<{ operation: Operation; payment: Payment }> {
  const request = { store, orderId, requestId, etag, note };
  const withAmount = { ...request, ...(amount && { amount }) };
  const call = { timeoutMs };
  const { operation, payment } = await (action === Action.CAPTURE
    ? rpc.capturePayment(withAmount, call)
    : action === Action.REFUND
      ? rpc.refundPayment(withAmount, call)
      : rpc.voidPayment(request, call));
  // Without them the answer proves nothing, like one that never came.
  if (operation === undefined || payment === undefined) throw new Error("the service answered without an operation");
  return { operation, payment };
}
