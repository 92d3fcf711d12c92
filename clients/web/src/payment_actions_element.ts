import { html, LitElement, nothing, type PropertyValues } from "lit";
import { createClient, type PaymentActionsClient } from "./client/index.js";
import { frame } from "./element_styles.js";
import { Translator } from "./i18n/index.js";
import { Order } from "./order/order.js";
import { actionsBar, unavailableActions } from "./parts/actions_bar.js";
import { ConfirmDialog } from "./parts/confirm_dialog.js";
import { history } from "./parts/history.js";
import { announcement, notice } from "./parts/notice.js";
import { orderState } from "./parts/order_state.js";
import { statusChip } from "./parts/status_chip.js";
import { storeUpdate } from "./parts/store_update.js";
import { styles, tokens } from "./parts/styles.js";
import { isForeign, summary } from "./parts/summary.js";
import { nextLook, underWay } from "./parts/under_way.js";
import { type Drawn, methodName, quoted, type View } from "./parts/view.js";
import { Action, type AvailableAction, type Payment } from "./proto.js";

const HISTORY_STEP = 6;
const TICK_MS = 1000;

/** The section of an order page: what is so, what may be done, what is under way and what was. */
export class PaymentActionsElement extends LitElement {
  static override readonly styles = [tokens, styles, frame];
  static override readonly properties = {
    server: {},
    store: {},
    order: {},
    actor: {},
    locale: {},
    theme: { reflect: true },
    client: { attribute: false },
  };

  /** Where the service is; the origin of this script if not given. */
  declare server: string | undefined;
  declare store: string;
  /** The store platform's id of the order. */
  declare order: string;
  /** Whom the history names; believed from loopback only. */
  declare actor: string | undefined;
  /** The language and its formats; the page's if not given. */
  declare locale: string | undefined;
  /** "light", "dark", "auto" (as the system is); as the page is if not given. */
  declare theme: string | undefined;
  /** A client to use instead of an own one: the console's pages share theirs. */
  declare client: PaymentActionsClient | undefined;

