/** What the service's values are called, and in which tone they are shown. */

import { readError } from "@payment-actions/web/client";
import { Action, EventType, OperationState, OrderState, PaymentStatus } from "@payment-actions/web/proto";
import { html, type TemplateResult } from "lit";
import type { ItemState } from "./bulk/model.js";
import { english, type Key } from "./i18n/en.js";
import type { Texts } from "./i18n/texts.js";

export type Tone = "" | "accent" | "good" | "warn" | "bad" | "back";

function word(texts: Texts, prefix: string, name: string | undefined, otherwise: Key): string {
  const key = `${prefix}.${name}`;
  return texts.t(key in english ? (key as Key) : otherwise);
}

/** A later service may have more values than this page knows: they are shown, too. */
export function statusWord(texts: Texts, status: PaymentStatus): string {
  return word(texts, "status", PaymentStatus[status], "status.other");
}

export function actionWord(texts: Texts, action: Action): string {
  return word(texts, "action", Action[action], "common.action");
}

export function operationWord(texts: Texts, state: OperationState): string {
  return word(texts, "operation", OperationState[state], "operation.UNKNOWN");
}

/** What became of an order in the shop. */
export function orderWord(texts: Texts, state: OrderState): string {
  return word(texts, "orderState", OrderState[state], "orderState.other");
}

export function eventWord(texts: Texts, type: EventType): string {
  return word(texts, "event", EventType[type], "event.other");
}

/** Who: the service's own names are words, a caller's name is a name. */
export function actorWord(texts: Texts, actor: string): string {
  const key = `actor.${actor}`;
  return key in english ? texts.t(key as Key) : actor;
}

const STATUS_TONES: Partial<Record<PaymentStatus, Tone>> = {
  [PaymentStatus.AUTHORIZED]: "accent",
  [PaymentStatus.PARTIALLY_CAPTURED]: "accent",
  [PaymentStatus.CAPTURED]: "good",
  [PaymentStatus.PARTIALLY_REFUNDED]: "back",
  [PaymentStatus.REFUNDED]: "back",
  [PaymentStatus.DECLINED]: "bad",
  [PaymentStatus.EXPIRED]: "bad",
  [PaymentStatus.PENDING]: "warn",
};

export function statusTone(status: PaymentStatus): Tone {
  return STATUS_TONES[status] ?? "";
}

export function operationTone(state: OperationState): Tone {
  if (state === OperationState.SUCCEEDED || state === OperationState.ALREADY_DONE) return "good";
  if (state === OperationState.DECLINED || state === OperationState.NEEDS_REVIEW) return "bad";
  return state === OperationState.FAILED ? "" : "warn";
}

export function eventTone(type: EventType): Tone {
  if (type === EventType.ANOMALY) return "bad";
  return type === EventType.STORE_UPDATE_DELAYED || type === EventType.STORE_STATUS_CHANGED ? "warn" : "";
}

const ITEM_TONES: Partial<Record<ItemState, Tone>> = {
  ready: "accent",
  sent: "warn",
  in_flight: "warn",
  unavailable: "warn",
  needs_review: "bad",
  done: "good",
  already_done: "good",
  declined: "bad",
  refused: "bad",
  failed: "bad",
};

export function itemTone(state: ItemState): Tone {
  return ITEM_TONES[state] ?? "";
}

export function badge(text: string, tone: Tone): TemplateResult {
  return html`<span class="badge" data-tone=${tone}>${text}</span>`;
}

export function statusBadge(texts: Texts, status: PaymentStatus): TemplateResult {
  return badge(statusWord(texts, status), statusTone(status));
}

/** What went wrong: the service's own words, or that there were none; or the browser's. */
export function failureText(texts: Texts, thrown: unknown): string {
  if (thrown instanceof DOMException) return thrown.message; // The browser's own: a storage that is full or forbidden.
  const { reason, message } = readError(thrown);
  return reason === "NO_ANSWER" || reason === "OFFLINE" ? texts.t("common.noAnswer") : message;
}
