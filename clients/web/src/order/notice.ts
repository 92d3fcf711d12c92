import type { PaymentActionsError } from "../client/index.js";
import type { Action, Operation, PaymentStatus } from "../proto.js";

/** What the page has to say about what was just done, as data: words come when it is shown. */
export type Notice =
  | { kind: "ended"; operation: Operation }
  | { kind: "refreshed"; status: PaymentStatus; changed: boolean }
  | { kind: "changed_by"; actor: string; status: PaymentStatus }
  | { kind: "stale" }
  | { kind: "refused"; action: Action; error: PaymentActionsError }
  /** It may have happened; `retry` asks the same question again. */
  | { kind: "no_answer"; action: Action; retry: () => void }
  | { kind: "unanswered"; action: Action; time: number; retry: () => void };
