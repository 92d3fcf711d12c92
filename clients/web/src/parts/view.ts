import { html, nothing, type TemplateResult } from "lit";
import type { Translator } from "../i18n/index.js";
import type { Payment } from "../proto.js";

/** What every part is drawn from: the language, and what time it is. */
export interface View {
  t: Translator;
  now: number;
}

export type Drawn = TemplateResult | typeof nothing;

/** How the payment method is called on the page. */
export function methodName(payment: Payment): string {
  return payment.paymentMethod?.displayName || payment.paymentMethod?.code || payment.gateway;
}

/**
 * Text from elsewhere, set apart: it may run in the other direction, and is in the service's English unless `lang` says
 * otherwise.
 */
export function quoted(text: string, lang: string | undefined = "en"): Drawn {
  return text ? html`<bdi lang=${lang ?? nothing}>${text}</bdi>` : nothing;
}
