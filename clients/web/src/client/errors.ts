import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.js";
import { ErrorReason, type RunActionsResponse } from "../proto.js";

type Status = NonNullable<RunActionsResponse["error"]>;

/** The domain of every reason of this service. */
const DOMAIN = "payment-actions";

/** Why a call was refused, as the contract names it. */
export type ServiceReason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED">;

/**
 * Why a call has no result. Three are not the contract's: OTHER, a refusal whose reason is newer than this client;
 * NO_ANSWER, when nothing that the service said came through (lost connection, a proxy's error, the service stopping); and
 * OFFLINE, when the browser has no network and nothing was sent.
 */
export type Reason = ServiceReason | "OTHER" | "NO_ANSWER" | "OFFLINE";

/** Whether an action may have happened. */
export type Happened = "no" | "unknown";

/**
 * What to do next.
 *
 * - `change_request`: the same request would be refused again.
 * - `read_again`: what was read is out of date, or was never so; read, then decide anew.
 * - `try_later`: nothing is wrong with the request and nothing is under way. With `operation_id` in the metadata that operation
 *   has FAILED and a new attempt takes a new request id; without it nothing was begun, and any request id will do.
 * - `ask_again`: with the same request id, which repeats the question and never the action.
 * - `get_permission`: somebody else has to allow it.
 * - `void`: the shop has closed the order, or its total is no amount: void the payment, or set the order right in the shop.
 */
export type Advice = "change_request" | "read_again" | "try_later" | "ask_again" | "get_permission" | "void";

/** The variables of a reason's message, each as text. Values that a later service leaves out are undefined. */
interface MetadataOf {
  STORE_NOT_FOUND: { store: string; known_stores: string };
  ORDER_NOT_FOUND: { store: string; order_id: string };
  OPERATION_NOT_FOUND: { store: string; operation_id: string };
  INVALID_REQUEST: { field: string; rule: string };
  PARTIAL_AMOUNT_NOT_SUPPORTED: { action: string; amount: string; whole_amount: string };
  AMOUNT_OUT_OF_RANGE: { action: string; amount: string; whole_amount: string };
  CURRENCY_MISMATCH: { currency_code: string; expected_currency_code: string };
  REQUEST_ID_REUSED: { request_id: string; operation_id: string; action: string; order_id: string };
  ACTION_NOT_AVAILABLE: { action: string; available_actions: string; policy: string; amount_max: string };
  OPERATION_IN_FLIGHT: { action: string; available_actions: string };
  NOT_OUR_PAYMENT_METHOD: { action: string; available_actions: string };
  ORDER_CANCELLED: { action: string; available_actions: string; order_state: string };
  ORDER_CHANGED: { action: string; available_actions: string; order_state: string };
  ORDER_TOTAL_INVALID: { action: string; available_actions: string; order_state: string };
  ETAG_MISMATCH: { etag: string; current_etag: string };
  UNAUTHENTICATED: Record<never, string>;
  PERMISSION_DENIED: { store: string };
  GATEWAY_THROTTLED: { retry_after_seconds: string; operation_id: string };
  GATEWAY_UNAVAILABLE: { store: string; operation_id: string };
  PLATFORM_UNAVAILABLE: { store: string };
  OTHER: Record<string, string>;
  NO_ANSWER: Record<never, string>;
  OFFLINE: Record<never, string>;
}

/** What went wrong, by reason: `switch (failure.reason)` narrows the metadata. */
export type Failure = {
  [R in Reason]: { readonly reason: R; readonly metadata: Readonly<Partial<MetadataOf[R]>> };
}[Reason];

