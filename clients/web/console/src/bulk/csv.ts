/** A run's result as a file for a spreadsheet. */

import { Action } from "@payment-actions/web/proto";
import type { Item, Run } from "./model.js";

const COLUMNS = [
  "store",
  "order_id",
  "order_number",
  "action",
  "state",
  "amount",
  "currency",
  "operation_id",
  "request_id",
  "message",
];

export function csv(run: Run, items: readonly Item[]): string {
  const action = Action[run.action] ?? "";
  const lines = items.map((item) => [
    item.store,
    item.orderId,
    item.orderNumber,
    action,
    item.state,
    item.amount?.amount ?? "",
    item.amount?.currencyCode ?? "",
    item.operationId,
    item.requestId,
    item.message,
  ]);
  return [COLUMNS, ...lines].map((cells) => `${cells.map(cell).join(",")}\r\n`).join("");
}

/** A text that a spreadsheet would take for a formula gets an apostrophe before it: order ids and messages are strangers' words. */
function cell(value: string): string {
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
