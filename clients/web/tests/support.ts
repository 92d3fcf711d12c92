import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport, type ServiceImpl, type Transport } from "@connectrpc/connect";
import { createClient, type KeyValueStorage } from "../src/client/index.js";
import { ErrorInfoSchema, RetryInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";
import { type Payment, PaymentActions, PaymentSchema } from "../src/proto.js";

/** The contract served in this process, over real messages and the real protocol. */
export function served(service: Partial<ServiceImpl<typeof PaymentActions>>): Transport {
  return createRouterTransport((router) => void router.service(PaymentActions, service));
}

export function clientOf(service: Partial<ServiceImpl<typeof PaymentActions>>, storage: KeyValueStorage = memory()) {
  return createClient({ baseUrl: "https://payments.example", transport: served(service), storage });
}

/** An error as the service raises it. */
export function refusal(
  code: Code,
  reason: string,
  metadata: Record<string, string> = {},
  retrySeconds?: number,
  domain = "payment-actions",
) {
  const info = { desc: ErrorInfoSchema, value: { reason, domain, metadata } };
  const retry = { desc: RetryInfoSchema, value: { retryDelay: { seconds: BigInt(retrySeconds ?? 0), nanos: 0 } } };
  return new ConnectError(`refused: ${reason}`, code, undefined, retrySeconds === undefined ? [info] : [info, retry]);
}

export const lost = () => new ConnectError("connection reset", Code.Unavailable);

/** A tab's session storage; what is put in survives a reload, which is a new client over it. */
export function memory(): KeyValueStorage & { text(): string } {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    text: () => [...items.values()].join(""),
  };
}

export function payment(fields: Partial<Payment> = {}): Payment {
  return create(PaymentSchema, { store: "eu-shop", orderId: "4711", etag: '"1"', ...fields } as Payment);
}

export function usd(units: number, nanos = 0) {
  return { $typeName: "google.type.Money" as const, units: BigInt(units), nanos, currencyCode: "USD" };
}

export { Code };
