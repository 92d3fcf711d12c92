export type { ActionOptions, SentAction } from "./actions.js";
export * from "./client.js";
export * from "./errors.js";
export {
  type Intent,
  type KeptRequest,
  type KeyValueStorage,
  MONEY_ACTIONS,
  newRequestId,
  RequestIds,
} from "./request_ids.js";
export * from "./watch.js";
