export * from "./client/index.js";
export * from "./parts/index.js";
export { PaymentActionsElement } from "./payment_actions_element.js";
