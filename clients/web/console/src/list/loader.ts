/** Reads a list page by page, and single payments again as they change. */

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type PaymentActionsClient, readError } from "@payment-actions/web/client";
import { type ListPaymentsRequest, ListPaymentsRequestSchema, type Payment } from "@payment-actions/web/proto";
import { OVERDUE_SECONDS, type PaymentsFilter } from "../filters.js";
import { type Key, keyOf, Rows } from "./rows.js";

export const PAGE_SIZE = 200;
const FIRST_PAGE_SIZE = 50;
const READ_AGAIN_MAX = 4;

/** The request of a filter. Times are taken once: all pages of a list must be asked for alike. */
export function listRequest(filter: PaymentsFilter, now: number): ListPaymentsRequest {
  const day = 86_400_000;
  return create(ListPaymentsRequestSchema, {
    store: filter.store,
    statuses: [...filter.statuses],
    paymentMethod: filter.method,
    needingAttention: filter.attention,
    storeUpdateFailing: filter.updateFailing,
    orderSearch: filter.search,
    ...(filter.expiringDays === null
      ? {}
      : { authorizationExpireBefore: timestampFromMs(now + filter.expiringDays * day) }),
    ...(filter.overdue ? { refreshDueBefore: timestampFromMs(now - OVERDUE_SECONDS * 1000) } : {}),
  });
}

export class Loader {
  readonly rows = new Rows();
  complete = false;
  loading = false;
  failure = "";
  readonly #client: PaymentActionsClient;
  readonly #request: ListPaymentsRequest;
  readonly #changed: (payments: readonly Payment[]) => void;
  readonly #stop = new AbortController();
  #token = "";
  #reading = 0;

  constructor(client: PaymentActionsClient, filter: PaymentsFilter, changed: (payments: readonly Payment[]) => void) {
    this.#client = client;
    this.#request = listRequest(filter, Date.now());
    this.#changed = changed;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Reads the next page, if there is one and none is on its way. */
  async more(): Promise<void> {
    if (this.loading || this.complete || this.#stop.signal.aborted) return;
    this.loading = true;
    try {
      const pageSize = this.#token === "" ? FIRST_PAGE_SIZE : PAGE_SIZE;
      const request = { ...this.#request, pageSize, pageToken: this.#token };
      const answer = await this.#client.rpc.listPayments(request, { signal: this.#stop.signal });
      this.rows.append(answer.payments);
      this.#token = answer.nextPageToken;
      this.complete = this.#token === "";
      this.failure = "";
      this.loading = false;
      this.#changed(answer.payments);
    } catch (error) {
      this.loading = false;
      if (this.#stop.signal.aborted) return;
      this.failure = readError(error).message;
      this.#changed([]);
    }
  }

  /** Reads those of the given places anew that changed: what nobody sees is read when it is scrolled to. */
  readChanged(first: number, end: number, done: (payment: Payment) => void): void {
    const room = READ_AGAIN_MAX - this.#reading;
    if (room <= 0) return;
    for (const order of this.rows.staleAmong(first, end, room))
      void this.#read(order, done, () => this.readChanged(first, end, done));
  }

  async #read(order: Key, done: (payment: Payment) => void, next: () => void): Promise<void> {
    this.rows.reading(order);
    this.#reading += 1;
    try {
      const payment = await this.#client.getPayment(order.store, order.orderId, { signal: this.#stop.signal });
      this.rows.replace(payment);
      done(payment);
    } catch {
      // It stays as it was; the next change of it tries again.
    } finally {
      this.#reading -= 1;
    }
    next();
  }
}

/** The key of a payment for what is kept by key. */
export { keyOf };
