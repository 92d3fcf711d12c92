import { afterEach, expect, test, vi } from "vitest";
import { ACTOR_HEADER, createClient } from "../src/client/index.js";

afterEach(() => vi.unstubAllGlobals());

/** What the header says when somebody of this name asks. */
async function sent(actor: string): Promise<string | null | undefined> {
  let name: string | null | undefined;
  vi.stubGlobal("fetch", async (address: string, options: RequestInit) => {
    name = new Request(address, options).headers.get(ACTOR_HEADER);
    return new Response(null, { status: 503 });
  });
  const client = createClient({ baseUrl: "http://imagined.example", actor });
  await client.getPayment("eu-shop", "4711").catch(() => undefined);
  return name;
}

test.each([
  ["anna@shop.example", "anna@shop.example"],
  [" Anna ", "Anna"],
  ["山田 太郎", encodeURIComponent("山田 太郎")],
  ["Григорий Константинопольский", encodeURIComponent("Григорий Константиноп")],
  ["x".repeat(200), "x".repeat(128)],
  ["👩‍💼".repeat(20), encodeURIComponent([..."👩‍💼".repeat(20)].slice(0, 11).join(""))],
  ["  ", null],
])("the name %j is sent as the service takes it", async (actor, header) => {
  expect(await sent(actor)).toBe(header);
});
