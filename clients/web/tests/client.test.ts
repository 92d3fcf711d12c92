import { createRouterTransport } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { createClient } from "../src/client/index.js";
import { PaymentActions, PaymentStatus } from "../src/proto.js";

test("a payment comes as the service tells it", async () => {
  const transport = createRouterTransport(({ service }) => {
    service(PaymentActions, {
      getPayment: ({ store, orderId }) => ({ payment: { store, orderId, status: PaymentStatus.AUTHORIZED } }),
    });
  });
  const { payment } = await createClient({ baseUrl: "", transport }).rpc.getPayment({ store: "s", orderId: "1" });
  expect(payment?.status).toBe(PaymentStatus.AUTHORIZED);
});
