/** An imagined service: enough of the contract for what only the browser does. The real one is met in tests/browser. */

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createRouterTransport, type ServiceImpl } from "@connectrpc/connect";
import { createClient, type PaymentActionsClient } from "@payment-actions/web/client";
import {
  Action,
  type Event,
  EventSchema,
  EventType,
  type Payment,
  PaymentActions,
  PaymentSchema,
  PaymentStatus,
} from "@payment-actions/web/proto";

export const NOW = Date.UTC(2026, 10, 25, 12);

/** A client of a service that answers what it is given, and UNIMPLEMENTED to all else. */
export function clientOf(service: Partial<ServiceImpl<typeof PaymentActions>>): PaymentActionsClient {
  const transport = createRouterTransport(({ rpc }) => {
    for (const [name, answer] of Object.entries(service)) {
      const method = PaymentActions.method[name as keyof typeof PaymentActions.method];
      rpc(method as never, answer as never);
    }
  });
  return createClient({ baseUrl: "http://imagined.example", transport });
}

export function payment(orderId: string, fields: Partial<Payment> = {}): Payment {
  return create(PaymentSchema, {
    store: "eu-shop",
    orderId,
    orderNumber: `#${orderId}`,
    gateway: "amazon_pay_v1",
    paymentMethod: { code: "PayWithAmazon", displayName: "Amazon Pay" },
    status: PaymentStatus.AUTHORIZED,
    orderTotal: { currencyCode: "EUR", units: 129n, nanos: 900_000_000 },
    authorizedAmount: { currencyCode: "EUR", units: 129n, nanos: 900_000_000 },
    availableActions: [{ action: Action.CAPTURE, amount: { currencyCode: "EUR", units: 129n, nanos: 900_000_000 } }],
    updateTime: timestampFromMs(NOW),
    createTime: timestampFromMs(NOW - 3_600_000),
    ...fields,
  } as never);
}

export function event(sequence: number, fields: Partial<Event> = {}): Event {
  return create(EventSchema, {
    sequence: BigInt(sequence),
    store: "eu-shop",
    orderId: "1",
    number: BigInt(sequence),
    type: EventType.OPERATION_ENDED,
    time: timestampFromMs(NOW + sequence * 1000),
    actor: "anna",
    statusBefore: PaymentStatus.AUTHORIZED,
    statusAfter: PaymentStatus.AUTHORIZED,
    ...fields,
  } as never);
}
