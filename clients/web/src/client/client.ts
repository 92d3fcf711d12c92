import { type Client, createClient as createRpcClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { PaymentActions } from "../proto.js";

export interface ClientOptions {
  /** Where the service's HTTP port is reached, e.g. "https://payments.example". */
  baseUrl: string;
  /** Whom the history names. The service believes it from loopback only. */
  actor?: string;
  /** Another way to the service than fetch; tests bring their own. */
  transport?: Transport;
}

export interface PaymentActionsClient {
  /** Every RPC as it is generated, for what the other methods do not cover. */
  readonly rpc: Client<typeof PaymentActions>;
}

/** The header in which a caller says who it is. */
export const ACTOR_HEADER = "payment-actions-actor";

function namesActor(actor: string): Interceptor {
  return (next) => (request) => {
    request.header.set(ACTOR_HEADER, actor);
    return next(request);
  };
}

export function createClient(options: ClientOptions): PaymentActionsClient {
  const transport =
    options.transport ??
    createConnectTransport({
      baseUrl: options.baseUrl,
      useBinaryFormat: true,
      interceptors: options.actor === undefined ? [] : [namesActor(options.actor)],
    });
  return { rpc: createRpcClient(PaymentActions, transport) };
}
