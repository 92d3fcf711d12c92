/** The frame around the pages: menu, connection, settings; and which page is shown. */

import type { PaymentActionsClient } from "@payment-actions/web/client";
import type { GetOverviewResponse, Payment } from "@payment-actions/web/proto";
import { html, LitElement, nothing, type TemplateResult } from "lit";
import type { RunStore } from "./bulk/store.js";
import type { Context } from "./context.js";
import { chosenLanguage, loadTexts, type Texts } from "./i18n/texts.js";
import type { Live } from "./live.js";
import { definePages, loadPage } from "./pages/index.js";
import type { PaymentsPage } from "./pages/payments.js";
import { attention, events, hrefOf, overview, payments, type Route, routeOf, samePage } from "./routing.js";
import { applyTheme, keepSettings, type Settings } from "./settings.js";
import { settingsDialog } from "./settings_dialog.js";

export interface Beginning {
  readonly settings: Settings;
  readonly texts: Texts;
  readonly live: Live;
  readonly runs: RunStore;
  connect(settings: Settings): PaymentActionsClient;
}

const OVERVIEW_SECONDS = 30;
const EVENT_MILLISECONDS = 1_500;

export class ConsoleShell extends LitElement {
  static override properties = {
    context: { state: true },
    route: { state: true },
    settings: { state: true },
    connection: { state: true },
    failure: { state: true },
    begun: { state: true },
  };

  declare context: Context | null;
  declare route: Route;
  declare settings: Settings;
  declare connection: Live["state"];
  declare failure: boolean;
  /** Whether it was asked from where to watch: what a page reads before that could change without anybody hearing of it. */
  declare begun: boolean;
  #beginning: Beginning | null = null;
  /** The list stays as it was, scrolled and ticked, while an order is looked at. */
  #list: Extract<Route, { page: "payments" }> | null = null;
  readonly #seen = new Map<string, Payment>();
  #timer = 0;

  constructor() {
    super();
    this.context = null;
    this.connection = "connecting";
    this.failure = false;
    this.begun = false;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  begin(beginning: Beginning): void {
    this.#beginning = beginning;
    this.settings = beginning.settings;
    this.route = routeOf(new URL(location.href));
    this.#provide(beginning.texts, beginning.connect(this.settings));
    addEventListener("popstate", () => this.#show(routeOf(new URL(location.href))));
    document.addEventListener("click", (click) => this.#followed(click));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => applyTheme(this.settings.theme));
    beginning.live.addEventListener("state", () => this.#connectionChanged(beginning.live));
    beginning.live.subscribe(() => this.#readOverviewSoon());
    void this.#startLive(beginning.live);
    setInterval(() => document.visibilityState === "visible" && void this.#readOverview(), OVERVIEW_SECONDS * 1000);
    void loadPage(this.route.page).then(() => this.requestUpdate());
  }

  protected override render(): TemplateResult | typeof nothing {
    const { context } = this;
    if (context === null) return nothing;
    const { texts } = context;
    return html`
      <div class="frame">
        <a class="skip" href="#content" @click=${this.#skip}>${texts.t("nav.skip")}</a>
        <header class="bar">
          <a class="brand" href="/"><img src=${iconAddress()} alt="">payment-actions</a>
          <nav aria-label=${texts.t("nav.label")}>${this.#menu(texts)}</nav>
          <div class="status-line">
            <span class="connection" role="status" data-state=${this.connection} title=${texts.t("connection.hint")}
              >${texts.t(`connection.${this.connection}`)}</span>
            <button class="plain" @click=${this.#openSettings}>
              ${this.settings.actor === "" ? texts.t("nav.settings") : this.settings.actor}
              ${this.settings.actor === "" ? nothing : html`<span class="sr">– ${texts.t("nav.settings")}</span>`}
            </button>
          </div>
        </header>
        <main id="content" tabindex="-1">
          ${this.failure ? html`<p class="page notice" data-kind="bad" role="alert">${texts.t("common.unreachable")}</p>` : nothing}
          ${this.begun ? this.#pages(context) : nothing}
        </main>
        ${settingsDialog(texts, this.settings, (settings) => void this.#changeSettings(settings))}
      </div>
    `;
  }

  #menu(texts: Texts): TemplateResult[] {
    const waiting = Number(this.context?.overview?.needingAttentionCount ?? 0n);
    const entries: [Route, string][] = [
      [overview, texts.t("nav.overview")],
      [payments(), texts.t("nav.payments")],
      [{ page: "runs" }, texts.t("nav.runs")],
      [attention(), texts.t("nav.attention")],
      [events(), texts.t("nav.events")],
    ];
    const shown = this.route.page === "order" ? "payments" : this.route.page === "run" ? "runs" : this.route.page;
    return entries.map(
      ([route, name]) =>
        html`<a href=${hrefOf(route)} aria-current=${route.page === shown ? "page" : nothing}>${name}${
          route.page === "attention" && waiting > 0
            ? html` <span class="count">${texts.number(waiting)}</span>`
            : nothing
        }</a>`,
    );
  }

  #pages(context: Context): unknown {
    const { route } = this;
    if (route.page === "payments") this.#list = route;
    const list = this.#list;
    const keptList =
      list === null
        ? nothing
        : html`<console-payments .context=${context} .route=${list} ?hidden=${route.page !== "payments"}></console-payments>`;
    return [keptList, this.#page(context, route)];
  }

  #page(context: Context, route: Route): unknown {
    switch (route.page) {
      case "overview":
        return html`<console-overview .context=${context} .route=${route}></console-overview>`;
      case "order":
        return html`<console-order .context=${context} .route=${route}></console-order>`;
      case "runs":
        return html`<console-runs .context=${context} .route=${route}></console-runs>`;
      case "run":
        return html`<console-run .context=${context} .route=${route}></console-run>`;
      case "attention":
        return html`<console-attention .context=${context} .route=${route}></console-attention>`;
      case "events":
        return html`<console-events .context=${context} .route=${route}></console-events>`;
      case "missing":
        return html`<div class="page"><h1 tabindex="-1">${context.texts.t("missing.title")}</h1>
          <p>${context.texts.t("missing.text", { path: route.path })}</p></div>`;
      default:
        return nothing;
    }
  }

  // -- going from page to page ------------------------------------------------------------------------------------------

  #go(route: Route, how: "push" | "replace"): void {
    const address = hrefOf(route);
    if (how === "push") history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    this.#show(route);
  }

  #show(route: Route): void {
    const from = this.route;
    this.route = route;
    void loadPage(route.page);
    if (route.page === "overview" && this.context?.overviewDays !== route.days) void this.#readOverview();
    if (!samePage(from, route)) void this.#arrive();
  }

  async #arrive(): Promise<void> {
    await this.updateComplete;
    if (this.route.page === "payments" && this.querySelector<PaymentsPage>("console-payments")?.resume()) return;
    scrollTo(0, 0);
    // Whoever cannot see the page is told that it is another one.
    this.querySelector<HTMLElement>("main > :not([hidden]) h1")?.focus({ preventScroll: true });
  }

  #followed(click: MouseEvent): void {
    if (click.defaultPrevented || click.button !== 0) return;
    if (click.metaKey || click.ctrlKey || click.shiftKey || click.altKey) return;
    const link = click.composedPath().find((node): node is HTMLAnchorElement => node instanceof HTMLAnchorElement);
    if (link === undefined || link.target !== "" || link.hasAttribute("download")) return;
    const address = new URL(link.href);
    if (address.origin !== location.origin || link.getAttribute("href")?.startsWith("#")) return;
    const route = routeOf(address);
    if (route.page === "missing") return; // The service's own pages, like /healthz.
    click.preventDefault();
    this.#go(route, "push");
  }

