/** The loaded part of a long list of payments: it grows at its end, changes in place, and never jumps. */

import type { Payment } from "@payment-actions/web/proto";

export interface Key {
  readonly store: string;
  readonly orderId: string;
}

/** A store's id has no slash, so that no two orders share a key. */
export function keyOf(order: Key): string {
  return `${order.store}/${order.orderId}`;
}

export function orderOf(key: string): Key {
  const slash = key.indexOf("/");
  return { store: key.slice(0, slash), orderId: key.slice(slash + 1) };
}

/** More than so many newer changes are not told apart. */
const UNLISTED_MAX = 10_000;

export class Rows {
  readonly #rows: Payment[] = [];
  readonly #places = new Map<string, number>();
  readonly #stale = new Set<string>();
  readonly #unlisted = new Set<string>();

  get count(): number {
    return this.#rows.length;
  }

  /** Orders that changed and are not in the loaded part: they would stand at its top, were it loaded anew. */
  get unlistedCount(): number {
    return this.#unlisted.size;
  }

  unlisted(): readonly string[] {
    return [...this.#unlisted];
  }

  /** Takes note that these, which were thought to belong into the list, do not: it was read, and they are not in it. */
  unmatched(keys: readonly string[]): void {
    for (const key of keys) this.#unlisted.delete(key);
  }

  at(place: number): Payment | undefined {
    return this.#rows[place];
  }

  placeOf(key: string): number | undefined {
    return this.#places.get(key);
  }

  get(key: string): Payment | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.#rows[place];
  }

  keys(): IterableIterator<string> {
    return this.#places.keys();
  }

  slice(first: number, end: number): readonly Payment[] {
    return this.#rows.slice(first, end);
  }

  /** A payment that changes between two pages moves to the front of the order, and may come twice: it keeps its place. */
  append(page: readonly Payment[]): void {
    for (const payment of page) if (!this.replace(payment)) this.#add(payment);
  }

  /** Returns whether it was there. */
  replace(payment: Payment): boolean {
    const key = keyOf(payment);
    const place = this.#places.get(key);
    this.#stale.delete(key);
    if (place === undefined) return false;
    this.#rows[place] = payment;
    return true;
  }

  /** Takes note of a change that was heard of. Of an order that is not in the loaded part, only if it `fits` there. */
  changed(order: Key, fits = true): void {
    const key = keyOf(order);
    if (this.#places.has(key)) this.#stale.add(key);
    else if (fits && this.#unlisted.size < UNLISTED_MAX) this.#unlisted.add(key);
  }

  /** Those of the given places whose payment is to be read anew, at most so many. */
  staleAmong(first: number, end: number, countMax: number): readonly Key[] {
    if (this.#stale.size === 0) return [];
    const seen = this.#rows.slice(first, end).filter((payment) => this.#stale.has(keyOf(payment)));
    return seen.slice(0, countMax).map(({ store, orderId }) => ({ store, orderId }));
  }

  /** Reading it has begun: another change from now on makes it stale again. */
  reading(order: Key): void {
    this.#stale.delete(keyOf(order));
  }

  #add(payment: Payment): void {
    const key = keyOf(payment);
    this.#unlisted.delete(key);
    this.#places.set(key, this.#rows.length);
    this.#rows.push(payment);
  }
}
