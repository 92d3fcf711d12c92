import "fake-indexeddb/auto";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  Action,
  ActionItemSchema,
  type Operation,
  OperationSchema,
  OperationState,
  type RunActionsResponse,
  RunActionsResponseSchema,
} from "@payment-actions/web/proto";
import { beforeEach, describe, expect, test } from "vitest";
import { ErrorInfoSchema } from "../../src/gen/google/rpc/error_details_pb.js";
import { csv } from "../src/bulk/csv.js";
import { answered, type Item, newItems, newRun, previewed, progress, sumsOf, tally, toAsk } from "../src/bulk/model.js";
import { RunGone, Runner, type RunService } from "../src/bulk/runner.js";
import { RunStore } from "../src/bulk/store.js";

function reason(name: string, domain = "payment-actions", metadata: Record<string, string> = {}) {
  const value = toBinary(ErrorInfoSchema, create(ErrorInfoSchema, { reason: name, domain, metadata }));
  return { typeUrl: "type.googleapis.com/google.rpc.ErrorInfo", value };
}

const REASON = reason("ACTION_NOT_AVAILABLE");
const UNREACHED = reason("PLATFORM_UNAVAILABLE");
const FAILED = reason("GATEWAY_UNAVAILABLE", "payment-actions", { operation_id: "op" });
const ORDERS = ["1", "2", "3"].map((orderId) => ({ store: "eu-shop", orderId, orderNumber: `#${orderId}` }));

let number = 0;
let store: RunStore;

beforeEach(() => {
  number += 1;
  store = new RunStore(`test ${number}`);
});

function ids(): () => string {
  let next = 0;
  return () => `request-${next++}`;
}

function response(fields: object): RunActionsResponse {
  return create(RunActionsResponseSchema, fields as never);
}

function operation(state: OperationState, operationId = "op"): Operation {
  return create(OperationSchema, { operationId, state });
}

/** A service that previews all but order 2, and answers the run with what it is told to; an error ends the stream. */
class Service implements RunService {
  readonly asked: { validateOnly: boolean; items: string[]; amounts: (string | undefined)[]; etags: string[] }[] = [];
  states = new Map<string, OperationState>();
  lostAfter = Number.POSITIVE_INFINITY;

  async *runActions(
    request: Parameters<RunService["runActions"]>[0],
    _options?: { signal: AbortSignal },
  ): AsyncGenerator<RunActionsResponse> {
    for (const item of request.items) toBinary(ActionItemSchema, item); // It can be sent.
    const items = request.items.map(({ orderId, requestId }) => `${orderId} ${requestId}`);
    this.asked.push({
      validateOnly: request.validateOnly,
      items,
      amounts: request.items.map(({ amount }) => amount && `${amount.units}`),
      etags: request.items.map(({ etag }) => etag),
    });
    for (const [index, { orderId, action }] of request.items.entries()) {
      if (index >= this.lostAfter) throw new Error("connection lost");
      if (request.validateOnly && orderId === "2") {
        yield response({ index, error: { code: 9, message: "not available", details: [REASON] } });
      } else if (request.validateOnly) {
        const amount = { currencyCode: "EUR", units: 10n, nanos: 500_000_000 };
        yield response({ index, preview: { action, amount }, payment: { etag: `"${orderId}"` } });
      } else {
        yield response({
          index,
          operation: operation(this.states.get(orderId) ?? OperationState.SUCCEEDED, `op-${orderId}`),
        });
      }
    }
  }

  getOperation({ operationId }: { operationId: string }): ReturnType<RunService["getOperation"]> {
    return Promise.resolve({ operation: operation(OperationState.SUCCEEDED, operationId) } as never);
  }
}

async function begun(service: RunService): Promise<Runner> {
  const run = newRun("run", Action.CAPTURE, ORDERS.length, "anna", 0);
  const items = newItems(ORDERS, ids());
  await store.add(run, items);
  return new Runner(run, items, store, service, () => undefined);
}

/** As after a reload: from what was kept. */
async function reloaded(service: RunService): Promise<Runner> {
  const kept = await store.get("run");
  if (kept === null) throw new Error("the run was not kept");
  return new Runner(kept.run, kept.items, store, service, () => undefined);
}

