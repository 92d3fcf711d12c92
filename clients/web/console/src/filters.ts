/** What the lists are narrowed to: read from the address, and written back, so that a view can be shared. */

import { type Event, EventType, PaymentStatus } from "@payment-actions/web/proto";

export interface PaymentsFilter {
  readonly store: string;
  readonly statuses: readonly PaymentStatus[];
  readonly method: string;
  /** An anomaly, an operation to resolve, a store that keeps refusing its update or changing it back, a total that is no amount. */
  readonly attention: boolean;
  /** The store update was tried and failed. */
  readonly updateFailing: boolean;
  /** The look at the gateway has been due for a while. */
  readonly overdue: boolean;
  /** The authorization runs out within so many days; null: whenever. */
  readonly expiringDays: number | null;
  /** The beginning of an order's id or number. */
  readonly search: string;
}

export interface EventsFilter {
  readonly store: string;
  readonly types: readonly EventType[];
  /** Begin to read back from here; null: from now. */
  readonly before: bigint | null;
}

export const EVERY_PAYMENT: PaymentsFilter = {
  store: "",
  statuses: [],
  method: "",
  attention: false,
  updateFailing: false,
  overdue: false,
  expiringDays: null,
  search: "",
};

export const EVERY_EVENT: EventsFilter = { store: "", types: [], before: null };

/** A look counts as overdue when it was due so long ago: the same as GetOverview counts. */
export const OVERDUE_SECONDS = 60;

const EXPIRING_DAYS_MAX = 365;

type NumericEnum = Record<string, string | number>;

function words(values: NumericEnum): Map<string, number> {
  const named = Object.entries(values).filter((entry): entry is [string, number] => typeof entry[1] === "number");
  return new Map(named.filter(([, value]) => value !== 0).map(([name, value]) => [name.toLowerCase(), value]));
}

const STATUSES = words(PaymentStatus);
const TYPES = words(EventType);

/** The statuses and types that the contract knows today, in its order. */
export const ALL_STATUSES = [...STATUSES.values()] as readonly PaymentStatus[];
export const ALL_EVENT_TYPES = [...TYPES.values()] as readonly EventType[];

function chosen(text: string | null, known: ReadonlyMap<string, number>): number[] {
  const values = (text ?? "").split(",").map((word) => known.get(word.trim().toLowerCase()));
  return [...new Set(values.filter((value) => value !== undefined))];
}

function written(values: readonly number[], known: ReadonlyMap<string, number>): string {
  return [...known]
    .filter(([, value]) => values.includes(value))
    .map(([word]) => word)
    .join(",");
}

function days(text: string | null): number | null {
  const count = Number(/^(\d{1,3})d?$/.exec(text ?? "")?.[1] ?? Number.NaN);
  return count >= 1 && count <= EXPIRING_DAYS_MAX ? count : null;
}

function sequence(text: string | null): bigint | null {
  return /^[1-9]\d{0,17}$/.test(text ?? "") ? BigInt(text ?? "") : null;
}

/** Reads a filter from an address; what is not understood is left out. */
export function paymentsFilter(query: URLSearchParams): PaymentsFilter {
  return {
    store: query.get("store") ?? "",
    statuses: chosen(query.get("status"), STATUSES),
    method: query.get("method") ?? "",
    attention: query.get("attention") === "1",
    updateFailing: query.get("update") === "failing",
    overdue: query.get("overdue") === "1",
    expiringDays: days(query.get("expiring")),
    search: query.get("q") ?? "",
  };
}

export function paymentsQuery(filter: PaymentsFilter): URLSearchParams {
  return query({
    store: filter.store,
    status: written(filter.statuses, STATUSES),
    method: filter.method,
    attention: filter.attention ? "1" : "",
    update: filter.updateFailing ? "failing" : "",
    overdue: filter.overdue ? "1" : "",
    expiring: filter.expiringDays === null ? "" : `${filter.expiringDays}d`,
    q: filter.search,
  });
}

export function eventsFilter(query: URLSearchParams): EventsFilter {
  return {
    store: query.get("store") ?? "",
    types: chosen(query.get("type"), TYPES),
    before: sequence(query.get("before")),
  };
}

export function eventsQuery(filter: EventsFilter): URLSearchParams {
  return query({
    store: filter.store,
    type: written(filter.types, TYPES),
    before: filter.before === null ? "" : String(filter.before),
  });
}

function query(fields: Record<string, string>): URLSearchParams {
  return new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== ""));
}

/** How many of the filter's parts are set: what "clear" would clear. */
export function narrowedBy(filter: PaymentsFilter): number {
  return [...paymentsQuery(filter).keys()].length;
}

/** Whether a payment that an event tells of may belong into the list, as far as the event says. */
export function mayFit(filter: PaymentsFilter, event: Event): boolean {
  const { store, statuses } = filter;
  return (store === "" || store === event.store) && (statuses.length === 0 || statuses.includes(event.statusAfter));
}
