import { ConnectError } from "@connectrpc/connect";
import { expect, test, vi } from "vitest";
import { type PaymentActionsClient, PaymentActionsError, readError } from "../src/client/index.js";
import { ErrorReason } from "../src/proto.js";
import { Code, clientOf, lost, refusal } from "./support.js";

const REASONS = Object.keys(ErrorReason).filter((key) => Number.isNaN(Number(key)) && key !== "UNSPECIFIED");

async function thrownBy(error: ConnectError): Promise<PaymentActionsError> {
  const client = clientOf({ getPayment: () => Promise.reject(error) });
  return client.getPayment("eu-shop", "4711").then(
    () => expect.unreachable(),
    (thrown: PaymentActionsError) => thrown,
  );
}

test.each(REASONS)("%s proves that nothing happened, and keeps what the service said", async (reason) => {
  const error = await thrownBy(refusal(Code.FailedPrecondition, reason, { store: "eu-shop" }));
  expect(error).toBeInstanceOf(PaymentActionsError);
  expect(error).toMatchObject({ reason, happened: "no", message: `refused: ${reason}` });
  expect(error.failure.metadata).toEqual({ store: "eu-shop" });
  expect(error.advice).not.toBe("ask_again");
});

test("the reason narrows what can be known of it", async () => {
  const { failure } = await thrownBy(refusal(Code.Aborted, "ETAG_MISMATCH", { etag: '"3"', current_etag: '"5"' }));
  expect(failure.reason === "ETAG_MISMATCH" && failure.metadata.current_etag).toBe('"5"');
});

test.each([
  ["ORDER_CANCELLED", "void"],
  ["ORDER_CHANGED", "read_again"],
  ["ORDER_TOTAL_INVALID", "void"],
  ["PLATFORM_UNAVAILABLE", "try_later"],
])("%s advises: %s", async (reason, advice) => {
  const metadata = { action: "CAPTURE", available_actions: "VOID", order_state: "CANCELLED" };
  const error = await thrownBy(refusal(Code.FailedPrecondition, reason, metadata));
  expect([error.advice, error.happened, error.failure.metadata]).toEqual([advice, "no", metadata]);
});

test("a throttled call says when to come back", async () => {
  const error = await thrownBy(refusal(Code.ResourceExhausted, "GATEWAY_THROTTLED", {}, 2));
  expect(error).toMatchObject({ retryAfterSeconds: 2, advice: "try_later" });
});

test.each([
  ["a lost connection", lost()],
  ["a mistake of the service", new ConnectError("oops", Code.Internal)],
  ["a proxy's 403", new ConnectError("HTTP 403", Code.PermissionDenied)],
  ["a reason of another service", refusal(Code.NotFound, "ORDER_NOT_FOUND", {}, undefined, "another.example")],
  ["a reason that is newer than this client, with a code that proves nothing", refusal(Code.Unavailable, "NEWER")],
])("%s proves nothing: ask again", async (_, error) => {
  expect(await thrownBy(error)).toMatchObject({ reason: "NO_ANSWER", happened: "unknown", advice: "ask_again" });
});

test("a reason that is newer than this client is read by its code", async () => {
  const error = await thrownBy(refusal(Code.FailedPrecondition, "NEWER", { what: "new" }));
  expect(error).toMatchObject({ reason: "OTHER", happened: "no", advice: "read_again" });
  expect(error.failure.metadata).toEqual({ what: "new" });
});

test("any thrown value is read", () => {
  expect(readError(new TypeError("Failed to fetch")).reason).toBe("NO_ANSWER");
  expect(readError("text").happened).toBe("unknown");
});

test.each([
  ["a payment", (client: PaymentActionsClient) => client.getPayment("eu-shop", "4711")],
  ["a look at the gateway", (client: PaymentActionsClient) => client.refresh("eu-shop", "4711")],
  ["a history", (client: PaymentActionsClient) => client.history("eu-shop", "4711").next()],
])("%s that never comes is given up within a bound", async (_, ask) => {
  vi.useFakeTimers();
  const never = () => new Promise<never>(() => {});
  const answer = ask(clientOf({ getPayment: never, refreshPayment: never, listEvents: never }));
  const given = expect(answer).rejects.toMatchObject({ reason: "NO_ANSWER" });
  await vi.advanceTimersByTimeAsync(60_001);
  await given;
  vi.useRealTimers();
});
