import { html, nothing } from "lit";
import type { Money } from "../proto.js";
import type { Drawn, View } from "./view.js";

/** An amount, whole and in one line whatever surrounds it. */
export function money({ t }: View, amount: Money | undefined): Drawn {
  return amount === undefined ? nothing : html`<bdi class="money">${t.format.money(amount)}</bdi>`;
}
