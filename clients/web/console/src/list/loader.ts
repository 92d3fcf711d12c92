/** Reads a list page by page, and single payments again as they change. */

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type PaymentActionsClient, readError } from "@payment-actions/web/client";
import { type ListPaymentsRequest, ListPaymentsRequestSchema, type Payment } from "@payment-actions/web/proto";
import { milliseconds } from "../charts/course.js";
import { OVERDUE_SECONDS, type PaymentsFilter } from "../filters.js";
import { type Key, keyOf, Rows } from "./rows.js";

export const PAGE_SIZE = 200;
const FIRST_PAGE_SIZE = 50;
const READ_AGAIN_MAX = 4;
const LOADING_MILLISECONDS = 30;
/** How often the front is read anew until nothing new is found there; more often, and it would never come to an end. */
const PASSES_MAX = 5;
/** The clocks of the service's replicas differ by less. */
const CLOCKS_MILLISECONDS = 60_000;
/** A page that does not come within this is asked for again by whoever scrolls: its connection may be dead. */
const TIMEOUT_MS = 60_000;

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
  /** When the payment changed that stood at the front when it was last read, in milliseconds since 1970. */
  #newest = 0;

  constructor(client: PaymentActionsClient, filter: PaymentsFilter, changed: (payments: readonly Payment[]) => void) {
    this.#client = client;
    this.#request = listRequest(filter, Date.now());
    this.#changed = changed;
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Whether every payment that matches is there, as far as is known: what changes while it pages has moved to the front. */
  get all(): boolean {
    return this.complete && this.rows.unlistedCount === 0;
  }

  /** Reads the next page, if there is one and none is on its way. */
  async more(): Promise<void> {
    if (this.loading || this.complete || this.#stop.signal.aborted) return;
    this.loading = true;
    try {
      const pageSize = this.#token === "" ? FIRST_PAGE_SIZE : PAGE_SIZE;
      const request = { ...this.#request, pageSize, pageToken: this.#token };
      const answer = await this.#client.rpc.listPayments(request, { signal: this.#stop.signal, timeoutMs: TIMEOUT_MS });
      this.#take(answer.payments);
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

  /** Reads all that match, or `countMax`: the pages that are left, then the front again, until nothing new is found there. */
  async everything(countMax: number, progress: () => void): Promise<void> {
    while (!this.complete && this.rows.count < countMax && !this.#stop.signal.aborted) {
      if (this.loading) await new Promise((resolve) => setTimeout(resolve, LOADING_MILLISECONDS));
      else await this.more();
      if (this.failure !== "") throw new Error(this.failure);
      progress();
    }
    try {
      for (let pass = 0; pass < PASSES_MAX && this.rows.count < countMax; pass += 1) {
        if (!(await this.#readFront(countMax))) return;
        progress();
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }

  /** Reads from the front to where nothing can have moved since it was read before. Returns whether something was new. */
  async #readFront(countMax: number): Promise<boolean> {
    const before = this.rows.count;
    const heard = this.rows.unlisted();
    const since = this.#newest - CLOCKS_MILLISECONDS;
    for (let pageToken = ""; this.rows.count < countMax; ) {
      const request = { ...this.#request, pageSize: PAGE_SIZE, pageToken };
      const answer = await this.#client.rpc.listPayments(request, { signal: this.#stop.signal, timeoutMs: TIMEOUT_MS });
      this.#take(answer.payments);
      pageToken = answer.nextPageToken;
      if (pageToken === "" || changedAt(answer.payments.at(-1)) < since) break;
    }
    if (this.rows.count > before) return true;
    this.rows.unmatched(heard);
    return false;
  }

  #take(page: readonly Payment[]): void {
    this.rows.append(page);
    this.#newest = Math.max(this.#newest, changedAt(page[0]));
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

function changedAt(payment: Payment | undefined): number {
  return milliseconds(payment?.updateTime) ?? 0;
}

/** The key of a payment for what is kept by key. */
export { keyOf };
