import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { afterEach, expect, test, vi } from "vitest";
import { createClient } from "../src/client/index.js";
import { Order } from "../src/order/order.js";
import {
  Action,
  EventSchema,
  EventType,
  OperationState,
  type PaymentActions,
  PaymentSchema,
  PaymentStatus,
} from "../src/proto.js";
import { Code, lost, memory, refusal, served } from "./support.js";

type PaymentInit = MessageInitShape<typeof PaymentSchema>;

const CAPTURE = { action: Action.CAPTURE, etag: '"1"' } as const;
const opened: Order[] = [];

/** An order over a service that tells nothing by itself, unless the test does. */
async function open(service: Partial<ServiceImpl<typeof PaymentActions>>, tab = memory()): Promise<Order> {
  const quiet: Partial<ServiceImpl<typeof PaymentActions>> = {
    getPayment: () => ({ payment: held('"1"') }),
    listEvents: () => ({}),
    async *watchEvents(_, { signal }) {
      yield* [];
      await new Promise((ended) => signal.addEventListener("abort", ended));
    },
    ...service,
  };
  const client = createClient({ baseUrl: "", transport: served(quiet), storage: tab });
  const order = new Order(client, "eu-shop", "4711", () => {});
  opened.push(order);
  await order.open();
  return order;
}

function held(etag: string, more: PaymentInit = {}) {
  return create(PaymentSchema, {
    store: "eu-shop",
    orderId: "4711",
    status: PaymentStatus.AUTHORIZED,
    etag,
    ...more,
  } as PaymentInit);
}

afterEach(() => {
  for (const order of opened.splice(0)) order.close();
});

test("what was asked for before a reload and never started is offered again, under the same request id", async () => {
  const tab = memory();
  const seen: string[] = [];
  const before = await open(
    {
      capturePayment: ({ requestId }) => {
        seen.push(requestId);
        throw lost();
      },
    },
    tab,
  );
  await before.act(CAPTURE);
  expect(before.notice?.kind).toBe("no_answer");

  const after = await open(
    {
      capturePayment: ({ requestId }) => {
        seen.push(requestId);
        return { operation: { requestId, state: OperationState.SUCCEEDED }, payment: held('"2"') };
      },
    },
    tab,
  );
  expect(after.notice?.kind).toBe("unanswered");
  if (after.notice?.kind === "unanswered") after.notice.retry();
  await vi.waitFor(() => expect(after.notice?.kind).toBe("ended"));
  expect(new Set(seen).size).toBe(1);
});

test("what was asked for upon a state that is past is settled by itself: it can start nothing any more", async () => {
  const tab = memory();
  const before = await open({ capturePayment: () => Promise.reject(lost()) }, tab);
  await before.act(CAPTURE);
  const after = await open(
    {
      getPayment: () => ({ payment: held('"5"') }),
      capturePayment: ({ etag }) => {
        expect(etag).toBe('"1"');
        throw refusal(Code.Aborted, "ETAG_MISMATCH");
      },
    },
    tab,
  );
  await vi.waitFor(() => expect(after.notice?.kind).toBe("stale"));
});

test("an operation in flight that this tab asked for is known as its own", async () => {
  const tab = memory();
  let requestId = "";
  const before = await open(
    {
      capturePayment: (request) => {
        requestId = request.requestId;
        throw lost();
      },
    },
    tab,
  );
  await before.act(CAPTURE);
  const operationInFlight = { operationId: "op", requestId, action: Action.CAPTURE, state: OperationState.UNKNOWN };
  const after = await open(
    {
      getPayment: () => ({ payment: held('"2"', { operationInFlight }) }),
      capturePayment: () => expect.unreachable("asked again"),
    },
    tab,
  );
  expect(after.notice).toBeUndefined();
  expect(after.payment?.operationInFlight?.operationId).toBe("op");
});

test("a request whose answer was lost and whose operation shows is not asked for again", async () => {
  let requestId = "";
  const order = await open({
    getPayment: () => ({
      payment: requestId
        ? held('"2"', { operationInFlight: { operationId: "op", requestId, state: OperationState.PENDING } })
        : held('"1"'),
    }),
    capturePayment: (request) => {
      requestId = request.requestId;
      throw lost();
    },
  });
  await order.act(CAPTURE);
  await vi.waitFor(() => expect(order.payment?.operationInFlight?.operationId).toBe("op"));
  expect(order.notice).toBeUndefined();
});

test("the end of an own operation that came late is told as an answer, somebody else's as theirs", async () => {
  let tell = (_: MessageInitShape<typeof EventSchema>) => {};
  const order = await open({
    async *watchEvents(_, { signal }) {
      for (;;) {
        const event = await new Promise<MessageInitShape<typeof EventSchema>>((happened, ended) => {
          tell = happened;
          signal.addEventListener("abort", ended);
        });
        yield { event: create(EventSchema, event), sequence: 1n };
      }
    },
    capturePayment: () => ({ operation: { operationId: "op", state: OperationState.PENDING }, payment: held('"2"') }),
    getOperation: () => ({ operation: { operationId: "op", state: OperationState.DECLINED } }),
  });
  await order.act(CAPTURE);
  expect(order.notice).toBeUndefined();
  const line = {
    store: "eu-shop",
    orderId: "4711",
    type: EventType.OPERATION_ENDED,
    statusBefore: PaymentStatus.AUTHORIZED,
  };
  tell({ ...line, number: 1n, operationId: "op", statusAfter: PaymentStatus.AUTHORIZED });
  await vi.waitFor(() =>
    expect(order.notice).toMatchObject({ kind: "ended", operation: { state: OperationState.DECLINED } }),
  );
  tell({ ...line, number: 2n, operationId: "other", actor: "ben", statusAfter: PaymentStatus.VOIDED });
  await vi.waitFor(() => expect(order.notice).toMatchObject({ kind: "changed_by", actor: "ben" }));
});

