/** What every page is given. */

import type { PaymentActionsClient } from "@payment-actions/web/client";
import type { GetOverviewResponse, Payment } from "@payment-actions/web/proto";
import type { RunStore } from "./bulk/store.js";
import type { Texts } from "./i18n/texts.js";
import type { Live } from "./live.js";
import type { Route } from "./routing.js";

export interface Context {
  readonly client: PaymentActionsClient;
  readonly live: Live;
  readonly texts: Texts;
  readonly runs: RunStore;
  readonly actor: string;
  /** All stores as last read: what the store filters, the menu's number and the overview are made of, so that they agree. */
  readonly overview: GetOverviewResponse | null;
  /** Of how many days it was read. */
  readonly overviewDays: number;
  /** What the lists have read lately: an order's page shows it until its own answer is there. */
  readonly seen: Map<string, Payment>;
  go(route: Route, how?: "push" | "replace"): void;
}

const SEEN_MAX = 2000;

export function remember(seen: Map<string, Payment>, key: string, payment: Payment): void {
  seen.delete(key);
  seen.set(key, payment);
  const oldest = seen.keys().next();
  if (seen.size > SEEN_MAX && !oldest.done) seen.delete(oldest.value);
}
