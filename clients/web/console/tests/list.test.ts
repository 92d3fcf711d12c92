import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { PaymentStatus } from "@payment-actions/web/proto";
import { describe, expect, test, vi } from "vitest";
import { EVERY_PAYMENT, mayFit } from "../src/filters.js";
import { Loader, listRequest } from "../src/list/loader.js";
import { keyOf, orderOf, Rows } from "../src/list/rows.js";
import { Selection } from "../src/list/selection.js";
import { scrollTo, visibleRange, wantsMore } from "../src/list/window.js";
import { clientOf, event, NOW, payment } from "./support/service.js";

describe("the window on a long list", () => {
  test("draws what is seen and a little more, never beyond the list", () => {
    expect(visibleRange({ top: 4400, height: 440 }, 44, 50_000, 5)).toEqual({ first: 95, end: 115 });
    expect(visibleRange({ top: 0, height: 440 }, 44, 3)).toEqual({ first: 0, end: 3 });
    expect(visibleRange({ top: -60, height: 440 }, 44, 0)).toEqual({ first: 0, end: 0 });
  });

  test("wants more some screens before the end", () => {
    expect(wantsMore({ top: 0, height: 440 }, 44, 200, 6)).toBe(false);
    expect(wantsMore({ top: 6000, height: 440 }, 44, 200, 6)).toBe(true);
  });

  test("scrolls only as far as it must", () => {
    expect(scrollTo(2, { top: 0, height: 440 }, 44)).toBeNull();
    expect(scrollTo(10, { top: 0, height: 440 }, 44)).toBe(44);
    expect(scrollTo(1, { top: 440, height: 440 }, 44)).toBe(44);
  });
});

describe("the loaded rows", () => {
  test("keep their places when one changes, or comes again in a later page", () => {
    const rows = new Rows();
    rows.append([payment("1"), payment("2")]);
    rows.append([payment("1", { status: PaymentStatus.CAPTURED }), payment("3")]);
    expect([0, 1, 2].map((place) => rows.at(place)?.orderId)).toEqual(["1", "2", "3"]);
    expect(rows.at(0)?.status).toBe(PaymentStatus.CAPTURED);
    expect(rows.count).toBe(3);
  });

  test("read again only what is in sight, and count what is not listed once", () => {
    const rows = new Rows();
    rows.append(["1", "2", "3"].map((id) => payment(id)));
    rows.changed({ store: "eu-shop", orderId: "1" });
    rows.changed({ store: "eu-shop", orderId: "3" });
    rows.changed({ store: "eu-shop", orderId: "99" });
    rows.changed({ store: "eu-shop", orderId: "99" });
    expect(rows.staleAmong(1, 3, 10)).toEqual([{ store: "eu-shop", orderId: "3" }]);
    expect(rows.unlistedCount).toBe(1);
    rows.reading({ store: "eu-shop", orderId: "3" });
    expect(rows.staleAmong(0, 3, 10)).toEqual([{ store: "eu-shop", orderId: "1" }]);
  });

  test("announce no change of an order that the filter leaves out", () => {
    const captured = { ...EVERY_PAYMENT, store: "eu-shop", statuses: [PaymentStatus.CAPTURED] };
    expect(mayFit(captured, event(1, { statusAfter: PaymentStatus.CAPTURED }))).toBe(true);
    expect(mayFit(captured, event(1, { statusAfter: PaymentStatus.VOIDED }))).toBe(false);
    expect(mayFit(captured, event(1, { statusAfter: PaymentStatus.CAPTURED, store: "outlet" }))).toBe(false);
    const rows = new Rows();
    rows.append([payment("1")]);
    rows.changed({ store: "eu-shop", orderId: "1" }, false);
    rows.changed({ store: "eu-shop", orderId: "2" }, false);
    expect(rows.unlistedCount).toBe(0);
    expect(rows.staleAmong(0, 1, 1)).toHaveLength(1);
  });

  test("tell two orders apart whose ids have slashes", () => {
    expect(orderOf(keyOf({ store: "a", orderId: "b/c" }))).toEqual({ store: "a", orderId: "b/c" });
  });
});

describe("the selection", () => {
  const list = ["a", "b", "c", "d"];
  const between = (from: string, to: string) => {
    const [first = 0, last = 0] = [list.indexOf(from), list.indexOf(to)].sort();
    return list.slice(first, last + 1);
  };

  test("is toggled, and drawn as a range from the last one ticked", () => {
    const one = new Selection().toggled("b");
    expect(one.extendedTo("d", between).keys()).toEqual(["b", "c", "d"]);
    expect(one.extendedTo("a", between).keys().toSorted()).toEqual(["a", "b"]);
    expect(one.toggled("b").size).toBe(0);
  });
});

/** A list in pages of two, the last changed first, whose payments change while it is read. */
function changing(ids: readonly string[], apart = 1000) {
  const times = new Map<string, number>();
  let changes = 0;
  const touch = (id: string): void => {
    changes += 1;
    if (id !== "") times.set(id, NOW + changes * apart);
  };
  ids.toReversed().forEach(touch);
  const service = {
    asked: (): void => undefined,
    touch,
    client: clientOf({
      listPayments: ({ pageToken }) => {
        const before = pageToken === "" ? Number.POSITIVE_INFINITY : Number(pageToken);
        const rest = [...times].filter(([, time]) => time < before).toSorted(([, one], [, other]) => other - one);
        const page = rest.slice(0, 2);
        service.asked();
        return {
          payments: page.map(([id, time]) => payment(id, { updateTime: timestampFromMs(time) })),
          nextPageToken: rest.length > 2 ? String(page.at(-1)?.[1]) : "",
        };
      },
    }),
  };
  return service;
}

