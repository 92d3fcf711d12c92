import type { Client } from "@connectrpc/connect";
import type { Event, PaymentActions } from "../proto.js";
import { type PaymentActionsError, readError } from "./errors.js";

export type WatchState =
  /** Asking for the stream. */
  | { name: "connecting" }
  /** Everything that happens arrives. `resumed`: nothing was missed since the last event; otherwise read anew. */
  | { name: "live"; resumed: boolean }
  /** Cut off; asks again at `retryTime`, or as soon as the network or the page comes back. */
  | { name: "waiting"; retryTime: number; error: PaymentActionsError | undefined }
  /** The page is hidden: the connection is given back until it is looked at again. */
  | { name: "paused" }
  /** Ended: by the caller, or because the service refuses for good. */
  | { name: "stopped"; error: PaymentActionsError | undefined };

export interface WatchOptions {
  /** Only these stores. Empty or absent: all. */
  stores?: string[];
  /** Only events after this sequence; absent: what happens from now on. */
  afterSequence?: bigint;
  onEvent(event: Event): void;
  onState?(state: WatchState): void;
  /** The environment; tests bring their own. */
  environment?: Partial<WatchEnvironment>;
}

export interface WatchEnvironment {
  now(): number;
  /** From 0 up to 1. */
  random(): number;
  online(): boolean;
  hidden(): boolean;
  /** Tell of changes of the two above; return how to stop that. */
  subscribe(wake: () => void): () => void;
}

export interface Watch {
  /** The last sequence up to which nothing was missed. Undefined until the service has told one. */
  readonly sequence: bigint | undefined;
  readonly state: WatchState;
  stop(): void;
}

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
// The service shows a sign of life every 15 s: three missed mean a connection that is dead without having said so.
const SILENCE_MAX_MS = 45_000;
// A page that is merely switched away from for a moment keeps its stream.
const HIDDEN_MAX_MS = 30_000;

/** Watch events for as long as the page lives: resumes where it was cut off, waits longer after each failure. */
export function watchEvents(rpc: Client<typeof PaymentActions>, options: WatchOptions): Watch {
  return new Watcher(rpc, options);
}

class Watcher implements Watch {
  sequence: bigint | undefined;
  state: WatchState = { name: "connecting" };
  private readonly environment: WatchEnvironment;
  private readonly unsubscribe: () => void;
  private attempts = 0;
  private connection: AbortController | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private hiddenTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly rpc: Client<typeof PaymentActions>,
    private readonly options: WatchOptions,
  ) {
    this.environment = { ...browserEnvironment, ...options.environment };
    this.sequence = options.afterSequence;
    this.unsubscribe = this.environment.subscribe(() => this.woken());
    this.connect();
  }

  stop(error?: PaymentActionsError): void {
    if (this.state.name === "stopped") return;
    this.unsubscribe();
    this.disconnect();
    clearTimeout(this.hiddenTimer);
    this.enter({ name: "stopped", error });
  }

  /** Something about the network or the page's visibility changed. */
  private woken(): void {
    clearTimeout(this.hiddenTimer);
    if (this.state.name === "stopped") return;
    if (this.environment.hidden()) {
      this.hiddenTimer = setTimeout(() => this.pause(), HIDDEN_MAX_MS);
    } else if (!this.environment.online()) {
      this.disconnect();
      this.retryLater(undefined);
    } else if (this.state.name !== "live") {
      // An attempt that is under way may have begun without a network, and never end.
      this.attempts = 0;
      this.connect();
    }
  }

  private pause(): void {
    this.disconnect();
    this.enter({ name: "paused" });
  }

  private disconnect(): void {
    clearTimeout(this.timer);
    this.connection?.abort();
    this.connection = undefined;
  }

  private connect(): void {
    this.disconnect();
    this.enter({ name: "connecting" });
    const connection = new AbortController();
    this.connection = connection;
    void this.read(connection).then(
      () => this.ended(connection, undefined),
      (thrown: unknown) => this.ended(connection, thrown),
    );
  }

  private async read(connection: AbortController): Promise<void> {
    const resumed = this.sequence !== undefined;
    const stream = this.rpc.watchEvents(
      {
        stores: this.options.stores ?? [],
        ...(this.sequence !== undefined && { afterSequence: this.sequence }),
      },
      {
        signal: connection.signal,
        // The answer's headers, which come at once, and not the first event, which may take hours.
        onHeader: () => connection === this.connection && this.connected(resumed),
      },
    );
    this.expectLife(connection);
    for await (const message of stream) {
      if (connection !== this.connection) return;
      if (this.state.name !== "live") this.connected(resumed);
      this.expectLife(connection);
      // Only now: a proxy may open a stream, and end it, without a word of the service.
      this.attempts = 0;
      // What was seen is noted first: a handler that throws must not make an event come twice.
      if (message.sequence > 0n) this.sequence = message.sequence;
      if (message.event !== undefined) this.options.onEvent(message.event);
    }
  }

  private connected(resumed: boolean): void {
    this.enter({ name: "live", resumed });
  }

  private expectLife(connection: AbortController): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => connection.abort(), SILENCE_MAX_MS);
  }

  private ended(connection: AbortController, thrown: unknown): void {
    if (connection !== this.connection) return; // Given up by us.
    this.disconnect();
    const error = thrown === undefined ? undefined : readError(thrown);
    if (error !== undefined && (error.advice === "change_request" || error.advice === "get_permission")) {
      this.stop(error);
    } else {
      this.retryLater(error);
    }
  }

  private retryLater(error: PaymentActionsError | undefined): void {
    // Between half and all of a wait that doubles: clients that lost the service together do not come back together.
    const longest = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(this.attempts, 10));
    const wait = longest * (0.5 + this.environment.random() / 2);
    this.attempts += 1;
    this.timer = setTimeout(() => this.connect(), wait);
    this.enter({ name: "waiting", retryTime: this.environment.now() + wait, error });
  }

  private enter(state: WatchState): void {
    this.state = state;
    this.options.onState?.(state);
  }
}

const browserEnvironment: WatchEnvironment = {
  now: Date.now,
  random: Math.random,
  online: () => globalThis.navigator?.onLine !== false,
  hidden: () => globalThis.document?.visibilityState === "hidden",
  subscribe(wake) {
    const leave = new AbortController();
    const { signal } = leave;
    globalThis.addEventListener?.("online", wake, { signal });
    globalThis.addEventListener?.("offline", wake, { signal });
    globalThis.document?.addEventListener("visibilitychange", wake, { signal });
    return () => leave.abort();
  },
};
