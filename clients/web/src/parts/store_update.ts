import { html, nothing } from "lit";
import { millis } from "../i18n/index.js";
import { type Payment, StoreUpdateState } from "../proto.js";
import { type Drawn, quoted, type View } from "./view.js";

/** Whether the shop holds the status. */
export function storeUpdate({ t, now }: View, payment: Payment): Drawn {
  const update = payment.storeUpdate;
  if (update === undefined || update.state === StoreUpdateState.UNSPECIFIED) return nothing;
  const shown = update.platformStatus
    ? html`<span>${t.parts("store.in_sync", { status: quoted(update.platformStatus) })}</span>`
    : nothing;
  if (update.state === StoreUpdateState.IN_SYNC) return line("good", shown);
  if (!update.lastError) return line("busy", html`<span>${t.text("store.pending")}</span>`);
  const next = update.nextAttemptTime ? millis(update.nextAttemptTime) : now;
  const when = t.format.distance(Math.max(next, now), now);
  return line(
    "warn",
    html`<span>${t.text("store.failing", { count: update.attempts, when })}</span>
      <span class="said">${quoted(update.lastError)}</span>`,
  );
}

function line(tone: string, text: Drawn): Drawn {
  return text === nothing ? nothing : html`<p class="store" data-tone=${tone}>${text}</p>`;
}
