/** The pages as elements. Those that people open first are at hand; the others come when they are asked for. */

import type { Route } from "../routing.js";
import { OrderPage } from "./order.js";
import { OverviewPage } from "./overview.js";
import { PaymentsPage } from "./payments.js";

const LATER: Partial<Record<Route["page"], () => Promise<unknown>>> = {
  runs: () => import("./runs.js").then((module) => define("console-runs", module.RunsPage)),
  run: () => import("./run.js").then((module) => define("console-run", module.RunPage)),
  attention: () => import("./attention.js").then((module) => define("console-attention", module.AttentionPage)),
  events: () => import("./events.js").then((module) => define("console-events", module.EventsPage)),
};

export function definePages(): void {
  define("console-overview", OverviewPage);
  define("console-payments", PaymentsPage);
  define("console-order", OrderPage);
}

/** An element that is shown before it is defined comes to life when it is. */
export async function loadPage(page: Route["page"]): Promise<void> {
  await LATER[page]?.();
}

function define(name: string, page: CustomElementConstructor): void {
  if (customElements.get(name) === undefined) customElements.define(name, page);
}
