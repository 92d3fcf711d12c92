import type { Money } from "../proto.js";
import { Action } from "../proto.js";

/** What somebody asked for: the same intent keeps the same request id until its answer was seen. */
export interface Intent {
  store: string;
  orderId: string;
  action: Action.CAPTURE | Action.VOID | Action.REFUND;
  /** Absent: the whole. */
  amount?: Money | undefined;
  /** The state that the intent was formed upon; in another state it is another intent. */
  etag?: string | undefined;
}

/** An intent that was sent, or was about to be, and whose answer nobody has seen. */
export interface KeptRequest extends Intent {
  requestId: string;
  /** Milliseconds since 1970. */
  keptSince: number;
}

/** As much of the browser's Storage as is needed. */
export type KeyValueStorage = Pick<Storage, "getItem" | "setItem">;

// A request that got no answer for a day is history by then: the payment's state tells what became of it.
const AGE_MAX_MS = 24 * 60 * 60 * 1000;
const NUMBER_MAX = 100;
const ITEM = "payment-actions.requests";

/** One kept line. No note, no actor, no token: only what names the intent. */
interface Line {
  service: string;
  store: string;
  order: string;
  action: number;
  amount?: [units: string, nanos: number, currency: string];
  etag?: string;
  id: string;
  time: number;
}

/**
 * Makes request ids and keeps them from before they are sent until a definite answer was seen: in the tab's session, so
 * that a reload asks the same question again. A second tab has its own; there the etag decides.
 */
export class RequestIds {
  // What holds when the browser gives no storage, or no more of it: a reload then forgets, a double click does not.
  private lines: Line[] = [];
  /** What is stored is older than `lines`: it could not be written. */
  private behind = false;

  constructor(
    private readonly service: string,
    private readonly storage: KeyValueStorage | undefined = browserStorage(),
    private readonly now: () => number = Date.now,
  ) {}

  /** Return the id under which `intent` was asked for, or was about to be, without a definite answer. */
  find(intent: Intent): string | undefined {
    const wanted = this.line(intent, "", 0);
    return this.read().find((line) => same(line, wanted))?.id;
  }

  /** Return the id under which to ask for `intent`, made and kept now unless it was before. */
  keep(intent: Intent): string {
    const known = this.find(intent);
    if (known !== undefined) return known;
    const made = this.line(intent, newRequestId(), this.now());
    this.write([...this.read(), made].slice(-NUMBER_MAX));
    return made.id;
  }

  /** Forget an id whose definite answer was seen. */
  forget(requestId: string): void {
    this.write(this.read().filter((line) => line.id !== requestId));
  }

  /** Return what was asked for about an order without an answer that anybody saw, oldest first. */
  unanswered(store: string, orderId: string): KeptRequest[] {
    return this.read()
      .filter((line) => line.service === this.service && line.store === store && line.order === orderId)
      .map(asRequest);
  }

  private line(intent: Intent, id: string, time: number): Line {
    const { amount, etag } = intent;
    return {
      service: this.service,
      store: intent.store,
      order: intent.orderId,
      action: intent.action,
      ...(amount && { amount: [amount.units.toString(), amount.nanos, amount.currencyCode] }),
      ...(etag && { etag }),
      id,
      time,
    };
  }

  private read(): Line[] {
    const oldest = this.now() - AGE_MAX_MS;
    try {
      const text = this.behind ? undefined : this.storage?.getItem(ITEM);
      if (text) this.lines = JSON.parse(text) as Line[];
    } catch {
      // Blocked, or not ours: what this page remembers must do.
    }
    if (!Array.isArray(this.lines)) this.lines = [];
    return this.lines.filter((line) => line.time > oldest);
  }

  private write(lines: Line[]): void {
    this.lines = lines;
    try {
      this.storage?.setItem(ITEM, JSON.stringify(lines));
      this.behind = false;
    } catch {
      this.behind = true; // Blocked or full: see above.
    }
  }
}

/** Return a new request id: random, so that nobody else's is the same. */
export function newRequestId(): string {
  // Not crypto.randomUUID: it is missing where a shop's admin is served over plain http.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function same(one: Line, other: Line): boolean {
  return JSON.stringify({ ...one, id: "", time: 0 }) === JSON.stringify({ ...other, id: "", time: 0 });
}

function asRequest(line: Line): KeptRequest {
  const amount = line.amount && {
    $typeName: "google.type.Money" as const,
    units: BigInt(line.amount[0]),
    nanos: line.amount[1],
    currencyCode: line.amount[2],
  };
  return {
    store: line.store,
    orderId: line.order,
    action: line.action as Intent["action"],
    amount,
    etag: line.etag,
    requestId: line.id,
    keptSince: line.time,
  };
}

function browserStorage(): KeyValueStorage | undefined {
  try {
    return globalThis.sessionStorage;
  } catch {
    return undefined; // Reading it throws where a page may not store anything.
  }
}

/** The actions that move money, in the order in which people think of them. */
export const MONEY_ACTIONS = [Action.CAPTURE, Action.VOID, Action.REFUND] as const;
