import { create } from "@bufbuild/protobuf";
import { type WatchEventsResponse, WatchEventsResponseSchema } from "@payment-actions/web/proto";
import { describe, expect, test } from "vitest";
import { eventsBetween, Live, shown } from "../src/live.js";
import { isActor, keepSettings, readSettings } from "../src/settings.js";
import { event } from "./support/service.js";

function message(sequence: number, withEvent = true): WatchEventsResponse {
  return create(WatchEventsResponseSchema, {
    sequence: BigInt(sequence),
    ...(withEvent ? { event: event(sequence) } : {}),
  });
}

/** A stream that never ends by itself. */
async function* endless(
  messages: readonly WatchEventsResponse[],
  signal: AbortSignal,
): AsyncGenerator<WatchEventsResponse> {
  yield* messages;
  await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

describe("reading back", () => {
  const signal = new AbortController().signal;

  test("ends at the sequence that it was asked for, though the stream does not", async () => {
    const found = await eventsBetween(
      (_, options) =>
        endless(
          [4, 5, 7].map((one) => message(one)),
          options.signal,
        ),
      3n,
      5n,
      signal,
    );
    expect(found.map(({ sequence }) => sequence)).toEqual([4n, 5n]);
  });

  test("ends where there is a gap, and at a sign of life", async () => {
    const gap = await eventsBetween((_, options) => endless([message(4), message(9)], options.signal), 3n, 6n, signal);
    expect(gap.map(({ sequence }) => sequence)).toEqual([4n]);
    const quiet = await eventsBetween((_, options) => endless([message(6, false)], options.signal), 3n, 6n, signal);
    expect(quiet).toEqual([]);
  });

  test("of nothing asks nobody", async () => {
    const nobody = () => {
      throw new Error("asked");
    };
    expect(await eventsBetween(nobody, 5n, 5n, signal)).toEqual([]);
  });
});

describe("the connection", () => {
  test.each([
    [{ name: "live", resumed: true }, true, "live"],
    [{ name: "connecting" }, true, "connecting"],
    [{ name: "waiting", retryTime: 0, error: undefined }, true, "reconnecting"],
    [{ name: "waiting", retryTime: 0, error: undefined }, false, "offline"],
    [{ name: "stopped", error: undefined }, true, "offline"],
  ] as const)("%j is called what it is", (state, online, word) => {
    expect(shown(state, online)).toBe(word);
  });

  test("is shared: each hears only of its stores, until it stops", () => {
    const live = new Live();
    const heard: string[] = [];
    const follower = live.follow({ stores: ["eu-shop"], onEvent: ({ store }) => heard.push(store) });
    live.tell(event(1));
    live.tell(event(2, { store: "outlet" }));
    follower.stop();
    live.tell(event(3));
    expect(heard).toEqual(["eu-shop"]);
  });
});

describe("settings", () => {
  test("survive a reload, and whatever else was written there", () => {
    let kept = "not json";
    const storage = {
      getItem: () => kept,
      setItem(_: string, value: string) {
        kept = value;
      },
    };
    expect(readSettings(() => storage)).toEqual({ actor: "", theme: "system", language: "" });
    keepSettings(() => storage, { actor: "anna@shop.example", theme: "dark", language: "de" });
    expect(readSettings(() => storage)).toEqual({ actor: "anna@shop.example", theme: "dark", language: "de" });
  });

  test.each([
    ["anna@shop.example", true],
    ["", false],
    ["  ", false],
    ["Jürgen", false],
    ["a\nb", false],
    ["x".repeat(129), false],
  ])("a name %j can be sent: %j", (name, fits) => {
    expect(isActor(name)).toBe(fits);
  });
});