  private model: Order | undefined;
  private t = new Translator("en");
  private shown = HISTORY_STEP;
  private said = "";
  private lastEtag = "";
  private timer: ReturnType<typeof setInterval> | undefined;
  private readonly dialog = new ConfirmDialog(
    () => this.requestUpdate(),
    ({ action }, etag, { amount, note }) => {
      void this.model?.act({ action: action as Action.CAPTURE, etag, note, ...(amount && { amount }) });
    },
  );

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.requestUpdate("order");
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.timer);
    this.model?.close();
    this.model = undefined;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("locale") || !this.hasUpdated) this.t = new Translator(this.language());
    if (["server", "store", "order", "actor", "client"].some((name) => changed.has(name as "store"))) this.reopen();
    this.said = announcement(this.view(), this.model) || this.said;
  }

  protected override render(): Drawn {
    const { model, t } = this;
    return html`<article
      class="payment"
      dir=${this.dir || t.direction}
      lang=${t.locale}
      data-words=${t.wordDirection}
      tabindex="-1"
      aria-labelledby="heading"
      aria-busy=${model?.payment || model?.error ? "false" : "true"}
    >
      ${model?.payment ? this.payment(model, model.payment) : this.empty(model)}
      <div class="hidden" role="status" aria-live="polite">${this.said}</div>
    </article>`;
  }

  protected override updated(): void {
    this.keepFocus();
    const payment = this.model?.payment;
    if (payment === undefined || payment.etag === this.lastEtag) return;
    this.lastEtag = payment.etag;
    this.dispatchEvent(
      new CustomEvent("payment-actions-change", { detail: { payment }, bubbles: true, composed: true }),
    );
  }

  private payment(model: Order, payment: Payment): Drawn {
    const view = this.view();
    const { t } = view;
    return html`<header>
        <h2 id="heading">${t.parts("heading", { method: html`<bdi>${methodName(payment)}</bdi>` })}</h2>
        ${isForeign(payment) ? nothing : statusChip(view, payment.status)}
      </header>
      ${summary(view, payment, model.events)}
      ${this.connection(model)}
      ${
        payment.anomaly
          ? html`<div class="panel" data-tone="bad">
            <p class="what">${t.text("anomaly")}</p>
            <p class="said">${quoted(payment.anomaly)}</p>
          </div>`
          : nothing
      }
      ${orderState(view, payment)} ${underWay(view, payment, model.sending)} ${model.notice ? notice(view, payment, model.notice, this.dismiss) : nothing}
      ${actionsBar(view, payment, this.choose, model.sending?.action)} ${nextLook(view, payment)}
      ${isForeign(payment) ? nothing : this.foot(view, model, payment)} ${this.dialog.draw(view, payment)}`;
  }

  private foot(view: View, model: Order, payment: Payment): Drawn {
    return html`${unavailableActions(view, payment)}
      <div class="foot">
        ${storeUpdate(view, payment, () => void model.refresh())}
        ${history(view, payment, model.events, this.shown, this.showMore)}
      </div>`;
  }

  private empty(model: Order | undefined): Drawn {
    const { t } = this;
    const heading = html`<h2 id="heading" class=${model?.error ? "" : "hidden"}>${t.text(model?.error ? "error.load" : "loading")}</h2>`;
    if (model?.error === undefined) return html`${heading}<div class="skeleton"></div>`;
    const { reason, message } = model.error;
    const key = t.known(`error.${reason}`, "error.load");
    const values = { order: this.order, store: this.store, method: this.store, action: t.text("action.REFRESH") };
    return html`${heading}
      <div class="panel" data-tone="bad">
        <p class="what">${reason === "NO_ANSWER" ? t.text("connection.lost") : t.text(key, values)}</p>
        <p class="said">${quoted(message)}</p>
      </div>
      <div class="actions"><button type="button" @click=${() => void model.load()}>${t.text("error.try_again")}</button></div>`;
  }

  private connection({ connection }: Order): Drawn {
    if (connection !== "lost" && connection !== "offline") return nothing;
    return html`<div class="panel" data-tone="warn"><p class="what">${this.t.text(`connection.${connection}`)}</p></div>`;
  }

  private readonly choose = (offer: AvailableAction): void => {
    const { model } = this;
    if (model?.payment === undefined) return;
    if (offer.action === Action.REFRESH) void model.refresh();
    else this.dialog.open(offer, model.payment.etag);
  };

  private readonly dismiss = (): void => this.model?.tell(undefined);

  private readonly showMore = (): void => {
    this.shown += 4 * HISTORY_STEP;
    this.requestUpdate();
  };

  private reopen(): void {
    this.model?.close();
    this.model = undefined;
    this.dialog.forget();
    if (!this.isConnected || !this.store || !this.order) return;
    this.shown = HISTORY_STEP;
    const client = this.client ?? createClient({ baseUrl: this.server ?? scriptOrigin(), actor: this.actor });
    this.model = new Order(client, this.store, this.order, (model) => this.modelChanged(model));
    void this.model.open();
  }

  private modelChanged(model: Order): void {
    const { offer, etag } = this.dialog;
    // What was asked about is gone: the service would refuse it, so the question is not left standing.
    if (offer !== undefined && model.payment !== undefined && model.payment.etag !== etag) {
      this.dialog.close();
      model.notice = { kind: "stale" };
    }
    this.requestUpdate();
  }

  private tick(): void {
    if (document.visibilityState === "hidden") return;
    this.model?.tick(Date.now());
    this.requestUpdate();
  }

  private view(): View {
    return { t: this.t, now: Date.now() };
  }

  private language(): string {
    return this.locale || this.closest<HTMLElement>("[lang]")?.lang || navigator.language;
  }

  private focused = false;

  /** A button that was pressed may be gone when its answer comes: whoever works by keyboard stays in the section. */
  private keepFocus(): void {
    const active = this.shadowRoot?.activeElement ?? null;
    if (this.focused && active === null && document.activeElement === document.body) {
      this.shadowRoot?.querySelector<HTMLElement>("article")?.focus({ preventScroll: true });
    }
    this.focused = this.shadowRoot?.activeElement != null;
  }
}

/** The bundle's own origin; a page that bundles this module itself names the server. */
function scriptOrigin(): string {
  const { origin } = new URL(import.meta.url);
  return origin === "null" ? "" : origin;
}
