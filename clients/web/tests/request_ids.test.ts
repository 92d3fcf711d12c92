import { expect, test, vi } from "vitest";
import { PaymentActionsError, RequestIds } from "../src/client/index.js";
import { Action, OperationState } from "../src/proto.js";
import { Code, clientOf, lost, memory, payment, refusal, usd } from "./support.js";

const CAPTURE = { store: "eu-shop", orderId: "4711", action: Action.CAPTURE, etag: '"1"' } as const;
const ONCE = { attempts: 1 };

test("a double click asks once", async () => {
  const seen: string[] = [];
  const client = clientOf({
    capturePayment: ({ requestId }) => {
      seen.push(requestId);
      return { operation: { state: OperationState.SUCCEEDED }, payment: payment() };
    },
  });
  const [first, second] = await Promise.all([client.act(CAPTURE), client.act(CAPTURE)]);
  expect(seen).toHaveLength(1);
  expect(second).toBe(first);
});

test("a lost answer is asked for again under the same request id, by itself", async () => {
  const seen: string[] = [];
  const client = clientOf({
    capturePayment: ({ requestId }) => {
      seen.push(requestId);
      if (seen.length < 3) throw lost();
      return { operation: { state: OperationState.SUCCEEDED, requestId }, payment: payment() };
    },
  });
  const { operation } = await client.act(CAPTURE);
  expect(seen).toEqual([operation.requestId, operation.requestId, operation.requestId]);
});

test("a reload asks again under the request id that was kept before the first sending", async () => {
  const tab = memory();
  const seen: string[] = [];
  const service = (answers: boolean) => ({
    capturePayment: ({ requestId }: { requestId: string }) => {
      expect(tab.text()).toContain(requestId);
      seen.push(requestId);
      if (!answers) throw lost();
      return { operation: { state: OperationState.SUCCEEDED }, payment: payment() };
    },
  });
  await expect(clientOf(service(false), tab).act(CAPTURE, ONCE)).rejects.toThrow(PaymentActionsError);
  const reloaded = clientOf(service(true), tab);
  expect(reloaded.unanswered("eu-shop", "4711").map(({ requestId }) => requestId)).toEqual([seen[0]]);
  await reloaded.act(CAPTURE);
  expect(seen[1]).toBe(seen[0]);
  expect(reloaded.unanswered("eu-shop", "4711")).toEqual([]);
});

test.each([
  ["another action", { ...CAPTURE, action: Action.VOID } as const],
  ["another order", { ...CAPTURE, orderId: "4712" }],
  ["another amount", { ...CAPTURE, amount: usd(5) }],
  ["another state of the payment", { ...CAPTURE, etag: '"2"' }],
])("%s is another request", (_, other) => {
  const requestIds = new RequestIds("", memory());
  expect(requestIds.keep(other)).not.toBe(requestIds.keep(CAPTURE));
  expect(requestIds.keep(CAPTURE)).toBe(requestIds.keep({ ...CAPTURE }));
});

test("after a definite answer the same intent is a new request", async () => {
  const seen: string[] = [];
  const client = clientOf({
    capturePayment: ({ requestId }) => {
      seen.push(requestId);
      if (seen.length === 1) throw refusal(Code.Unavailable, "GATEWAY_UNAVAILABLE");
      return { operation: { state: OperationState.DECLINED }, payment: payment() };
    },
  });
  await expect(client.act(CAPTURE)).rejects.toThrow("GATEWAY_UNAVAILABLE");
  await client.act(CAPTURE);
  await client.act(CAPTURE);
  expect(new Set(seen).size).toBe(3);
});

test("an answer without an operation is no answer", async () => {
  const client = clientOf({ voidPayment: () => ({}) });
  await expect(client.act({ ...CAPTURE, action: Action.VOID }, ONCE)).rejects.toMatchObject({ happened: "unknown" });
  expect(client.unanswered("eu-shop", "4711")).toHaveLength(1);
});

test("what is kept is bounded in number and in age, and holds no note", async () => {
  const tab = memory();
  let now = 1_000_000;
  const requestIds = new RequestIds("", tab, () => now);
  for (let order = 0; order < 150; order++) requestIds.keep({ ...CAPTURE, orderId: `${order}` });
  expect(requestIds.unanswered("eu-shop", "49")).toHaveLength(0);
  expect(requestIds.unanswered("eu-shop", "50")).toHaveLength(1);
  now += 25 * 60 * 60 * 1000;
  expect(requestIds.unanswered("eu-shop", "149")).toHaveLength(0);

  const client = clientOf({ capturePayment: () => Promise.reject(lost()) }, tab);
  await client.act({ ...CAPTURE, note: "goods are on their way" }, ONCE).catch(() => undefined);
  expect(tab.text()).not.toContain("goods");
});

