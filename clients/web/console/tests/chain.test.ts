import { EventType, PaymentStatus } from "@payment-actions/web/proto";
import { describe, expect, test } from "vitest";
import { checkChain, sealedHash } from "../src/chain.js";
import { event, NOW } from "./support/service.js";

// Sealed by the service's own code.
const FIRST = event(7, {
  orderId: '47"11',
  number: 1n,
  type: EventType.PAYMENT_SEEN,
  time: { $typeName: "google.protobuf.Timestamp", seconds: BigInt(NOW / 1000), nanos: 120_000 },
  actor: "schedule",
  statusBefore: PaymentStatus.UNSPECIFIED,
  statusAfter: PaymentStatus.AUTHORIZED,
  message: "Gesehen: 129,90 € – ok\n",
  details: { b: "2", a: "ü", "\u{1F600}": "x", "\uFF5E": "y" },
  previousHash: "0".repeat(64),
  hash: "da0436b3b17ccade7194deb61a8f6ac5d630fdfdc74bdaa95d873bf51af9aab5",
});
const SECOND = event(9, {
  orderId: '47"11',
  number: 2n,
  time: { $typeName: "google.protobuf.Timestamp", seconds: BigInt(NOW / 1000 + 1), nanos: 0 },
  operationId: "01k",
  statusAfter: PaymentStatus.CAPTURED,
  message: "CAPTURE",
  previousHash: FIRST.hash,
  hash: "e99ca71fdfcb1de05d448736b63d9c4db44c5d8c7bd90a3b719630e60a600330",
});

describe("a history's chain", () => {
  test("holds as the service seals it", async () => {
    expect(await checkChain([FIRST, SECOND])).toEqual({ kind: "holds", lines: 2 });
  });

  test.each([
    ["changed", [FIRST, { ...SECOND, actor: "bob" }], 2n],
    ["missing", [SECOND], 2n],
    ["forged anew", [{ ...FIRST, hash: "f".repeat(64) }, SECOND], 1n],
  ])("breaks where a line is %s", async (_, events, number) => {
    expect(await checkChain(events)).toEqual({ kind: "broken", number });
  });

  test("breaks after a line that was forged and sealed anew", async () => {
    const forged = { ...FIRST, actor: "mallory" };
    const sealed = { ...forged, hash: await sealedHash(forged) };
    expect(await checkChain([sealed])).toEqual({ kind: "holds", lines: 1 });
    expect(await checkChain([sealed, SECOND])).toEqual({ kind: "broken", number: 2n });
  });
});
