import { isFinal } from "../client/actions.js";
import type {
  Intent,
  PaymentActionsClient,
  PaymentActionsError,
  SentAction,
  Watch,
  WatchState,
} from "../client/index.js";
import { readError } from "../client/index.js";
import { millis } from "../i18n/index.js";
import { Action, type Event, EventType, type Payment } from "../proto.js";
import { History, isEnd } from "./history.js";
import type { Notice } from "./notice.js";

/** How far what is shown can be trusted to be the present. */
export type Connection = "connecting" | "live" | "lost" | "offline" | "refused";

// The time of the next check moves without an event when a check shows nothing new; so it is read again once it is past.
const OVERDUE_MS = 2000;
const RELOAD_PAUSE_MS = 5000;
// How often to ask while no news comes by itself.
const POLL_MS = 15_000;
// A stream that is going to be refused is, within this.
const SETTLED_MS = 1000;

/**
 * One order's payment on a page: read, watched, acted upon. Knows no rule of its own: what may be done is what the service
 * offers, and each action is bound to the state that the person saw.
 */
export class Order {
  payment: Payment | undefined;
  error: PaymentActionsError | undefined;
  connection: Connection = "connecting";
  /** What this page has asked for and not heard of yet. */
  sending: { action: Action; amount?: Intent["amount"] } | undefined;
  notice: Notice | undefined;

  /** Whether what is being asked for was seen to have arrived, though its answer may be lost. */
  private arrived = false;
  private readonly history: History;
  private opened = false;
  private watch: Watch | undefined;
  private readonly life = new AbortController();
  private loading: Promise<void> | undefined;
  private again = false;
  private loadedAt = 0;
  /** Operations that this page asked for: their news is told as an answer, not as somebody else's doing. */
  private readonly own = new Set<string>();
  /** The one whose end is being read. */
  private ending = "";

  constructor(
    private readonly client: PaymentActionsClient,
    readonly store: string,
    readonly orderId: string,
    private readonly changed: (order: Order) => void,
  ) {
    this.history = new History(orderId);
  }

  /** Newest last. */
  get events(): Event[] {
    return this.history.shown;
  }

  async open(): Promise<void> {
    this.watch = this.client.watch({
      stores: [this.store],
      onEvent: (event) => this.happened(event),
      onState: (state) => this.connected(state),
    });
    await this.load();
    await this.loadHistory();
    this.opened = true;
    if (!this.life.signal.aborted) this.settleUnanswered();
  }

  close(): void {
    this.life.abort();
    this.watch?.stop();
  }

  /** Read the payment; calls that come meanwhile lead to one more reading, not to many. */
  load(): Promise<void> {
    if (this.loading !== undefined) {
      this.again = true;
      return this.loading;
    }
    this.loading = this.read().finally(() => {
      this.loading = undefined;
    });
    return this.loading;
  }

  async act(intent: Omit<SentAction, "store" | "orderId">): Promise<void> {
    const action: SentAction = { ...intent, store: this.store, orderId: this.orderId };
    if (this.sending !== undefined) return;
    this.sending = { action: action.action, amount: action.amount };
    this.arrived = false;
    this.tell(undefined);
    try {
      const { operation, payment } = await this.client.act(action);
      this.own.add(operation.operationId);
      this.sending = undefined;
      this.take(payment);
      this.tell(isFinal(operation) ? { kind: "ended", operation } : undefined);
    } catch (thrown) {
      this.sending = undefined;
      this.failed(action, readError(thrown));
    }
  }

  async refresh(): Promise<void> {
    if (this.sending !== undefined) return;
    const before = this.payment;
    this.sending = { action: Action.REFRESH };
    this.tell(undefined);
    try {
      const { payment, events } = await this.client.refresh(this.store, this.orderId);
      this.sending = undefined;
      this.take(payment);
      this.add(events);
      this.tell({ kind: "refreshed", status: payment.status, changed: before?.etag !== payment.etag });
    } catch (thrown) {
      this.sending = undefined;
      this.tell({ kind: "refused", action: Action.REFRESH, error: readError(thrown) });
    }
  }

  tell(notice: Notice | undefined): void {
    this.notice = notice;
    this.update();
  }

  /** Called as time passes: reads again when a time that is shown has come and gone. */
  tick(now: number): void {
    const { payment } = this;
    const due = [
      payment?.operationInFlight?.nextCheckTime ?? payment?.nextRefreshTime,
      payment?.storeUpdate?.nextAttemptTime,
    ];
    const overdue = due.some((time) => time !== undefined && millis(time) + OVERDUE_MS < now);
    if ((overdue || this.history.behind) && now - this.loadedAt > RELOAD_PAUSE_MS) void this.load();
    if (this.connection === "lost" && now - this.loadedAt > POLL_MS) void this.load().then(() => this.loadHistory());
  }

  private async read(): Promise<void> {
    do {
      this.again = false;
      this.loadedAt = Date.now();
      try {
        this.take(await this.client.getPayment(this.store, this.orderId, { signal: this.life.signal }));
        this.error = undefined;
        this.recogniseInHistory();
      } catch (thrown) {
        if (this.life.signal.aborted) return;
        this.error = readError(thrown);
      }
      this.update();
    } while (this.again);
  }