/** A service at which a capture was begun, and ends when the test says so; nobody hears the answer. */
function slowCapture() {
  const service = { requestId: "", ended: false, payment: true, tell: (_: number) => {} };
  const at = (second: number) => timestampFromMs(1000 * second);
  const begun = () => ({ operationId: "op", requestId: service.requestId, action: Action.CAPTURE });
  const line = (number: number) => ({
    store: "eu-shop",
    orderId: "4711",
    number: BigInt(number),
    operationId: "op",
    actor: "anna",
    time: at(number),
    type: number === 1 ? EventType.OPERATION_STARTED : EventType.OPERATION_ENDED,
    statusBefore: PaymentStatus.AUTHORIZED,
    statusAfter: number === 1 ? PaymentStatus.AUTHORIZED : PaymentStatus.CAPTURED,
    details: number === 1 ? { request_id: service.requestId } : {},
  });
  const rpc: Partial<ServiceImpl<typeof PaymentActions>> = {
    capturePayment: (request) => {
      service.requestId = request.requestId;
      throw lost();
    },
    getPayment: () => {
      if (!service.payment) throw lost();
      if (!service.requestId) return { payment: held('"1"', { updateTime: at(0) }) };
      return service.ended
        ? { payment: held('"3"', { updateTime: at(2), status: PaymentStatus.CAPTURED }) }
        : { payment: held('"2"', { updateTime: at(1), operationInFlight: begun() }) };
    },
    listEvents: () => ({ events: service.requestId ? [line(1), ...(service.ended ? [line(2)] : [])] : [] }),
    getOperation: () => ({ operation: { ...begun(), state: OperationState.SUCCEEDED } }),
    async *watchEvents(_, { signal }) {
      for (;;) {
        const number = await new Promise<number>((happened, aborted) => {
          service.tell = happened;
          signal.addEventListener("abort", aborted);
        });
        yield { event: create(EventSchema, line(number)), sequence: BigInt(number) };
      }
    },
  };
  return Object.assign(service, { rpc });
}

test("what ends after a reload is told as the answer to whom it was asked by, though it was seen to have begun", async () => {
  const service = slowCapture();
  const tab = memory();
  const before = await open(service.rpc, tab);
  await before.act(CAPTURE);
  await vi.waitFor(() => expect(before.payment?.operationInFlight).toBeDefined());
  before.close();
  const after = await open(service.rpc, tab);
  service.ended = true;
  service.tell(2);
  await vi.waitFor(() => expect(after.notice).toMatchObject({ kind: "ended", operation: { operationId: "op" } }));
  expect((await open(service.rpc, tab)).notice).toBeUndefined();
});

test("what had ended before the page came back is told from the history, without being asked for again", async () => {
  const service = slowCapture();
  const tab = memory();
  const before = await open(service.rpc, tab);
  await before.act(CAPTURE);
  before.close();
  service.ended = true;
  service.rpc.capturePayment = () => expect.unreachable("asked again");
  const after = await open(service.rpc, tab);
  await vi.waitFor(() => expect(after.notice?.kind).toBe("ended"));
});

test("a history that knows more than the payment waits for it, and has it read again", async () => {
  const service = slowCapture();
  const order = await open(service.rpc);
  service.payment = false;
  service.ended = true;
  await order.act(CAPTURE);
  expect(order.notice?.kind).toBe("no_answer");
  await vi.waitFor(() => expect(order.error).toBeDefined());
  expect([order.payment?.status, order.events]).toEqual([PaymentStatus.AUTHORIZED, []]);
  service.payment = true;
  order.tick(Date.now() + 6000);
  await vi.waitFor(() => expect(order.events).toHaveLength(2));
  expect(order.payment?.status).toBe(PaymentStatus.CAPTURED);
  await vi.waitFor(() => expect(order.notice?.kind).toBe("ended"));
});

test("an answer that was overtaken does not bring the past back", async () => {
  const newer = { updateTime: timestampFromMs(2000), status: PaymentStatus.CAPTURED };
  const order = await open({
    getPayment: () => ({ payment: held('"1"', { updateTime: timestampFromMs(1000) }) }),
    capturePayment: () => ({ operation: { state: OperationState.SUCCEEDED }, payment: held('"2"', newer) }),
  });
  await order.act(CAPTURE);
  await order.load();
  expect(order.payment?.status).toBe(PaymentStatus.CAPTURED);
});

test("a time that was shown and has passed is read anew, and not more often than every five seconds", async () => {
  let reads = 0;
  const order = await open({
    getPayment: () => {
      reads += 1;
      return { payment: held('"1"', { nextRefreshTime: timestampFromMs(Date.now() - 10_000) }) };
    },
  });
  await vi.waitFor(() => expect(order.events).toEqual([]));
  const before = reads;
  order.tick(Date.now());
  expect(reads).toBe(before);
  order.tick(Date.now() + 6000);
  await vi.waitFor(() => expect(reads).toBe(before + 1));
});
