import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { WatchEnvironment, WatchState } from "../src/client/index.js";
import { Code, clientOf, lost, refusal } from "./support.js";

type Request = { afterSequence?: bigint; stores: string[] };

/** A service whose connections are scripted one by one; each ends by itself, by an error or by the test. */
function stage(...connections: ((request: Request, signal: AbortSignal) => AsyncGenerator<Answer>)[]) {
  const requests: Request[] = [];
  const client = clientOf({
    async *watchEvents(request, { signal }) {
      requests.push(request as Request);
      const script = connections[requests.length - 1] ?? silent;
      yield* script(request as Request, signal);
    },
  });
  return { client, requests };
}

type Answer = { event?: { sequence: bigint }; sequence: bigint };
const event = (sequence: bigint): Answer => ({ event: { sequence }, sequence });

async function* silent(_: Request, signal: AbortSignal): AsyncGenerator<Answer> {
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
}

function failing(error: Error, note: () => void = () => {}) {
  return async function* (): AsyncGenerator<Answer> {
    note();
    yield* [];
    throw error;
  };
}

function environment(overrides: Partial<WatchEnvironment> = {}) {
  let wake = () => {};
  const subscribe = (listener: () => void) => {
    wake = listener;
    return () => {};
  };
  return {
    environment: { now: Date.now, random: () => 1, online: () => true, hidden: () => false, subscribe, ...overrides },
    wake: () => wake(),
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a watch that was cut off resumes after what it has seen, events and signs of life alike", async () => {
  const { client, requests } = stage(
    async function* () {
      yield event(7n);
      yield { sequence: 9n };
      throw lost();
    },
    async function* () {
      yield event(12n);
      throw lost();
    },
  );
  const seen: bigint[] = [];
  const onEvent = ({ sequence }: { sequence: bigint }) => seen.push(sequence);
  const watch = client.watch({ stores: ["eu-shop"], onEvent, ...environment() });
  await vi.advanceTimersByTimeAsync(5000);
  expect(requests.map(({ afterSequence }) => afterSequence)).toEqual([undefined, 9n, 12n]);
  expect(requests[1]?.stores).toEqual(["eu-shop"]);
  expect(seen).toEqual([7n, 12n]);
  watch.stop();
});

test("it says whether something may have been missed", async () => {
  const states: WatchState[] = [];
  const { client } = stage(failing(lost()), async function* (_, signal) {
    yield event(3n);
    yield* silent(_, signal);
  });
  const watch = client.watch({ onEvent: () => {}, onState: (state) => states.push(state), ...environment() });
  await vi.advanceTimersByTimeAsync(2000);
  expect(states.at(-1)).toEqual({ name: "live", resumed: false });
  watch.stop();
});

test("each failure doubles the wait, up to half a minute", async () => {
  const starts: number[] = [];
  const noted = failing(lost(), () => starts.push(Date.now()));
  const { client } = stage(...Array.from({ length: 12 }, () => noted));
  const watch = client.watch({ onEvent: () => {}, ...environment() });
  await vi.advanceTimersByTimeAsync(300_000);
  const waits = starts.slice(1).map((start, index) => Math.round((start - (starts[index] ?? 0)) / 500) * 500);
  expect(waits.slice(0, 8)).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  watch.stop();
});

test("a connection that has gone silent is given up and made anew", async () => {
  const { client, requests } = stage(silent, silent);
  const watch = client.watch({ afterSequence: 4n, onEvent: () => {}, ...environment() });
  await vi.advanceTimersByTimeAsync(47_000);
  expect(requests.map(({ afterSequence }) => afterSequence)).toEqual([4n, 4n]);
  watch.stop();
});

test("a refusal for good ends it", async () => {
  const states: WatchState[] = [];
  const { client, requests } = stage(failing(refusal(Code.NotFound, "STORE_NOT_FOUND")));
  client.watch({ onEvent: () => {}, onState: (state) => states.push(state), ...environment() });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(requests).toHaveLength(1);
  expect(states.at(-1)).toMatchObject({ name: "stopped", error: { reason: "STORE_NOT_FOUND" } });
});

test("offline it waits, and asks at once when the network is back", async () => {
  let online = true;
  const { environment: outside, wake } = environment({ online: () => online });
  const { client, requests } = stage(silent, silent);
  const watch = client.watch({ onEvent: () => {}, environment: outside });
  await vi.advanceTimersByTimeAsync(10);
  online = false;
  wake();
  expect(watch.state.name).toBe("waiting");
  online = true;
  wake();
  await vi.advanceTimersByTimeAsync(10);
  expect(requests).toHaveLength(2);
  watch.stop();
});

test("an attempt made while offline, that hangs, is given up for a new one when the network is back", async () => {
  let online = true;
  const { environment: outside, wake } = environment({ online: () => online });
  const { client, requests } = stage(silent, silent, silent);
  const watch = client.watch({ onEvent: () => {}, environment: outside });
  await vi.advanceTimersByTimeAsync(10);
  online = false;
  wake();
  await vi.advanceTimersByTimeAsync(1000);
  expect(requests).toHaveLength(2);
  expect(watch.state.name).toBe("connecting");
  online = true;
  wake();
  await vi.advanceTimersByTimeAsync(10);
  expect(requests).toHaveLength(3);
  watch.stop();
});

test("a page that stays hidden gives its connection back, and resumes when it is looked at", async () => {
  let hidden = false;
  const { environment: outside, wake } = environment({ hidden: () => hidden });
  const { client, requests } = stage(silent, silent);
  const watch = client.watch({ afterSequence: 5n, onEvent: () => {}, environment: outside });
  await vi.advanceTimersByTimeAsync(10);
  hidden = true;
  wake();
  await vi.advanceTimersByTimeAsync(31_000);
  expect(watch.state.name).toBe("paused");
  hidden = false;
  wake();
  await vi.advanceTimersByTimeAsync(10);
  expect(requests.map(({ afterSequence }) => afterSequence)).toEqual([5n, 5n]);
  watch.stop();
  expect(watch.state.name).toBe("stopped");
});
