import { html, nothing } from "lit";
import { createRef, ref } from "lit/directives/ref.js";
import { compare, isZero } from "../money.js";
import { Action, type AvailableAction, type Money, type Payment } from "../proto.js";
import { money } from "./money.js";
import { type Drawn, methodName, quoted, type View } from "./view.js";
import { actionOf } from "./words.js";

export interface Confirmed {
  /** Absent: the whole. */
  amount?: Money;
  note: string;
}

/** The question before an action: what it moves and what that does, with a note, and an amount where a part is allowed. */
export class ConfirmDialog {
  offer: AvailableAction | undefined;
  /** The state upon which the person decides. */
  etag = "";
  private typed: string | undefined;
  private invalid = false;
  // Kept when the dialog closes without having been confirmed: typed once is enough.
  private note = "";
  private readonly dialog = createRef<HTMLDialogElement>();

  constructor(
    private readonly changed: () => void,
    private readonly confirmed: (offer: AvailableAction, etag: string, confirmed: Confirmed) => void,
  ) {}

  open(offer: AvailableAction, etag: string): void {
    this.offer = offer;
    this.etag = etag;
    this.typed = undefined;
    this.invalid = false;
    this.changed();
    queueMicrotask(() => {
      const dialog = this.dialog.value;
      if (dialog && !dialog.open) dialog.showModal();
    });
  }

  /** Another payment is shown: what was begun about this one is not the other's. */
  forget(): void {
    this.close();
    this.note = "";
  }

  /** Close without acting. The browser gives the focus back to the button that opened it. */
  close(): void {
    this.dialog.value?.close();
  }

  draw(view: View, payment: Payment): Drawn {
    const { t } = view;
    const { offer } = this;
    if (offer === undefined) return nothing;
    const name = Action[offer.action] as "CAPTURE" | "VOID" | "REFUND";
    return html`<dialog
      ${ref(this.dialog)}
      class="confirm"
      aria-labelledby="confirm-title"
      aria-describedby="confirm-effect"
      @close=${this.closed}
      @click=${this.clicked}
    >
      <form method="dialog" novalidate @submit=${(event: SubmitEvent) => this.submitted(event, view)}>
        <h3 id="confirm-title">${t.text(`confirm.${name}`)}</h3>
        <p class="amount">${this.moved(view) ? money(view, this.moved(view)) : "–"}</p>
        <div id="confirm-effect">${this.effect(view, offer, name, methodName(payment))}</div>
        ${offer.amountMax || (offer.partialAmountAllowed && offer.amount) ? this.amountField(view, offer) : nothing}
        <label>
          <span>${t.text("confirm.note")} <i>${t.text("confirm.note.hint")}</i></span>
          <textarea name="note" rows="2" maxlength="1000" .value=${this.note} @input=${this.noted}></textarea>
        </label>
        <div class="choices">
          <button type="button" @click=${() => this.close()}>${t.text("confirm.back")}</button>
          <button type="submit" class="primary" data-action=${name}>
            ${actionOf(t, offer.action, this.moved(view))}
          </button>
        </div>
      </form>
    </dialog>`;
  }

  private amountField({ t }: View, { amount, amountMax = amount, amountMaxReason }: AvailableAction): Drawn {
    const most = amountMax as Money;
    return html`<label>
      <span>
        ${t.text("confirm.amount", { currency: most.currencyCode })}
        <i>${t.text("confirm.amount.hint", { amount: t.format.money(most) })}</i>
      </span>
      <input
        name="amount"
        inputmode="decimal"
        autocomplete="off"
        .value=${this.typed ?? t.format.editable(most)}
        aria-invalid=${this.invalid ? "true" : nothing}
        aria-describedby="amount-limit amount-error"
        @input=${this.amountTyped}
      />
      ${amountMaxReason ? html`<i id="amount-limit">${t.text("why.limit")} ${quoted(amountMaxReason)}</i>` : nothing}
      <span id="amount-error" role="alert" class="error"
        >${this.invalid ? t.text("confirm.amount.invalid", { amount: t.format.money(most) }) : nothing}</span
      >
    </label>`;
  }

  /** The service's own sentence where it is about this amount and the reader reads English; else the same, translated. */
  private effect(view: View, offer: AvailableAction, name: "CAPTURE" | "VOID" | "REFUND", method: string): Drawn {
    const { t } = view;
    const part = this.amount(view);
    const whole = part === undefined || (offer.amount !== undefined && compare(part, offer.amount) === 0);
    const translated = t.parts(`effect.${name}`, { amount: money(view, part ?? offer.amount), method });
    if (!whole) return html`<p>${translated}</p>`;
    if (t.locale.startsWith("en")) return html`<p>${quoted(offer.effect)}</p>`;
    return html`<p>${translated}</p><p class="said">${quoted(offer.effect)}</p>`;
  }

  /** The amount that was typed, if it is one that may be asked for; until then the most that a policy allows, if one does. */
  private amount({ t }: View): Money | undefined {
    const { amount: whole, amountMax } = this.offer ?? {};
    const most = amountMax ?? whole;
    if (this.typed === undefined || most === undefined) return amountMax;
    const amount = t.format.parseMoney(this.typed, most.currencyCode);
    return amount === undefined || isZero(amount) || compare(amount, most) > 0 ? undefined : amount;
  }

  /** What would move: all that may until something else is typed; nothing while that is no amount. */
  private moved(view: View): Money | undefined {
    return this.amount(view) ?? (this.typed === undefined ? this.offer?.amount : undefined);
  }

  private submitted(event: SubmitEvent, view: View): void {
    event.preventDefault();
    const { offer, etag } = this;
    if (offer === undefined) return;
    const amount = this.amount(view);
    this.invalid = this.typed !== undefined && amount === undefined;
    if (this.invalid) {
      this.changed();
      this.dialog.value?.querySelector("input")?.focus();
      return;
    }
    const note = this.note.trim();
    this.note = "";
    this.close();
    // The whole is asked for by leaving the amount out: so it is the same request, typed or not.
    const part = amount && offer.amount && compare(amount, offer.amount) !== 0 ? { amount } : {};
    this.confirmed(offer, etag, { ...part, note });
  }

  private readonly amountTyped = (event: InputEvent) => {
    this.typed = (event.target as HTMLInputElement).value;
    this.invalid = false;
    this.changed();
  };

  private readonly noted = (event: InputEvent) => {
    this.note = (event.target as HTMLTextAreaElement).value;
  };

  private readonly closed = () => {
    if (this.dialog.value?.open) return; // The browser tells of it later; meanwhile it was opened again.
    this.offer = undefined;
    this.changed();
  };

  // A click on the backdrop is a click on the dialog itself, outside of its form. The second one of the double click that
  // opened it hits the backdrop, too, and means nothing.
  private readonly clicked = (event: MouseEvent) => {
    if (event.target === this.dialog.value && event.detail < 2) this.close();
  };
}