  private async loadHistory(): Promise<void> {
    if (this.payment === undefined) return;
    try {
      for await (const page of this.client.history(this.store, this.orderId, { signal: this.life.signal })) {
        this.add(page);
        this.update();
      }
    } catch {
      // The history is missing, the actions are not: it is read again when the connection is back.
    }
    if (this.history.behind) await this.load();
    this.recogniseInHistory();
  }

  /** An answer may have been overtaken by a later one. */
  private take(payment: Payment): void {
    const known = this.payment?.updateTime;
    if (known && payment.updateTime && millis(payment.updateTime) < millis(known)) return;
    this.payment = payment;
    this.recognise(payment);
    this.history.showUntil(payment.updateTime);
  }

  /** An operation under a request id of ours is the answer to the question whether it arrived. */
  private recognise({ operationInFlight: operation }: Payment): void {
    if (operation !== undefined && this.kept().has(operation.requestId)) this.hasArrived(operation.operationId);
  }

  /** The history names the request that began an operation: what this tab asked for is its own after a reload, too. */
  private recogniseInHistory(): void {
    if (this.sending !== undefined) return;
    const { begun, ended } = this.history.begunBy(this.kept());
    for (const operationId of begun) this.hasArrived(operationId);
    if (ended !== undefined) void this.tellEnd(ended);
  }

  private kept(): Set<string> {
    return new Set(this.client.unanswered(this.store, this.orderId).map(({ requestId }) => requestId));
  }

  private hasArrived(operationId: string): void {
    this.own.add(operationId);
    this.arrived = true;
    if (this.notice?.kind === "no_answer" || this.notice?.kind === "unanswered") this.notice = undefined;
  }

  private add(events: readonly Event[]): void {
    this.history.add(events, this.payment?.updateTime);
  }

  private happened(event: Event): void {
    if (event.store !== this.store || event.orderId !== this.orderId) return;
    this.add([event]);
    void this.load().then(() => this.tellOf(event));
  }

  private tellOf(event: Event): void {
    // What the payment does not show yet, or had shown when it was opened, is no news.
    if (!this.opened || !this.history.shows(event)) return;
    if (this.own.has(event.operationId) && isEnd(event)) void this.tellEnd(event.operationId);
    const moved = event.statusBefore !== event.statusAfter && event.type !== EventType.PAYMENT_SEEN;
    if (!moved || this.sending !== undefined || this.own.has(event.operationId)) return;
    this.tell({ kind: "changed_by", actor: event.actor, status: event.statusAfter });
  }

  /** What was asked for here, and answered late. */
  private async tellEnd(operationId: string): Promise<void> {
    if (this.sending !== undefined || this.notice?.kind === "ended" || this.ending === operationId) return;
    this.ending = operationId;
    try {
      const { operation } = await this.client.rpc.getOperation({ store: this.store, operationId });
      if (operation === undefined || !isFinal(operation)) return;
      this.client.forget(operation.requestId);
      this.tell({ kind: "ended", operation });
    } catch {
      // The history shows it all the same.
    } finally {
      this.ending = "";
    }
  }

  private connected(state: WatchState): void {
    const before = this.connection;
    if (state.name === "live") this.connection = "live";
    else if (navigator.onLine === false && state.name !== "stopped") this.connection = "offline";
    else if (state.name === "waiting") this.connection = "lost";
    else if (state.name === "stopped" && state.error) this.connection = "refused";
    else if (before === "lost" || before === "offline") void this.readAgain();
    if (state.name === "live" && !(state.resumed && this.payment)) void this.load().then(() => this.loadHistory());
    if (before !== this.connection) this.update();
  }

  /** A new stream may be silent until something happens: an answer to a question tells as well that the service is back. */
  private async readAgain(): Promise<void> {
    this.connection = "lost";
    await this.load();
    // Behind a proxy that passes questions on and no streams, the service is there and news is not: that stays said.
    await new Promise((settled) => setTimeout(settled, SETTLED_MS));
    if (this.error !== undefined || this.watch?.state.name !== "connecting" || this.connection !== "lost") return;
    if (navigator.onLine === false) return;
    this.connection = "connecting";
    this.update();
  }

  private failed(action: SentAction, error: PaymentActionsError): void {
    if (error.happened === "unknown" && this.arrived) {
      this.update();
    } else if (error.happened === "unknown") {
      this.tell({ kind: "no_answer", action: action.action, retry: () => void this.act(action) });
    } else if (error.reason === "ETAG_MISMATCH") {
      this.tell({ kind: "stale" });
    } else {
      this.tell({ kind: "refused", action: action.action, error });
    }
    // What came between is history, too, and its news may not have come.
    void this.load().then(() => this.loadHistory());
  }

  /** Take up what this tab had asked for before it was reloaded. */
  private settleUnanswered(): void {
    const kept = this.client.unanswered(this.store, this.orderId).at(-1);
    if (kept === undefined || this.payment === undefined || this.arrived) return;
    const { requestId: _, keptSince, ...intent } = kept;
    if (intent.etag !== undefined && intent.etag !== this.payment.etag) {
      // Bound to a state that is past, it can start nothing any more: asking only tells what became of it.
      void this.act(intent);
    } else {
      this.tell({ kind: "unanswered", action: intent.action, time: keptSince, retry: () => void this.act(intent) });
    }
  }

  private update(): void {
    if (!this.life.signal.aborted) this.changed(this);
  }
}
