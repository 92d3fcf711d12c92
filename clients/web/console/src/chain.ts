/** Recomputes a history's hash chain, as the service seals it: a line that is missing or was changed is found. */

import { type Event, EventType, PaymentStatus } from "@payment-actions/web/proto";

const GENESIS = "0".repeat(64);

export type ChainState =
  | { readonly kind: "holds"; readonly lines: number }
  | { readonly kind: "broken"; readonly number: bigint }
  | { readonly kind: "unchecked" };

/** The first line that does not follow from the one before; the whole history must be given, oldest first. */
export async function checkChain(events: readonly Event[]): Promise<ChainState> {
  // A page that came over plain HTTP from another machine has no cryptography to check with.
  if (globalThis.crypto?.subtle === undefined) return { kind: "unchecked" };
  let previous = GENESIS;
  let number = 1n;
  for (const event of events) {
    const sound =
      event.number === number && event.previousHash === previous && event.hash === (await sealedHash(event));
    if (!sound) return { kind: "broken", number: event.number };
    previous = event.hash;
    number += 1n;
  }
  return { kind: "holds", lines: events.length };
}

export async function sealedHash(event: Event): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(content(event)));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function content(event: Event): string {
  return JSON.stringify([
    event.store,
    event.orderId,
    Number(event.number),
    EventType[event.type],
    isoTime(event),
    event.actor,
    event.operationId,
    event.statusBefore === PaymentStatus.UNSPECIFIED ? null : PaymentStatus[event.statusBefore],
    PaymentStatus[event.statusAfter],
    event.message,
    Object.entries(event.details).sort(([one], [other]) => byCodePoint(one, other)),
    event.previousHash,
  ]);
}

function isoTime({ time }: Event): string {
  const seconds = new Date(Number(time?.seconds ?? 0n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(Math.floor((time?.nanos ?? 0) / 1000)).padStart(6, "0")}+00:00`;
}

function byCodePoint(one: string, other: string): number {
  const [left, right] = [[...one], [...other]];
  for (let place = 0; place < Math.min(left.length, right.length); place++) {
    const difference = (left[place]?.codePointAt(0) ?? 0) - (right[place]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
