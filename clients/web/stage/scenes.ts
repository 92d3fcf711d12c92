import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  Action,
  type AvailableActionSchema,
  ErrorReason,
  EventSchema,
  EventType,
  OperationState,
  OrderState,
  PaymentSchema,
  PaymentStatus,
  StoreUpdateState,
} from "../src/proto.js";

type PaymentInit = MessageInitShape<typeof PaymentSchema>;
type EventInit = MessageInitShape<typeof EventSchema>;

const NOW = Date.now();
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
export const at = (offset: number) => timestampFromMs(NOW + offset);
export const usd = (units: number, nanos = 0) => ({ units: BigInt(units), nanos, currencyCode: "USD" });
const WHOLE = usd(129, 900_000_000);

const offer = (
  action: Action,
  partialAmountAllowed = false,
  amount: MessageInitShape<typeof AvailableActionSchema>["amount"] = WHOLE,
) => ({
  action,
  ...(action !== Action.REFRESH && { amount }),
  partialAmountAllowed,
  effect: {
    [Action.CAPTURE]: "Collects 129.90 USD from the buyer.",
    [Action.VOID]: "Gives up the authorization of 129.90 USD; nothing is collected.",
    [Action.REFUND]: "Returns 129.90 USD to the buyer.",
    [Action.REFRESH]: "Asks the gateway what is true and updates the order; moves no money.",
    [Action.UNSPECIFIED]: "",
  }[action],
});

const refuse = (status: string, ...actions: Action[]) =>
  actions.map((action) => ({
    action,
    reason: ErrorReason.ACTION_NOT_AVAILABLE,
    message: `${Action[action]} is not possible while the payment is ${status}.`,
  }));

const base = {
  store: "eu-shop",
  orderNumber: "4711",
  paymentMethod: { code: "PayWithAmazon", displayName: "Amazon Pay" },
  gateway: "amazon_pay_v1",
  orderTotal: WHOLE,
  authorizedAmount: WHOLE,
  capturedAmount: usd(0),
  refundedAmount: usd(0),
  storeUpdate: { state: StoreUpdateState.IN_SYNC, platformStatus: "Authorized" },
  etag: '"1"',
  createTime: at(-3 * DAY),
  updateTime: at(-2 * DAY),
};

const authorized: PaymentInit = {
  ...base,
  status: PaymentStatus.AUTHORIZED,
  authorizationExpireTime: at(12 * DAY),
  availableActions: [offer(Action.CAPTURE), offer(Action.VOID)],
  unavailableActions: refuse("AUTHORIZED", Action.REFUND, Action.REFRESH),
};

const story: EventInit[] = [
  {
    type: EventType.PAYMENT_SEEN,
    time: at(-3 * DAY),
    actor: "service",
    statusAfter: PaymentStatus.PENDING,
    message: "First seen: 129.90 USD by Amazon Pay, PENDING",
  },
  {
    type: EventType.SNAPSHOT_FOLLOWED,
    time: at(-3 * DAY + 2 * MINUTE),
    actor: "notification",
    statusBefore: PaymentStatus.PENDING,
    statusAfter: PaymentStatus.AUTHORIZED,
    message: "The gateway reports: PENDING to AUTHORIZED, 129.90 USD authorized",
  },
  {
    type: EventType.STORE_UPDATED,
    time: at(-3 * DAY + 3 * MINUTE),
    actor: "service",
    statusBefore: PaymentStatus.AUTHORIZED,
    statusAfter: PaymentStatus.AUTHORIZED,
    message: "The store holds AUTHORIZED as Authorized",
  },
];
const captured: EventInit[] = [
  ...story,
  {
    type: EventType.OPERATION_STARTED,
    time: at(-2 * DAY),
    actor: "anna@shop.example",
    operationId: "op1",
    statusBefore: PaymentStatus.AUTHORIZED,
    statusAfter: PaymentStatus.AUTHORIZED,
    message: "CAPTURE of 129.90 USD started",
    details: { note: "Shipped with DHL, 2 parcels" },
  },
  {
    type: EventType.OPERATION_ENDED,
    time: at(-2 * DAY + 900),
    actor: "anna@shop.example",
    operationId: "op1",
    statusBefore: PaymentStatus.AUTHORIZED,
    statusAfter: PaymentStatus.CAPTURED,
    message: "CAPTURE of 129.90 USD: SUCCEEDED",
    details: { action: "CAPTURE", operation_state: "SUCCEEDED" },
  },
  {
    type: EventType.STORE_UPDATED,
    time: at(-2 * DAY + 2000),
    actor: "service",
    statusBefore: PaymentStatus.CAPTURED,
    statusAfter: PaymentStatus.CAPTURED,
    message: "The store holds CAPTURED as Processed",
  },
];