const ADVICE: Record<Reason, Advice> = {
  STORE_NOT_FOUND: "change_request",
  ORDER_NOT_FOUND: "change_request",
  OPERATION_NOT_FOUND: "change_request",
  INVALID_REQUEST: "change_request",
  PARTIAL_AMOUNT_NOT_SUPPORTED: "change_request",
  AMOUNT_OUT_OF_RANGE: "change_request",
  CURRENCY_MISMATCH: "change_request",
  REQUEST_ID_REUSED: "change_request",
  ACTION_NOT_AVAILABLE: "read_again",
  OPERATION_IN_FLIGHT: "read_again",
  NOT_OUR_PAYMENT_METHOD: "read_again",
  ORDER_CANCELLED: "void",
  ORDER_CHANGED: "read_again",
  ORDER_TOTAL_INVALID: "void",
  ETAG_MISMATCH: "read_again",
  UNAUTHENTICATED: "get_permission",
  PERMISSION_DENIED: "get_permission",
  GATEWAY_THROTTLED: "try_later",
  GATEWAY_UNAVAILABLE: "try_later",
  PLATFORM_UNAVAILABLE: "try_later",
  OTHER: "read_again",
  NO_ANSWER: "ask_again",
  OFFLINE: "ask_again",
};

/** What a reason that this client does not know proves, by its code alone: that the service refused to begin. */
const DEFINITE: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.FailedPrecondition,
  Code.Aborted,
  Code.Unauthenticated,
  Code.PermissionDenied,
]);

/** What the service says before it looks for what a request id has begun, or of this try alone. */
const OF_THIS_TRY: ReadonlySet<Reason> = new Set<Reason>([
  "STORE_NOT_FOUND",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "GATEWAY_THROTTLED",
  "GATEWAY_UNAVAILABLE",
  "PLATFORM_UNAVAILABLE",
  "OTHER",
  "OFFLINE",
]);

/** A call that has no result. Its message is the service's, in English; `failure.reason` is for programs. */
export class PaymentActionsError extends Error {
  override readonly name = "PaymentActionsError";
  /** Whether what was asked for may have happened. Only an answer of the service itself proves that it did not. */
  readonly happened: Happened;
  readonly advice: Advice;

  constructor(
    readonly failure: Failure,
    message: string,
    /** When the service says to come back, if it does. */
    readonly retryAfterSeconds?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.happened = failure.reason === "NO_ANSWER" ? "unknown" : "no";
    this.advice = ADVICE[failure.reason];
  }

  get reason(): Reason {
    return this.failure.reason;
  }
}

/**
 * Return what any thrown value means to the caller.
 *
 * Definite is only what carries the service's own ErrorInfo. Whatever else failed, a proxy's 403 included, may have failed
 * after the service had acted.
 */
export function readError(thrown: unknown): PaymentActionsError {
  if (thrown instanceof PaymentActionsError) return thrown;
  const error = ConnectError.from(thrown);
  const info = error.findDetails(ErrorInfoSchema).find((detail) => detail.domain === DOMAIN);
  if (info === undefined) return unknownOutcome(error);
  const reason = isServiceReason(info.reason) ? info.reason : "OTHER";
  if (reason === "OTHER" && !DEFINITE.has(error.code)) return unknownOutcome(error);
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return new PaymentActionsError(
    { reason, metadata: info.metadata } as Failure,
    error.rawMessage,
    delay && Number(delay.seconds) + delay.nanos / 1e9,
    { cause: error },
  );
}

/** Return what the `error` of a RunActionsResponse means: what the single call would have thrown. */
export function readStatus({ code, message, details }: Status): PaymentActionsError {
  const error = new ConnectError(message, code);
  error.details = details.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value }));
  return readError(error);
}

/** Return what an error means to a request that was asked before without an answer: the earlier try may have happened. */
export function afterLostAnswer(error: PaymentActionsError): PaymentActionsError {
  const ofThisTry = OF_THIS_TRY.has(error.reason) && !("operation_id" in error.failure.metadata);
  return ofThisTry ? unknownOutcome(new ConnectError(error.message, Code.Unknown, undefined, undefined, error)) : error;
}

/** Tell whether the caller itself ended the call. */
export function isAborted(thrown: unknown): boolean {
  return ConnectError.from(thrown).code === Code.Canceled;
}

function unknownOutcome(error: ConnectError): PaymentActionsError {
  return new PaymentActionsError({ reason: "NO_ANSWER", metadata: {} }, error.rawMessage, undefined, { cause: error });
}

function isServiceReason(reason: string): reason is ServiceReason {
  return reason !== "UNSPECIFIED" && typeof ErrorReason[reason as ServiceReason] === "number";
}
