import { Code, ConnectError, createRouterTransport, type Transport } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";
import { toDecimal } from "../src/money.js";
import {
  Action,
  type Event,
  EventType,
  type Money,
  OperationState,
  type Payment,
  PaymentActions,
  PaymentStatus,
  StoreUpdateState,
} from "../src/proto.js";
import { at, eventsOf, paymentOf, SCENES, usd } from "./scenes.js";

interface Asked {
  orderId: string;
  requestId: string;
  etag: string;
  amount?: Money | undefined;
}

/** A service in this page, with one order for each scene. Enough of one for the element: the real one has its own tests. */
export class StageService {
  readonly payments = new Map(Object.keys(SCENES).map((scene) => [scene, paymentOf(scene)]));
  readonly events = new Map(Object.keys(SCENES).map((scene) => [scene, eventsOf(scene)]));
  /** How many actions took effect, and how many answers are still to be lost on their way. */
  effects = 0;
  answersToLose = 0;
  /** How often the gateway was asked. */
  looks = 0;
  /** The amounts that were asked for, as text; "whole" where none was. */
  readonly amounts: string[] = [];
  private readonly closed = new Set<string>();
  private readonly answers = new Map<string, { operation: object; payment: Payment }>();
  private sequence = 100n;
  private readonly watchers = new Set<(event: Event) => void>();
  readonly transport: Transport = createRouterTransport(({ service }) => {
    service(PaymentActions, {
      getPayment: ({ orderId }) => ({ payment: this.payment(orderId) }),
      listEvents: ({ orderId }) => ({ events: this.events.get(orderId) ?? [] }),
      capturePayment: (request) => this.act(request, Action.CAPTURE),
      voidPayment: (request) => this.act(request, Action.VOID),
      refundPayment: (request) => this.act(request, Action.REFUND),
      refreshPayment: ({ orderId }) => {
        this.looks += 1;
        return { payment: this.payment(orderId), events: [] };
      },
      watchEvents: (_, { signal }) => this.watch(signal),
    });
  });

  /** Let somebody else void an authorized order. */
  voidBySomebodyElse(orderId: string): void {
    this.move(this.payment(orderId), Action.VOID, "ben@shop.example", "");
  }

  /** Let the shop close an order; the service hears of it when it is asked to collect money for it. */
  cancelInShop(orderId: string): void {
    this.closed.add(orderId);
  }

  private payment(orderId: string): Payment {
    const payment = this.payments.get(orderId);
    if (payment === undefined) throw refusal(Code.NotFound, "ORDER_NOT_FOUND", "The store has no such order.");
    return payment;
  }

  private async act(request: Asked, action: Action) {
    const payment = this.payment(request.orderId);
    await new Promise((answered) => setTimeout(answered, 100));
    let answer = this.answers.get(request.requestId);
    if (answer === undefined) {
      if (request.etag && request.etag !== payment.etag) {
        throw refusal(Code.Aborted, "ETAG_MISMATCH", "The payment changed since it was read.");
      }
      if (action === Action.CAPTURE && this.closed.has(request.orderId)) {
        this.payments.set(request.orderId, paymentOf("cancelled", { orderId: request.orderId, etag: '"2"' }));
        throw refusal(Code.FailedPrecondition, "ORDER_CANCELLED", "The shop closed the order.");
      }
      this.effects += 1;
      this.amounts.push(request.amount ? toDecimal(request.amount) : "whole");
      const amount = usd(129, 900_000_000);
      const operation = {
        operationId: request.requestId.slice(0, 26),
        action,
        amount,
        state: OperationState.SUCCEEDED,
      };
      answer = { operation, payment: this.move(payment, action, "anna@shop.example", operation.operationId) };
      this.answers.set(request.requestId, answer);
    }
    if (this.answersToLose > 0) {
      this.answersToLose -= 1;
      throw new ConnectError("connection reset", Code.Unavailable);
    }
    return answer;
  }

  private move(before: Payment, action: Action, actor: string, operationId: string): Payment {
    const status =
      action === Action.CAPTURE
        ? PaymentStatus.CAPTURED
        : action === Action.VOID
          ? PaymentStatus.VOIDED
          : PaymentStatus.REFUNDED;
    this.sequence += 1n;
    const after = paymentOf(action === Action.CAPTURE ? "captured" : "declined", {
      orderId: before.orderId,
      status,
      reasonCode: "",
      etag: `"${this.sequence}"`,
      updateTime: at(Number(this.sequence) * 1000),
      storeUpdate: { state: StoreUpdateState.PENDING },
    });
    this.payments.set(before.orderId, after);
    const story = this.events.get(before.orderId) ?? [];
    const event = {
      ...(eventsOf("captured")[4] as Event),
      orderId: before.orderId,
      number: BigInt(story.length + 1),
      sequence: this.sequence,
      type: EventType.OPERATION_ENDED,
      actor,
      operationId,
      time: at(0),
      statusBefore: before.status,
      statusAfter: status,
      details: { action: Action[action], operation_state: "SUCCEEDED" },
      message: `${Action[action]} of 129.90 USD: SUCCEEDED`,
    };
    this.events.set(before.orderId, [...story, event]);
    for (const tell of this.watchers) tell(event);
    return after;
  }

  private async *watch(signal: AbortSignal) {
    const waiting: Event[] = [];
    let wake = () => {};
    const tell = (event: Event) => {
      waiting.push(event);
      wake();
    };
    this.watchers.add(tell);
    signal.addEventListener("abort", () => wake());
    try {
      while (!signal.aborted) {
        for (let event = waiting.shift(); event !== undefined; event = waiting.shift())
          yield { event, sequence: event.sequence };
        await new Promise<void>((resume) => {
          wake = resume;
        });
      }
    } finally {
      this.watchers.delete(tell);
    }
  }
}

function refusal(code: Code, reason: string, message: string): ConnectError {
  const value = { reason, domain: "payment-actions", metadata: {} };
  return new ConnectError(message, code, undefined, [{ desc: ErrorInfoSchema, value }]);
}
