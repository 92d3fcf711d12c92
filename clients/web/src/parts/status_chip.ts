import { html } from "lit";
import { PaymentStatus } from "../proto.js";
import type { Drawn, View } from "./view.js";
import { statusWord } from "./words.js";

const TONES: Partial<Record<PaymentStatus, string>> = {
  [PaymentStatus.PENDING]: "waiting",
  [PaymentStatus.AUTHORIZED]: "open",
  [PaymentStatus.PARTIALLY_CAPTURED]: "open",
  [PaymentStatus.CAPTURED]: "good",
  [PaymentStatus.PARTIALLY_REFUNDED]: "back",
  [PaymentStatus.REFUNDED]: "back",
  [PaymentStatus.DECLINED]: "bad",
};

/** A status as a word with a colour; the word alone says it. */
export function statusChip({ t }: View, status: PaymentStatus): Drawn {
  return html`<span class="chip" data-tone=${TONES[status] ?? "over"}>${statusWord(t, status)}</span>`;
}
