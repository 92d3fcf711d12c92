import { Action, type Event, EventType, type Operation } from "../proto.js";

type Time = Event["time"];

const ENDS = new Set([EventType.OPERATION_ENDED, EventType.OPERATION_RESOLVED]);

/** What is known of an order's history, newest last, as the service lists it. */
export class History {
  /** None that is newer than the payment that is shown, so that the two never contradict each other. */
  shown: Event[] = [];
  private known: Event[] = [];

  constructor(private readonly orderId: string) {}

  /** Whether more is known than the payment that is shown knows of. */
  get behind(): boolean {
    return this.known.length > this.shown.length;
  }

  /** @param until when the payment that is shown last changed. */
  add(events: readonly Event[], until: Time): void {
    const numbers = new Set(this.known.map(({ number }) => number));
    const news = events.filter(({ orderId, number }) => orderId === this.orderId && !numbers.has(number));
    if (news.length > 0) this.known = [...this.known, ...news].sort((one, other) => Number(one.number - other.number));
    this.showUntil(until);
  }

  showUntil(until: Time): void {
    this.shown = this.known.filter(({ time }) => !isAfter(time, until));
  }

  shows({ number }: Event): boolean {
    return this.shown.some((event) => event.number === number);
  }

  /** Return the operations that were begun by these requests, and the last of them that has ended. */
  begunBy(requestIds: ReadonlySet<string>): { begun: Set<string>; ended: string | undefined } {
    const lines = this.shown.filter(({ details }) => requestIds.has(details["request_id"] ?? ""));
    const begun = new Set(lines.map(({ operationId }) => operationId));
    const ended = this.shown.findLast((event) => isEnd(event) && begun.has(event.operationId));
    return { begun, ended: ended?.operationId };
  }
}

export function isEnd({ type }: Event): boolean {
  return ENDS.has(type);
}

function isAfter(time: Time, other: Time): boolean {
  if (time === undefined || other === undefined) return false;
  return time.seconds === other.seconds ? time.nanos > other.nanos : time.seconds > other.seconds;
}

/** Return the action of every operation in a history; an event names its operation only. */
export function actionsOf(events: Event[], inFlight: Operation | undefined): Map<string, Action> {
  const actions = new Map<string, Action>();
  for (const { operationId, details, message } of events) {
    const word = details["action"] ?? /^[A-Z]+/.exec(message)?.[0] ?? "";
    const action = Action[word as keyof typeof Action];
    if (operationId && action !== undefined) actions.set(operationId, action);
  }
  if (inFlight) actions.set(inFlight.operationId, inFlight.action);
  return actions;
}
