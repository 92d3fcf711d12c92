/** Which page an address names, and the address of a page. Pure: nothing here touches the browser. */

import {
  EVERY_EVENT,
  EVERY_PAYMENT,
  type EventsFilter,
  eventsFilter,
  eventsQuery,
  type PaymentsFilter,
  paymentsFilter,
  paymentsQuery,
} from "./filters.js";

export type Route =
  | { readonly page: "overview"; readonly store: string; readonly days: number }
  | { readonly page: "payments"; readonly filter: PaymentsFilter }
  | { readonly page: "order"; readonly store: string; readonly orderId: string }
  | { readonly page: "runs" }
  | { readonly page: "run"; readonly run: string }
  | { readonly page: "attention"; readonly store: string }
  | { readonly page: "events"; readonly filter: EventsFilter }
  | { readonly page: "missing"; readonly path: string };

export const DAYS_SHOWN = [7, 14, 30, 90] as const;
const DAYS_DEFAULT = 14;

export function routeOf(address: URL): Route {
  const parts = address.pathname.split("/").slice(1).map(decoded);
  const query = address.searchParams;
  const [page = "", first = "", second = "", ...more] = parts;
  const store = query.get("store") ?? "";
  if (more.length > 0 || parts.includes(null)) return { page: "missing", path: address.pathname };
  if (page === "" && parts.length === 1) return { page: "overview", store, days: shownDays(query.get("days")) };
  if (page === "payments" && parts.length === 1) return { page: "payments", filter: paymentsFilter(query) };
  if (page === "payments" && parts.length === 3 && first && second)
    return { page: "order", store: first, orderId: second };
  if (page === "bulk" && parts.length === 1) return { page: "runs" };
  if (page === "bulk" && parts.length === 2 && first) return { page: "run", run: first };
  if (page === "attention" && parts.length === 1) return { page: "attention", store };
  if (page === "events" && parts.length === 1) return { page: "events", filter: eventsFilter(query) };
  return { page: "missing", path: address.pathname };
}

export function hrefOf(route: Route): string {
  switch (route.page) {
    case "overview":
      return withQuery("/", {
        store: route.store,
        days: route.days === DAYS_DEFAULT ? "" : String(route.days),
      });
    case "payments":
      return withQuery("/payments", paymentsQuery(route.filter));
    case "order":
      return `/payments/${encodeURIComponent(route.store)}/${encodedOrder(route.orderId)}`;
    case "runs":
      return "/bulk";
    case "run":
      return `/bulk/${encodeURIComponent(route.run)}`;
    case "attention":
      return withQuery("/attention", { store: route.store });
    case "events":
      return withQuery("/events", eventsQuery(route.filter));
    case "missing":
      return route.path;
  }
}

export const overview: Route = { page: "overview", store: "", days: DAYS_DEFAULT };

export function payments(filter: Partial<PaymentsFilter> = {}): Route {
  return { page: "payments", filter: { ...EVERY_PAYMENT, ...filter } };
}

export function events(filter: Partial<EventsFilter> = {}): Route {
  return { page: "events", filter: { ...EVERY_EVENT, ...filter } };
}

export function attention(store = ""): Route {
  return { page: "attention", store };
}

/** Whether two addresses show the same page, be it of another order or with another filter. */
export function samePage(one: Route, other: Route): boolean {
  return one.page === other.page;
}

// A path that ends in "." or ".." never leaves the browser as it was written: such an id travels behind a space, and one
// that begins so of itself behind one more. No platform has them, but the contract allows them.
const DOTS = /^ *\.{1,2}$/;

function encodedOrder(orderId: string): string {
  return encodeURIComponent(DOTS.test(orderId) ? ` ${orderId}` : orderId);
}

function decoded(part: string): string | null {
  try {
    const text = decodeURIComponent(part);
    return text.startsWith(" ") && DOTS.test(text) ? text.slice(1) : text;
  } catch {
    return null;
  }
}

function shownDays(text: string | null): number {
  const found = DAYS_SHOWN.find((count) => String(count) === text);
  return found ?? DAYS_DEFAULT;
}

function withQuery(path: string, query: URLSearchParams | Record<string, string>): string {
  const set = new URLSearchParams([...new URLSearchParams(query)].filter(([, value]) => value !== ""));
  // A comma stays a comma: the address is read by people.
  const text = set.toString().replaceAll("%2C", ",");
  return text === "" ? path : `${path}?${text}`;
}