describe("a bulk run", () => {
  test("is tried first: what would be refused is left out, and the sums are of what would go", async () => {
    const service = new Service();
    const runner = await begun(service);
    await expect(runner.go()).rejects.toThrow("dry run");
    await runner.preview();
    expect(runner.items.map(({ state }) => state)).toEqual(["ready", "excluded", "ready"]);
    expect(sumsOf(runner.items, ["ready"])).toEqual([{ currencyCode: "EUR", amount: "21" }]);
    await runner.go();
    expect(service.asked.map(({ validateOnly, items }) => [validateOnly, items])).toEqual([
      [true, ["1 request-0", "2 request-1", "3 request-2"]],
      [false, ["1 request-0", "3 request-2"]],
    ]);
    expect(service.asked[1]?.amounts).toEqual(["10", "10"]);
    expect(tally(runner.items)).toMatchObject({ done: 2, excluded: 1 });
  });

  test("acts upon what was shown: each order's amount and state; a second trial asks anew", async () => {
    const service = new Service();
    const runner = await begun(service);
    await runner.preview();
    await runner.preview();
    await runner.go();
    const seen = service.asked.map(({ amounts, etags }) => [amounts[0], etags[0]]);
    expect(seen).toEqual([
      [undefined, ""],
      [undefined, ""],
      ["10", '"1"'],
    ]);
  });

  test("of refreshes leaves out none that is merely not offered", () => {
    const [item] = newItems(ORDERS, ids());
    const refused = { error: { code: 9, message: "Nothing is open", details: [REASON] } };
    const states = [Action.REFRESH, Action.VOID].map(
      (action) => previewed(item as Item, response({ action, ...refused })).state,
    );
    expect(states).toEqual(["ready", "excluded"]);
  });

  test("is on disk, marked as sent, before anything leaves", async () => {
    const service = new Service();
    const runner = await begun(service);
    await runner.preview();
    let kept: Awaited<ReturnType<RunStore["get"]>> = null;
    const ask = service.runActions.bind(service);
    service.runActions = async function* (request) {
      kept = await store.get("run");
      yield* ask(request);
    };
    await runner.go();
    expect(kept).toMatchObject({
      run: { phase: "confirmed" },
      items: [{ state: "sent", requestId: "request-0" }, { state: "excluded" }, { state: "sent" }],
    });
  });

  test("that was cut off is taken up after a reload with the same request ids, and only for what has no answer", async () => {
    const service = new Service();
    service.lostAfter = 1;
    const runner = await begun(service);
    service.lostAfter = Number.POSITIVE_INFINITY;
    await runner.preview();
    service.lostAfter = 1;
    await expect(runner.go()).rejects.toThrow("connection lost");
    expect(progress(runner.items)).toEqual({ ended: 1, total: 2 });
    service.lostAfter = Number.POSITIVE_INFINITY;
    const again = await reloaded(service);
    expect(toAsk(again.items).map(({ requestId }) => requestId)).toEqual(["request-2"]);
    await again.go();
    expect(service.asked.at(-1)?.items).toEqual(["3 request-2"]);
    expect(progress((await reloaded(service)).items)).toEqual({ ended: 2, total: 2 });
  });

  test("that hears nothing for long is taken for cut off, and is taken up again with the same request ids", async () => {
    const service = new Service();
    const first = await begun(service);
    await first.preview();
    const runner = new Runner(first.run, first.items, store, service, () => undefined, 50);
    const ask = service.runActions.bind(service);
    service.runActions = async function* (request, options) {
      for await (const one of ask(request)) {
        yield one;
        await new Promise((_, lost) => options?.signal.addEventListener("abort", () => lost(new Error("given up"))));
      }
    };
    await expect(runner.go()).rejects.toThrow("given up");
    expect(runner.items.map(({ state }) => state)).toEqual(["done", "excluded", "sent"]);
    service.runActions = ask;
    await runner.go();
    expect(service.asked.at(-1)?.items).toEqual(["3 request-2"]);
    expect(progress(runner.items)).toEqual({ ended: 2, total: 2 });
  });

  test("that was begun before there were etags goes on", async () => {
    const service = new Service();
    const runner = await begun(service);
    await runner.preview();
    await store.putItems("run", runner.items.map(({ etag: _, ...item }) => item) as Item[]);
    await (await reloaded(service)).go();
    const again = await reloaded(service);
    await again.go();
    expect(tally(again.items)).toMatchObject({ done: 2 });
  });

  test("asks again under the same request id for what the shop was out of reach for, and a lost answer stays unknown", async () => {
    const service = new Service();
    const runner = await begun(service);
    await runner.preview();
    const ask = service.runActions.bind(service);
    service.runActions = async function* (request) {
      for (const [index] of request.items.entries())
        yield response({ index, error: { code: 14, message: "The shop is away.", details: [UNREACHED] } });
    };
    await runner.go();
    expect(runner.items.map(({ state }) => state)).toEqual(["unavailable", "excluded", "unavailable"]);
    expect(progress(runner.items)).toEqual({ ended: 0, total: 2 });
    // Nothing was begun: away once more is no more than that.
    await runner.go();
    expect(tally(runner.items)).toMatchObject({ unavailable: 2, sent: 0 });
    service.runActions = ask;
    const again = await reloaded(service);
    await again.go();
    expect(service.asked.at(-1)?.items).toEqual(["1 request-0", "3 request-2"]);
    expect(tally(again.items)).toMatchObject({ done: 2, unavailable: 0 });
    const sent = { ...(again.items[0] as Item), state: "sent" as const };
    expect(answered(sent, response({ error: { code: 14, message: "m", details: [UNREACHED] } }), true).state).toBe(
      "sent",
    );
  });

  test("leaves out what a policy does not allow in whole", () => {
    const [item] = newItems(ORDERS, ids());
    const eur = (units: bigint) => ({ currencyCode: "EUR", units, nanos: 0 });
    const preview = { action: Action.REFUND, amount: eur(100n), amountMax: eur(20n), amountMaxReason: "Ask finance." };
    const shown = previewed(item as Item, response({ preview, payment: { etag: '"1"' } }));
    expect([shown.state, shown.message]).toEqual(["excluded", "At most 20 EUR: Ask finance."]);
    expect(toAsk([shown])).toEqual([]);
  });

  test("follows what is in flight when its operation ends", async () => {
    const service = new Service();
    service.states.set("1", OperationState.UNKNOWN);
    const runner = await begun(service);
    await runner.preview();
    await runner.go();
    expect(runner.items[0]?.state).toBe("in_flight");
    await runner.look("op-1");
    expect((await reloaded(service)).items[0]?.state).toBe("done");
  });

  test("finds out after a reload what ended meanwhile", async () => {
    const service = new Service();
    service.states.set("1", OperationState.PENDING);
    const runner = await begun(service);
    await runner.preview();
    await runner.go();
    const again = await reloaded(service);
    await again.settle();
    expect(tally(again.items)).toMatchObject({ done: 2, in_flight: 0 });
  });

  test("becomes another before it is confirmed, with other request ids; never after", async () => {
    const service = new Service();
    const runner = await begun(service);
    await runner.choose(Action.VOID, () => "other");
    expect(new Set(runner.items.map(({ requestId }) => requestId))).toEqual(new Set(["other"]));
    await runner.preview();
    await runner.go();
    await expect(runner.choose(Action.REFUND, () => "third")).rejects.toThrow("confirmed");
    await expect(runner.preview()).rejects.toThrow("confirmed");
  });

  describe("that another tab had open, too", () => {
    test("is not made another there after it was confirmed here", async () => {
      const service = new Service();
      const here = await begun(service);
      await here.preview();
      const there = await reloaded(service);
      await here.go();
      const asked = service.asked.length;
      await there.preview();
      expect(service.asked).toHaveLength(asked);
      const third = await reloaded(service); // As it was read before.
      third.run = { ...third.run, phase: "previewed" };
      await third.choose(Action.REFUND, () => "other");
      const kept = await reloaded(service);
      expect(kept.run).toMatchObject({ action: Action.CAPTURE, phase: "confirmed" });
      expect(kept.items.map(({ requestId, state }) => [requestId, state])).toEqual([
        ["request-0", "done"],
        ["request-1", "excluded"],
        ["request-2", "done"],
      ]);
      expect([there.items, third.items]).toEqual([kept.items, kept.items]);
    });

    test("is not begun as it was when another thing was chosen in the other tab", async () => {
      const service = new Service();
      const here = await begun(service);
      await here.preview();
      const there = await reloaded(service);
      await there.choose(Action.VOID, () => "other");
      await there.preview();
      const asked = service.asked.length;
      await here.go();
      expect(service.asked).toHaveLength(asked);
      expect(here.run).toMatchObject({ action: Action.VOID, phase: "previewed" });
      await here.go();
      expect(service.asked.at(-1)).toMatchObject({ validateOnly: false, items: ["1 other", "3 other"] });
    });

    test("is not brought back when it was deleted in the other tab", async () => {
      const here = await begun(new Service());
      await here.preview();
      await store.delete("run");
      await expect(here.go()).rejects.toThrow(RunGone);
      await expect(here.preview()).rejects.toThrow(RunGone);
      expect(await store.get("run")).toBeNull();
    });
  });

  test("that could not be kept is neither begun nor taken for confirmed, and its note is not lost", async () => {
    const service = new Service();
    const runner = await begun(service);
    await runner.preview();
    const { putRun } = store;
    store.putRun = () => Promise.reject(new Error("full"));
    await expect(runner.go("agreed by phone")).rejects.toThrow("full");
    expect(runner.run.phase).toBe("previewed");
    expect(service.asked).toHaveLength(1);
    store.putRun = putRun;
    await runner.go("agreed by phone");
    expect((await reloaded(service)).run).toMatchObject({ phase: "confirmed", note: "agreed by phone" });
  });

  test.each([
    ["sent", ""],
    ["in_flight", "op-1"],
  ] as const)("asked again: that the service cannot know says nothing of what was %s before", (state, operationId) => {
    const [item] = newItems(ORDERS, ids());
    const before = { ...(item as Item), state, operationId };
    const refused = response({ error: { code: 5, message: "no such store", details: [reason("STORE_NOT_FOUND")] } });
    expect(answered(before, refused, true).state).toBe(state);
    expect(answered(before, refused, false).state).toBe("refused");
  });

  test.each([
    ["an error with the service's reason", { error: { code: 14, message: "m", details: [REASON] } }, "refused"],
    [
      "an order that the shop closed",
      { error: { code: 9, message: "m", details: [reason("ORDER_CANCELLED")] } },
      "refused",
    ],
    [
      "an order that the shop changed",
      { error: { code: 9, message: "m", details: [reason("ORDER_CHANGED")] } },
      "refused",
    ],
    ["a shop out of reach", { error: { code: 14, message: "m", details: [UNREACHED] } }, "unavailable"],
    ["an operation that failed", { error: { code: 14, message: "m", details: [FAILED] } }, "failed"],
    ["an error without one", { error: { code: 14, message: "m" } }, "sent"],
    ["an error with somebody else's", { error: { code: 14, message: "m", details: [reason("X", "proxy")] } }, "sent"],
    ["a refusal by the gateway", { operation: operation(OperationState.DECLINED) }, "declined"],
    ["no answer of the gateway's", { operation: operation(OperationState.UNKNOWN) }, "in_flight"],
    ["what had been done before", { operation: operation(OperationState.ALREADY_DONE) }, "already_done"],
    ["a look that moved nothing", {}, "done"],
  ])("takes %s for what it is", (_, fields, state) => {
    const [item] = newItems(ORDERS, ids());
    expect(answered({ ...(item as Item), state: "sent" }, response(fields)).state).toBe(state);
  });

  test("is forgotten with its items", async () => {
    await begun(new Service());
    expect((await store.list()).map(({ id }) => id)).toEqual(["run"]);
    await store.delete("run");
    expect(await store.get("run")).toBeNull();
    expect(await store.list()).toEqual([]);
  });
});

describe("the result file", () => {
  test("quotes what must be, and disarms what a spreadsheet would run", () => {
    const [item] = newItems([{ store: "s", orderId: "=1+1", orderNumber: 'a"b,c' }], ids());
    const file = csv(newRun("r", Action.CAPTURE, 1, "", 0), [
      { ...(item as Item), state: "done", amount: { currencyCode: "EUR", amount: "1.5" } },
    ]);
    expect(file.split("\r\n")[1]).toBe(`s,'=1+1,"a""b,c",CAPTURE,done,1.5,EUR,,request-0,`);
  });
});
