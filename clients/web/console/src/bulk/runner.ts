/** Drives a run: a dry run first, then the run, in portions; every answer is kept as it comes. */

import { create } from "@bufbuild/protobuf";
import {
  Action,
  type ActionItem,
  ActionItemSchema,
  type GetOperationResponse,
  type RunActionsResponse,
} from "@payment-actions/web/proto";
import { fromDecimal } from "../money.js";
import {
  answered,
  type Item,
  mayHaveBegun,
  previewed,
  type Run,
  sameRun,
  sent,
  toAsk,
  withAction,
  withOperation,
} from "./model.js";
import type { RunStore } from "./store.js";

/** What of the service a run needs. */
export interface RunService {
  runActions(
    request: { items: ActionItem[]; validateOnly: boolean },
    options: { signal: AbortSignal },
  ): AsyncIterable<RunActionsResponse>;
  getOperation(request: { store: string; operationId: string }): Promise<GetOperationResponse>;
}

/** So many are asked for in one call: what an aborted connection leaves without an answer is bounded. */
export const PORTION = 500;
const LOOKS_AT_ONCE = 6;
const KEEP_MILLISECONDS = 300;
/** Of many orders one has an answer sooner: a connection that says nothing for so long is dead without having said so. */
const SILENCE_MILLISECONDS = 120_000;

/** The run was deleted, in another tab. */
export class RunGone extends Error {}

export class Runner {
  run: Run;
  items: Item[];
  readonly #store: RunStore;
  readonly #service: RunService;
  readonly #changed: () => void;
  readonly #silenceMilliseconds: number;
  readonly #unsaved = new Map<number, Item>();
  readonly #stop = new AbortController();
  #keptAt = 0;

  constructor(
    run: Run,
    items: Item[],
    store: RunStore,
    service: RunService,
    changed: () => void,
    silenceMilliseconds = SILENCE_MILLISECONDS,
  ) {
    this.run = run;
    this.items = items;
    this.#store = store;
    this.#service = service;
    this.#changed = changed;
    this.#silenceMilliseconds = silenceMilliseconds;
  }

  /** Stops listening. What was asked for goes on in the service. */
  stop(): void {
    this.#stop.abort();
  }

  /** Makes another run of it; one that another tab has confirmed is left as it is. */
  async choose(action: Action, newRequestId: () => string): Promise<void> {
    if (this.#isConfirmed) throw new Error("a run that was confirmed cannot become another");
    await this.#takeOver();
    if (this.#isConfirmed) return;
    const items = withAction(this.items, newRequestId);
    const run: Run = { ...this.run, action, phase: "chosen" };
    await this.#store.add(run, items);
    [this.run, this.items] = [run, items];
    this.#changed();
  }

  /** Asks what each would do; starts nothing. One that another tab has confirmed is left as it is. */
  async preview(): Promise<void> {
    if (this.#isConfirmed) throw new Error("a run that was confirmed is not tried out again");
    await this.#takeOver();
    if (this.#isConfirmed) return;
    await this.#ask(this.items, true, (item, response) => previewed(item, response));
    const run: Run = { ...this.run, phase: "previewed" };
    await this.#store.putRun(run);
    this.run = run;
    this.#changed();
  }

  /**
   * Runs what has no answer yet. Called again, it repeats the questions and no action. Does nothing where another tab made
   * of the run what was not seen here: that is shown first.
   */
  async go(note = this.run.note): Promise<void> {
    if (this.run.phase === "chosen") throw new Error("a run begins with its dry run");
    const resumed = this.#isConfirmed;
    if (!(await this.#takeOver()) && !resumed) return;
    if (!resumed) {
      const run: Run = { ...this.run, note, phase: "confirmed" };
      await this.#store.putRun(run);
      this.run = run;
    }
    const asked = toAsk(this.items);
    const before = new Set(asked.filter(mayHaveBegun).map(({ index }) => index));
    for (const item of asked) this.#put(sent(item));
    await this.#keep();
    await this.#ask(toAsk(this.items), false, (item, response) => answered(item, response, before.has(item.index)));
  }

  get #isConfirmed(): boolean {
    return this.run.phase === "confirmed";
  }

  /** Takes over what another tab did with this run meanwhile. Returns whether it is still what was shown here. */
  async #takeOver(): Promise<boolean> {
    const kept = await this.#store.get(this.run.id);
    if (kept === null) throw new RunGone();
    const same = sameRun(this.run, this.items, kept.run, kept.items);
    [this.run, this.items] = [kept.run, kept.items];
    this.#changed();
    return same;
  }

  /** An operation of this run may have ended: look. */
  async look(operationId: string): Promise<void> {
    const item = this.items.find((one) => one.operationId === operationId);
    if (item === undefined) return;
    const { operation } = await this.#service.getOperation({ store: item.store, operationId });
    if (operation !== undefined) this.#put(withOperation(this.items[item.index] ?? item, operation));
    await this.#keep();
    this.#changed();
  }

  /** Looks at all that were in flight when they were last heard of. */
  async settle(): Promise<void> {
    const waiting = this.items.filter((item) => item.state === "in_flight" && item.operationId !== "");
    for (let start = 0; start < waiting.length && !this.#stop.signal.aborted; start += LOOKS_AT_ONCE) {
      await Promise.all(waiting.slice(start, start + LOOKS_AT_ONCE).map((item) => this.look(item.operationId)));
    }
  }

  async #ask(
    items: readonly Item[],
    validateOnly: boolean,
    take: (item: Item, response: RunActionsResponse) => Item,
  ): Promise<void> {
    try {
      for (let start = 0; start < items.length; start += PORTION) {
        await this.#portion(items.slice(start, start + PORTION), validateOnly, take);
      }
    } finally {
      await this.#keep();
      this.#changed();
    }
  }

  async #portion(
    items: readonly Item[],
    validateOnly: boolean,
    take: (item: Item, response: RunActionsResponse) => Item,
  ): Promise<void> {
    const request = { items: items.map((item) => requested(this.run, item, validateOnly)), validateOnly };
    const silence = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, silence.signal]);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const expectNews = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), this.#silenceMilliseconds);
    };
    try {
      expectNews();
      for await (const response of this.#service.runActions(request, { signal })) {
        const item = items[response.index];
        if (item !== undefined) this.#put(take(this.items[item.index] ?? item, response));
        await this.#keepNowAndThen();
        expectNews();
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #put(item: Item): void {
    this.items[item.index] = item;
    this.#unsaved.set(item.index, item);
  }

  async #keepNowAndThen(): Promise<void> {
    if (performance.now() - this.#keptAt < KEEP_MILLISECONDS) return;
    this.#changed();
    await this.#keep();
  }

  async #keep(): Promise<void> {
    const items = [...this.#unsaved.values()];
    this.#unsaved.clear();
    this.#keptAt = performance.now();
    await this.#store.putItems(this.run.id, items);
  }
}

/** What was agreed to is said, the amount and the payment's state: if it changes meanwhile, the service refuses. */
function requested(run: Run, item: Item, validateOnly: boolean): ActionItem {
  const moves = run.action === Action.CAPTURE || run.action === Action.REFUND;
  const { store, orderId, amount } = item;
  const asked = create(ActionItemSchema, { store, orderId, action: run.action });
  if (run.action === Action.REFRESH) return asked;
  asked.requestId = item.requestId;
  // A trial is told what may be done now, whatever an earlier one has shown.
  if (validateOnly) return asked;
  asked.note = run.note;
  asked.etag = item.etag;
  if (moves && amount !== null) asked.amount = fromDecimal(amount.amount, amount.currencyCode);
  return asked;
}
