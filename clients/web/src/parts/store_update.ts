import { html, nothing } from "lit";
import { millis } from "../i18n/index.js";
import { type Payment, type StoreUpdate, StoreUpdateState } from "../proto.js";
import { type Drawn, quoted, type View } from "./view.js";

/** Whether the shop holds the status, and what staff must know of its page. `anew` looks, and has it written again. */
export function storeUpdate(view: View, payment: Payment, anew: () => void): Drawn {
  const update = payment.storeUpdate;
  if (update === undefined) return nothing;
  const notice = html`<span>${view.t.text("store.notice")}</span> <span class="said">${quoted(update.notice)}</span>`;
  return html`${state(view, update, anew)} ${update.notice ? line("warn", notice) : nothing}`;
}

function state({ t, now }: View, update: StoreUpdate, anew: () => void): Drawn {
  if (update.state === StoreUpdateState.UNSPECIFIED) return nothing;
  const shown = update.platformStatus
    ? html`<span>${t.parts("store.in_sync", { status: quoted(update.platformStatus) })}</span>`
    : nothing;
  if (update.state === StoreUpdateState.IN_SYNC) return line("good", shown);
  const said = html`<span class="said">${quoted(update.lastError)}</span>`;
  if (update.state === StoreUpdateState.DISPUTED) {
    const button = html`<button type="button" class="link" @click=${anew}>${t.text("store.anew")}</button>`;
    return line("warn", html`<span>${t.text("store.disputed")} ${button}</span> ${said}`);
  }
  if (!update.lastError) return line("busy", html`<span>${t.text("store.pending")}</span>`);
  const next = update.nextAttemptTime ? millis(update.nextAttemptTime) : now;
  const when = t.format.distance(Math.max(next, now), now);
  return line("warn", html`<span>${t.text("store.failing", { count: update.attempts, when })}</span> ${said}`);
}

function line(tone: string, text: Drawn): Drawn {
  return text === nothing ? nothing : html`<p class="store" data-tone=${tone}>${text}</p>`;
}
