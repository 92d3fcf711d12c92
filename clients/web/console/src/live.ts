/** One stream of events for the whole console, heard by all its parts. */

import type { PaymentActionsClient, Watch, WatchOptions, WatchState } from "@payment-actions/web/client";
import type { Event, WatchEventsResponse } from "@payment-actions/web/proto";

export type Connection = "connecting" | "live" | "reconnecting" | "offline";

export class Live extends EventTarget {
  state: Connection = "connecting";
  #watch: Watch | null = null;
  #told: WatchState = { name: "connecting" };
  readonly #listeners = new Set<(event: Event) => void>();

  get sequence(): bigint | undefined {
    return this.#watch?.sequence;
  }

  /** Begins after a sequence; undefined: from now on. */
  start(client: PaymentActionsClient, afterSequence: bigint | undefined): void {
    this.#watch?.stop();
    this.#watch = client.watch({
      ...(afterSequence === undefined ? {} : { afterSequence }),
      onEvent: (event) => this.tell(event),
      onState: (state) => this.#hear(state),
    });
  }

  subscribe(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(event: Event): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Watches as a client does, on the stream that is there: a browser allows few connections to one host. */
  follow(options: WatchOptions): Watch {
    const { stores = [] } = options;
    const live = this;
    const tell = (): void => options.onState?.(live.#told);
    const unsubscribe = this.subscribe((event) => {
      if (stores.length === 0 || stores.includes(event.store)) options.onEvent(event);
    });
    this.addEventListener("watch", tell);
    queueMicrotask(tell);
    return {
      get sequence() {
        return live.sequence;
      },
      get state() {
        return live.#told;
      },
      stop() {
        unsubscribe();
        live.removeEventListener("watch", tell);
      },
    };
  }

  #hear(state: WatchState): void {
    this.#told = state;
    this.dispatchEvent(new globalThis.Event("watch"));
    this.#become(shown(state, navigator.onLine));
  }

  #become(state: Connection): void {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new globalThis.Event("state"));
  }
}

/** Honest in one word: "live" only while everything that happens arrives. */
export function shown(state: WatchState, online: boolean): Connection {
  switch (state.name) {
    case "live":
      return "live";
    case "connecting":
      return "connecting";
    case "stopped":
      return "offline";
    default:
      return online ? "reconnecting" : "offline";
  }
}

type Stream = (
  request: { stores: string[]; afterSequence: bigint },
  options: { signal: AbortSignal },
) => AsyncIterable<WatchEventsResponse>;

/**
 * Reads back: the events after one sequence up to another, oldest first.
 *
 * The stream has no end of its own; it is left when it has come so far.
 */
export async function eventsBetween(
  stream: Stream,
  after: bigint,
  through: bigint,
  signal: AbortSignal,
): Promise<Event[]> {
  const found: Event[] = [];
  if (through <= after) return found;
  const enough = new AbortController();
  try {
    const options = { signal: AbortSignal.any([signal, enough.signal]) };
    for await (const { event, sequence } of stream({ stores: [], afterSequence: after }, options)) {
      if (event !== undefined && event.sequence <= through) found.push(event);
      if ((event?.sequence ?? sequence) >= through) break;
    }
  } finally {
    enough.abort();
  }
  return found;
}
