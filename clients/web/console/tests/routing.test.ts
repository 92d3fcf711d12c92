import { EventType, PaymentStatus } from "@payment-actions/web/proto";
import { describe, expect, test } from "vitest";
import { EVERY_PAYMENT } from "../src/filters.js";
import { attention, events, hrefOf, overview, payments, type Route, routeOf } from "../src/routing.js";

function route(address: string): Route {
  return routeOf(new URL(address, "http://localhost"));
}

const ROUTES: readonly [string, Route][] = [
  ["/", overview],
  ["/?store=eu-shop&days=90", { page: "overview", store: "eu-shop", days: 90 }],
  ["/payments", payments()],
  [
    "/payments?store=eu-shop&status=authorized,captured&attention=1&update=failing&overdue=1&expiring=7d&q=S02-1",
    payments({
      store: "eu-shop",
      statuses: [PaymentStatus.AUTHORIZED, PaymentStatus.CAPTURED],
      attention: true,
      updateFailing: true,
      overdue: true,
      expiringDays: 7,
      search: "S02-1",
    }),
  ],
  ["/payments/eu-shop/4711", { page: "order", store: "eu-shop", orderId: "4711" }],
  ["/payments/eu-shop/a%2Fb%20%3F%23%C3%BC", { page: "order", store: "eu-shop", orderId: "a/b ?#ü" }],
  ["/bulk", { page: "runs" }],
  ["/bulk/5f2c", { page: "run", run: "5f2c" }],
  ["/attention?store=outlet", attention("outlet")],
  [
    "/events?store=outlet&type=anomaly&before=9007199254740993",
    events({ store: "outlet", types: [EventType.ANOMALY], before: 9007199254740993n }),
  ],
];

describe("an address", () => {
  test.each(ROUTES)("%s names its page, and the page names it", (address, expected) => {
    expect(route(address)).toEqual(expected);
    expect(hrefOf(expected)).toBe(address);
  });

  test.each([".", "..", " .", "  ..", "%2e", " x ", "a\\b", "日本"])(
    "of the order %j survives the browser",
    (orderId) => {
      expect(route(hrefOf({ page: "order", store: "s", orderId }))).toEqual({ page: "order", store: "s", orderId });
    },
  );

  test("that is not understood narrows nothing", () => {
    expect(route("/payments?status=nonsense&expiring=soon&attention=yes&before=x")).toEqual(payments(EVERY_PAYMENT));
    expect(route("/?days=13")).toEqual(overview);
    expect(route("/events?before=-1")).toEqual(events());
  });

  test.each(["/nowhere", "/payments/eu-shop", "/payments/a/b/c", "/payments/%E0%A4%A/1", "/bulk/a/b"])(
    "%s is nobody's page",
    (address) => {
      expect(route(address).page).toBe("missing");
    },
  );
});