const underWay = (state: OperationState, more: object = {}): PaymentInit => ({
  ...authorized,
  operationInFlight: {
    operationId: "op1",
    action: Action.CAPTURE,
    amount: WHOLE,
    state,
    requestId: "r",
    actor: "ben",
    ...more,
  },
  availableActions: [offer(Action.REFRESH)],
  unavailableActions: [Action.CAPTURE, Action.VOID, Action.REFUND].map((action) => ({
    action,
    reason: ErrorReason.OPERATION_IN_FLIGHT,
    message:
      "CAPTURE of 129.90 USD is under way and the gateway has not answered yet (operation op1). Nothing else can start until it has ended.",
  })),
});

const CANCELLED = "The shop closed the order; its status there is Cancelled.";
const TOTAL_INVALID = "The order's total in the shop, 129.905, is no amount that its currency can express.";
/** ISO 4217's code for no currency. */
const none = { units: 129n, nanos: 0, currencyCode: "XXX" };

const changedByShop: EventInit = {
  type: EventType.STORE_STATUS_CHANGED,
  time: at(-DAY),
  actor: "store",
  statusBefore: PaymentStatus.CAPTURED,
  statusAfter: PaymentStatus.CAPTURED,
  message: "The store changed the status to Authorized by itself",
};

/** Payments in every state that a page must be able to show, by name. */
export const SCENES: Record<string, { payment: PaymentInit; events: EventInit[] }> = {
  authorized: { payment: authorized, events: story },
  pending: {
    payment: {
      ...base,
      status: PaymentStatus.PENDING,
      authorizedAmount: usd(0),
      nextRefreshTime: at(40_000),
      availableActions: [offer(Action.REFRESH)],
      unavailableActions: refuse("PENDING", Action.CAPTURE, Action.VOID, Action.REFUND),
      storeUpdate: { state: StoreUpdateState.IN_SYNC, platformStatus: "Awaiting payment" },
    },
    events: story.slice(0, 1),
  },
  unknown: { payment: underWay(OperationState.UNKNOWN, { nextCheckTime: at(40_000) }), events: captured.slice(0, 4) },
  review: { payment: underWay(OperationState.NEEDS_REVIEW), events: captured.slice(0, 4) },
  captured: {
    payment: {
      ...base,
      status: PaymentStatus.CAPTURED,
      capturedAmount: WHOLE,
      availableActions: [offer(Action.REFUND, true)],
      unavailableActions: refuse("CAPTURED", Action.CAPTURE, Action.VOID, Action.REFRESH),
      storeUpdate: {
        state: StoreUpdateState.PENDING,
        platformStatus: "Authorized",
        lastError: "HTTP 503 from the shop: maintenance",
        attempts: 3,
        nextAttemptTime: at(95_000),
      },
    },
    events: captured,
  },
  policy: {
    payment: {
      ...base,
      status: PaymentStatus.CAPTURED,
      capturedAmount: WHOLE,
      availableActions: [],
      unavailableActions: [
        ...refuse("CAPTURED", Action.CAPTURE, Action.VOID),
        {
          action: Action.REFUND,
          reason: ErrorReason.ACTION_NOT_AVAILABLE,
          message: "Refunds above 100 USD need a second pair of eyes: ask finance.",
          policy: "four_eyes",
        },
        ...refuse("CAPTURED", Action.REFRESH),
      ],
      anomaly: "captured 129.90 USD, yet the gateway now says authorized",
    },
    events: captured,
  },
  cancelled: {
    payment: {
      ...authorized,
      orderState: OrderState.CANCELLED,
      orderStateMessage: CANCELLED,
      availableActions: [offer(Action.VOID)],
      unavailableActions: [
        {
          action: Action.CAPTURE,
          reason: ErrorReason.ORDER_CANCELLED,
          message: `${CANCELLED} Void the payment. To capture it after all, set the order right in the shop first.`,
        },
        ...refuse("AUTHORIZED", Action.REFUND, Action.REFRESH),
      ],
      storeUpdate: { state: StoreUpdateState.IN_SYNC, platformStatus: "Cancelled" },
    },
    events: story,
  },
  disputed: {
    payment: {
      ...base,
      status: PaymentStatus.CAPTURED,
      capturedAmount: WHOLE,
      availableActions: [offer(Action.REFUND)],
      unavailableActions: refuse("CAPTURED", Action.CAPTURE, Action.VOID, Action.REFRESH),
      storeUpdate: {
        state: StoreUpdateState.DISPUTED,
        platformStatus: "Authorized",
        lastError: "X-Cart changed the status back 3 times: a click in its own section recomputes it.",
        attempts: 3,
        notice: "X-Cart's own Refund button still returns the full amount; do not use it.",
      },
      updateTime: at(-DAY),
    },
    events: [...captured, changedByShop],
  },
  limited: {
    payment: {
      ...base,
      status: PaymentStatus.CAPTURED,
      capturedAmount: WHOLE,
      availableActions: [
        {
          ...offer(Action.REFUND, true),
          amountMax: usd(20),
          amountMaxReason: "Support refunds at most 20.00 USD; ask finance for more.",
        },
      ],
      unavailableActions: refuse("CAPTURED", Action.CAPTURE, Action.VOID, Action.REFRESH),
      storeUpdate: { state: StoreUpdateState.IN_SYNC, platformStatus: "Processed" },
    },
    events: captured,
  },
  nototal: {
    payment: {
      ...base,
      status: PaymentStatus.AUTHORIZED,
      orderState: OrderState.TOTAL_INVALID,
      orderStateMessage: TOTAL_INVALID,
      orderTotal: none,
      authorizedAmount: none,
      capturedAmount: none,
      refundedAmount: none,
      availableActions: [
        { ...offer(Action.VOID, false, none), effect: "Gives up the authorization; nothing is collected." },
      ],
      unavailableActions: [
        {
          action: Action.CAPTURE,
          reason: ErrorReason.ORDER_TOTAL_INVALID,
          message: `${TOTAL_INVALID} Correct the total in the shop, or void the payment.`,
        },
        ...refuse("AUTHORIZED", Action.REFUND, Action.REFRESH),
      ],
    },
    events: story.slice(0, 1),
  },
  declined: {
    payment: {
      ...base,
      status: PaymentStatus.DECLINED,
      authorizedAmount: usd(0),
      reasonCode: "AmazonRejected",
      unavailableActions: refuse("DECLINED", Action.CAPTURE, Action.VOID, Action.REFUND, Action.REFRESH),
      storeUpdate: { state: StoreUpdateState.IN_SYNC, platformStatus: "Declined" },
    },
    events: story.slice(0, 1),
  },
  foreign: {
    payment: {
      ...base,
      paymentMethod: { code: "wire", displayName: "Bank transfer" },
      status: PaymentStatus.PENDING,
      unavailableActions: [Action.CAPTURE, Action.VOID, Action.REFUND, Action.REFRESH].map((action) => ({
        action,
        reason: ErrorReason.NOT_OUR_PAYMENT_METHOD,
        message: "The order was paid by Bank transfer, not through the gateway of this store.",
      })),
    },
    events: [],
  },
};

export function paymentOf(scene: string, changes: PaymentInit = {}) {
  return create(PaymentSchema, { ...SCENES[scene]?.payment, orderId: scene, ...changes } as PaymentInit);
}

export function eventsOf(scene: string) {
  return (SCENES[scene]?.events ?? []).map((event, index) =>
    create(EventSchema, {
      store: "eu-shop",
      orderId: scene,
      number: BigInt(index + 1),
      sequence: BigInt(index + 1),
      ...event,
    } as EventInit),
  );
}
