export * from "./gen/google/type/money_pb.js";
export * from "./gen/payment_actions/v1/error_reason_pb.js";
export * from "./gen/payment_actions/v1/payment_actions_pb.js";