test.each([
  ["throws", () => Promise.reject(new Error("blocked"))],
  ["holds something else", () => '{"a": 1}'],
])("a storage that %s costs the memory of a reload and nothing else", (_, getItem) => {
  const storage = {
    getItem: () => {
      const value = getItem();
      if (typeof value === "string") return value;
      value.catch(() => undefined);
      throw new Error("blocked");
    },
    setItem: () => {
      throw new Error("full");
    },
  };
  const requestIds = new RequestIds("", storage);
  expect(requestIds.keep(CAPTURE)).toMatch(/^[0-9a-f]{32}$/);
});

test("a storage that fills up while the page is open costs the memory of a reload and nothing else", () => {
  const tab = memory();
  let full = false;
  const setItem = (key: string, value: string) => {
    if (full) throw new Error("full");
    tab.setItem(key, value);
  };
  const requestIds = new RequestIds("", { getItem: tab.getItem, setItem });
  const before = requestIds.keep({ ...CAPTURE, orderId: "4710" });
  full = true;
  const requestId = requestIds.keep(CAPTURE);
  expect(requestIds.keep(CAPTURE)).toBe(requestId);
  requestIds.forget(before);
  expect(requestIds.keep({ ...CAPTURE, orderId: "4710" })).not.toBe(before);
  full = false;
  requestIds.forget("any");
  expect(tab.text()).toContain(requestId);
});

test.each(["UNAUTHENTICATED", "PERMISSION_DENIED", "STORE_NOT_FOUND", "GATEWAY_UNAVAILABLE", "PLATFORM_UNAVAILABLE"])(
  "%s after a lost answer says nothing of the request that was lost",
  async (reason) => {
    const seen: string[] = [];
    const client = clientOf({
      capturePayment: ({ requestId }) => {
        seen.push(requestId);
        if (seen.length === 1) throw lost();
        if (seen.length === 2) throw refusal(Code.PermissionDenied, reason);
        return { operation: { state: OperationState.SUCCEEDED }, payment: payment() };
      },
    });
    await expect(client.act(CAPTURE, { attempts: 2 })).rejects.toMatchObject({ happened: "unknown" });
    await client.act(CAPTURE);
    expect(new Set(seen).size).toBe(1);
  },
);

test("a refusal before the request is looked up says nothing of what was asked for before a reload", async () => {
  const tab = memory();
  const asked = clientOf({ capturePayment: () => Promise.reject(lost()) }, tab);
  await asked.act(CAPTURE, ONCE).catch(() => undefined);
  const denied = { capturePayment: () => Promise.reject(refusal(Code.Unauthenticated, "UNAUTHENTICATED")) };
  await expect(clientOf(denied, tab).act(CAPTURE)).rejects.toMatchObject({ happened: "unknown" });
  expect(clientOf({}, tab).unanswered("eu-shop", "4711")).toHaveLength(1);
});

test.each([
  ["an operation that failed", Code.Unavailable, "GATEWAY_UNAVAILABLE", { operation_id: "0123" }],
  ["a state that is past", Code.Aborted, "ETAG_MISMATCH", {}],
  ["an order that the shop closed", Code.FailedPrecondition, "ORDER_CANCELLED", {}],
  ["an order that the shop changed", Code.FailedPrecondition, "ORDER_CHANGED", {}],
])("%s is a definite answer after a lost one, too", async (_, code, reason, metadata) => {
  let asked = 0;
  const capturePayment = () => Promise.reject(++asked === 1 ? lost() : refusal(code, reason, metadata));
  await expect(clientOf({ capturePayment }).act(CAPTURE)).rejects.toMatchObject({ happened: "no", reason });
});

test("an order that the shop closed is not asked for again by itself", async () => {
  let asked = 0;
  const capturePayment = () => {
    asked += 1;
    throw refusal(Code.FailedPrecondition, "ORDER_CANCELLED");
  };
  const client = clientOf({ capturePayment });
  await expect(client.act(CAPTURE)).rejects.toMatchObject({ advice: "void" });
  expect([asked, client.unanswered("eu-shop", "4711")]).toEqual([1, []]);
});

test("offline says nothing of what was asked for before without an answer", async () => {
  const client = clientOf({ capturePayment: () => Promise.reject(lost()) });
  await client.act(CAPTURE, ONCE).catch(() => undefined);
  vi.stubGlobal("navigator", { onLine: false });
  await expect(client.act(CAPTURE)).rejects.toMatchObject({ happened: "unknown" });
  vi.unstubAllGlobals();
});

test("offline nothing is sent and nothing kept", async () => {
  vi.stubGlobal("navigator", { onLine: false });
  const client = clientOf({});
  await expect(client.act(CAPTURE)).rejects.toMatchObject({ reason: "OFFLINE" });
  expect(client.unanswered("eu-shop", "4711")).toEqual([]);
  vi.unstubAllGlobals();
});
