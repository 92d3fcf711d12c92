/** Which orders are ticked, and from where a range is drawn. */

export class Selection {
  readonly #keys: ReadonlySet<string>;
  /** The order that was ticked last: Shift draws a range from it. */
  readonly anchor: string | null;

  constructor(keys: Iterable<string> = [], anchor: string | null = null) {
    this.#keys = new Set(keys);
    this.anchor = anchor;
  }

  get size(): number {
    return this.#keys.size;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  keys(): readonly string[] {
    return [...this.#keys];
  }

  toggled(key: string): Selection {
    const keys = new Set(this.#keys);
    if (!keys.delete(key)) keys.add(key);
    return new Selection(keys, key);
  }

  with(keys: Iterable<string>): Selection {
    return new Selection([...this.#keys, ...keys], this.anchor);
  }

  /** Ticks all from the anchor to this one; `between` names the orders of a stretch of the list, both ends included. */
  extendedTo(key: string, between: (from: string, to: string) => Iterable<string>): Selection {
    if (this.anchor === null) return this.toggled(key);
    return new Selection([...this.#keys, ...between(this.anchor, key)], this.anchor);
  }
}