  #skip = (click: MouseEvent): void => {
    click.preventDefault();
    this.querySelector<HTMLElement>("main")?.focus();
  };

  // -- what is known of the service -------------------------------------------------------------------------------------

  #provide(texts: Texts, client: PaymentActionsClient): void {
    const { live, runs } = this.#begun();
    this.context = {
      client,
      live,
      texts,
      runs,
      actor: this.settings.actor,
      overview: this.context?.overview ?? null,
      overviewDays: this.context?.overviewDays ?? 0,
      seen: this.#seen,
      go: (route, how = "push") => this.#go(route, how),
    };
  }

  async #startLive(live: Live): Promise<void> {
    const read = await this.#readOverview();
    this.begun = true;
    if (this.context !== null) live.start(this.context.client, read?.lastSequence);
  }

  /** The overview and the menu's number follow what happens; many events in a row are one reason to ask. */
  #readOverviewSoon(): void {
    if (this.#timer !== 0) return;
    this.#timer = window.setTimeout(() => {
      this.#timer = 0;
      void this.#readOverview();
    }, EVENT_MILLISECONDS);
  }

  async #readOverview(): Promise<GetOverviewResponse | undefined> {
    const { context } = this;
    if (context === null) return undefined;
    const days = this.#days;
    try {
      const overview = await context.client.rpc.getOverview({ days }, { timeoutMs: OVERVIEW_SECONDS * 1000 });
      const wanted = days === this.#days || this.context?.overviewDays !== this.#days;
      if (this.context !== null && wanted) this.context = { ...this.context, overview, overviewDays: days };
      this.failure = false;
      return overview;
    } catch {
      this.failure = true;
      return undefined;
    }
  }

  /** As many days as the page shows; the menu and the filters ask for none. */
  get #days(): number {
    return this.route.page === "overview" ? this.route.days : 1;
  }

  #connectionChanged(live: Live): void {
    this.connection = live.state;
    if (live.state === "live" && this.failure) void this.#readOverview();
  }

  // -- settings ---------------------------------------------------------------------------------------------------------

  #openSettings = (): void => {
    this.querySelector<HTMLDialogElement>("dialog.settings")?.showModal();
  };

  async #changeSettings(settings: Settings): Promise<void> {
    const { context } = this;
    if (context === null) return;
    const actorChanged = settings.actor !== this.settings.actor;
    this.settings = settings;
    keepSettings(() => localStorage, settings);
    applyTheme(settings.theme);
    const { language, locale } = chosenLanguage(settings.language, navigator.languages);
    document.documentElement.lang = language;
    const texts = await loadTexts(language, locale);
    this.#provide(texts, actorChanged ? this.#begun().connect(settings) : context.client);
  }

  #begun(): Beginning {
    if (this.#beginning === null) throw new Error("the shell was not begun");
    return this.#beginning;
  }
}

/** The icon's name carries a hash, which the page knows. */
function iconAddress(): string {
  return document.querySelector<HTMLLinkElement>('link[rel="icon"]')?.href ?? "";
}

export function defineShell(): void {
  definePages();
  customElements.define("payment-console", ConsoleShell);
}
