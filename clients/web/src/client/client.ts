import { type Client, createClient as createRpcClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import type { Event, Operation, Payment } from "../proto.js";
import { PaymentActions } from "../proto.js";
import { type ActionOptions, ask, type SentAction, TIMEOUT_MS } from "./actions.js";
import { afterLostAnswer, PaymentActionsError, readError } from "./errors.js";
import { type KeptRequest, type KeyValueStorage, RequestIds } from "./request_ids.js";
import { type Watch, type WatchOptions, watchEvents } from "./watch.js";

export interface ClientOptions {
  /** Where the service's HTTP port is reached, e.g. "https://payments.example". "" is the page's own origin. */
  baseUrl: string;
  /** Whom the history names. The service believes it from loopback only. */
  actor?: string | undefined;
  /** Another way to the service than fetch; tests bring their own. */
  transport?: Transport;
  /** Where request ids are kept; the tab's sessionStorage if not given. */
  storage?: KeyValueStorage;
}

/** What became of an action, so far. `operation.state` may still be in flight: the service finds out, nobody calls again. */
export interface ActionResult {
  operation: Operation;
  payment: Payment;
}

export interface PaymentActionsClient {
  /** Every RPC as it is generated, for what the other methods do not cover. Throws ConnectError; see `readError`. */
  readonly rpc: Client<typeof PaymentActions>;

  /** Return a payment with what may be done with it now. Throws PaymentActionsError, as every method below. */
  getPayment(store: string, orderId: string, options?: { signal?: AbortSignal }): Promise<Payment>;

  /**
   * Capture, void or refund, under a request id that is kept until a definite answer was seen. Asked twice at once it asks
   * the service once; asked again after a lost answer or a reload it repeats the question, never the action.
   */
  act(action: SentAction, options?: ActionOptions): Promise<ActionResult>;

  /** Return what this tab asked for about an order without having seen the answer. */
  unanswered(store: string, orderId: string): KeptRequest[];

  /** Give up waiting for the answer to a request: the next intent like it is a new one. */
  forget(requestId: string): void;

  /** Ask the gateway what is true and follow it. Moves no money; safe at any time. */
  refresh(store: string, orderId: string): Promise<{ payment: Payment; events: Event[] }>;

  /** Return a payment's whole history, oldest first, page by page. Ends after 10,000 events. */
  history(store: string, orderId: string, options?: { signal?: AbortSignal }): AsyncGenerator<Event[]>;

  /** Watch events: resumes by itself, and stops only when told to or refused for good. */
  watch(options: WatchOptions): Watch;
}

/** The header in which a caller says who it is. */
export const ACTOR_HEADER = "payment-actions-actor";

const ACTOR_LENGTH_MAX = 128;
const PAGE_SIZE = 200;
const PAGES_MAX = 50;

export function createClient(options: ClientOptions): PaymentActionsClient {
  const rpc = createRpcClient(PaymentActions, options.transport ?? fetching(options));
  const requestIds = new RequestIds(options.baseUrl, options.storage);
  const asking = new Map<string, Promise<ActionResult>>();
  return {
    rpc,
    getPayment: (store, orderId, call) =>
      readable(
        rpc.getPayment({ store, orderId }, { timeoutMs: TIMEOUT_MS, ...call }).then(({ payment }) => known(payment)),
      ),
    act(action, call) {
      const before = requestIds.find(action);
      // Before an id is made: what is kept was sent, or was about to be.
      if (globalThis.navigator?.onLine === false)
        return Promise.reject(before === undefined ? offline() : afterLostAnswer(offline()));
      const requestId = before ?? requestIds.keep(action);
      let answer = asking.get(requestId);
      if (answer === undefined) {
        answer = ask(rpc, action, requestId, requestIds, before !== undefined, call).finally(() =>
          asking.delete(requestId),
        );
        asking.set(requestId, answer);
      }
      return answer;
    },
    unanswered: (store, orderId) => requestIds.unanswered(store, orderId),
    forget: (requestId) => requestIds.forget(requestId),
    refresh: (store, orderId) =>
      readable(
        rpc
          .refreshPayment({ store, orderId }, { timeoutMs: TIMEOUT_MS })
          .then(({ payment, events }) => ({ payment: known(payment), events })),
      ),
    async *history(store, orderId, call) {
      let pageToken = "";
      for (let page = 0; page < PAGES_MAX; page++) {
        const request = { store, orderId, pageSize: PAGE_SIZE, pageToken };
        const answer = await readable(rpc.listEvents(request, { timeoutMs: TIMEOUT_MS, ...call }));
        yield answer.events;
        pageToken = answer.nextPageToken;
        if (pageToken === "") return;
      }
    },
    watch: (watchOptions) => watchEvents(rpc, watchOptions),
  };
}

function fetching(options: ClientOptions): Transport {
  return createConnectTransport({
    baseUrl: options.baseUrl || globalThis.location.origin,
    // Smaller, and exact for 64-bit numbers without a detour.
    useBinaryFormat: true,
    interceptors: options.actor ? [namesActor(options.actor)] : [],
  });
}

function namesActor(actor: string): Interceptor {
  const value = sendable(actor.trim());
  return (next) => (request) => {
    if (value) request.header.set(ACTOR_HEADER, value);
    return next(request);
  };
}

/** Headers are Latin-1: a name in other letters goes percent-encoded. Of one that the service finds too long, the beginning. */
function sendable(actor: string): string {
  const value = /^[\x20-\x7e]*$/.test(actor) ? actor : encodeURIComponent(actor);
  return value.length > ACTOR_LENGTH_MAX ? sendable([...actor].slice(0, -1).join("").trim()) : value;
}

function offline(): PaymentActionsError {
  return new PaymentActionsError({ reason: "OFFLINE", metadata: {} }, "The browser is offline: nothing was sent.");
}

async function readable<Answer>(call: Promise<Answer>): Promise<Answer> {
  try {
    return await call;
  } catch (thrown) {
    throw readError(thrown);
  }
}

function known(payment: Payment | undefined): Payment {
  if (payment === undefined) throw new Error("the service answered without a payment");
  return payment;
}