describe("the loader", () => {
  test("reads page after page, one at a time, with the same request but for its token", async () => {
    const asked: string[] = [];
    const client = clientOf({
      listPayments: ({ pageToken, store }) => {
        asked.push(`${store}:${pageToken}`);
        return pageToken === "" ? { payments: [payment("1")], nextPageToken: "t" } : { payments: [payment("2")] };
      },
    });
    const loader = new Loader(client, { ...EVERY_PAYMENT, store: "eu-shop" }, () => undefined);
    await Promise.all([loader.more(), loader.more()]);
    expect(loader.complete).toBe(false);
    await loader.more();
    await loader.more();
    expect(asked).toEqual(["eu-shop:", "eu-shop:t"]);
    expect(loader.complete).toBe(true);
    expect(loader.rows.count).toBe(2);
  });

  test("says what went wrong, and goes on from the same place", async () => {
    let failures = 1;
    const client = clientOf({
      listPayments: () => {
        if (failures-- > 0) throw new Error("no");
        return { payments: [payment("1")] };
      },
    });
    const loader = new Loader(client, EVERY_PAYMENT, () => undefined);
    await loader.more();
    expect(loader.failure).not.toBe("");
    await loader.more();
    expect(loader.failure).toBe("");
    expect(loader.rows.count).toBe(1);
  });

  test("gives up a page that never comes, says so, and may be asked again", async () => {
    vi.useFakeTimers();
    let hangs = true;
    const client = clientOf({
      listPayments: () => (hangs ? new Promise<never>(() => {}) : { payments: [payment("1")] }),
    });
    const loader = new Loader(client, EVERY_PAYMENT, () => undefined);
    const asked = loader.more();
    await vi.advanceTimersByTimeAsync(60_001);
    await asked;
    vi.useRealTimers();
    expect(loader.failure).not.toBe("");
    hangs = false;
    await loader.more();
    expect([loader.failure, loader.rows.count]).toEqual(["", 1]);
  });

  test("reads a changed payment anew while it is in sight", async () => {
    const client = clientOf({
      listPayments: () => ({ payments: [payment("1")] }),
      getPayment: () => ({ payment: payment("1", { status: PaymentStatus.REFUNDED }) }),
    });
    const loader = new Loader(client, EVERY_PAYMENT, () => undefined);
    await loader.more();
    loader.rows.changed({ store: "eu-shop", orderId: "1" });
    const read = await new Promise<PaymentStatus>((resolve) => {
      loader.readChanged(0, 1, ({ status }) => resolve(status));
    });
    expect(read).toBe(PaymentStatus.REFUNDED);
    expect(loader.rows.at(0)?.status).toBe(PaymentStatus.REFUNDED);
  });

  test("does not call the list complete while changes have moved rows to where it had read before", async () => {
    const service = changing(["1", "2", "3", "4"]);
    const loader = new Loader(service.client, EVERY_PAYMENT, () => undefined);
    await loader.more();
    service.touch("3"); // From the second page to the front of the first.
    loader.rows.changed({ store: "eu-shop", orderId: "3" });
    await loader.more();
    expect([loader.complete, loader.all, loader.rows.count]).toEqual([true, false, 3]);
  });

  test("finds everything that matches, though rows move while it pages", async () => {
    const service = changing(["1", "2", "3", "4", "5", "6"]);
    const moves = ["4", "6", "", "2"];
    service.asked = () => service.touch(moves.shift() ?? "");
    const loader = new Loader(service.client, EVERY_PAYMENT, () => undefined);
    await loader.everything(100, () => undefined);
    expect([...loader.rows.keys()].toSorted()).toEqual([1, 2, 3, 4, 5, 6].map((id) => `eu-shop/${id}`));
  });

  test("reads no further than to what changed before it began, and stops where changes never end", async () => {
    const old = changing(["1", "2", "3", "4", "5", "6"], 3_600_000);
    let asked = 0;
    old.asked = () => {
      asked += 1;
    };
    await new Loader(old.client, EVERY_PAYMENT, () => undefined).everything(100, () => undefined);
    expect(asked).toBe(3 + 1);

    const restless = changing(["1", "2"]);
    let next = 3;
    restless.asked = () => {
      restless.touch(String(next++));
      expect(next).toBeLessThan(100);
    };
    const loader = new Loader(restless.client, EVERY_PAYMENT, () => undefined);
    await loader.everything(1000, () => undefined);
    expect(loader.rows.count).toBeGreaterThan(2);
  });

  test("takes note that a change it heard of does not belong into the list, once the list was read without it", async () => {
    const service = changing(["1", "2"]);
    const loader = new Loader(service.client, EVERY_PAYMENT, () => undefined);
    loader.rows.changed({ store: "eu-shop", orderId: "99" });
    await loader.everything(100, () => undefined);
    expect(loader.all).toBe(true);
  });

  test("turns days into times once for the whole list", () => {
    const request = listRequest({ ...EVERY_PAYMENT, expiringDays: 2, overdue: true }, NOW);
    expect(request.authorizationExpireBefore?.seconds).toBe(BigInt(NOW / 1000 + 2 * 86_400));
    expect(request.refreshDueBefore?.seconds).toBe(BigInt(NOW / 1000 - 60));
    expect(listRequest(EVERY_PAYMENT, NOW).refreshDueBefore).toBeUndefined();
  });
});
