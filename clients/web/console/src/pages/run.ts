/** One bulk run: chosen, tried without doing, confirmed, followed to its end; taken up again after a reload. */

import { newRequestId } from "@payment-actions/web/client";
import { Action, type Event } from "@payment-actions/web/proto";
import { html, nothing, type TemplateResult } from "lit";
import { csv } from "../bulk/csv.js";
import { type Item, type ItemState, newItems, newRun, type Phase, progress, sumsOf, tally } from "../bulk/model.js";
import { RunGone, Runner, type RunService } from "../bulk/runner.js";
import { hrefOf, type Route } from "../routing.js";
import { actionWord, failureText } from "../words.js";
import { Page } from "./page.js";
import { itemTable, resultChips } from "./run_items.js";

const ACTIONS = [Action.CAPTURE, Action.VOID, Action.REFUND, Action.REFRESH] as const;
const NOTE_MAX = 1000;
/** What did not go through for certain may be tried anew: as another run, with other request ids. */
const ANEW: readonly ItemState[] = ["failed", "refused", "declined"];

type RunRoute = Extract<Route, { page: "run" }>;

export class RunPage extends Page<"run"> {
  static override properties = {
    ...Page.properties,
    runner: { state: true },
    busy: { state: true },
    missing: { state: true },
    elsewhere: { state: true },
    filter: { state: true },
  };

  declare runner: Runner | null;
  declare busy: "" | "preview" | "run";
  declare missing: boolean;
  /** Another tab drives this run. */
  declare elsewhere: boolean;
  declare filter: ItemState | "";

  constructor() {
    super();
    this.runner = null;
    this.busy = "";
    this.missing = false;
    this.elsewhere = false;
    this.filter = "";
  }

  protected arrived(from: RunRoute | undefined): void {
    if (from?.run === this.route.run) return;
    this.runner?.stop();
    this.runner = null;
    this.busy = "";
    this.missing = false;
    this.elsewhere = false;
    this.failure = "";
    this.filter = "";
    void this.attempt(() => this.#open(this.route.run));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.runner?.stop();
  }

  async #open(id: string): Promise<void> {
    const kept = await this.context.runs.get(id);
    if (id !== this.route.run) return;
    this.missing = kept === null;
    if (kept === null) return;
    const runner = new Runner(kept.run, kept.items, this.context.runs, this.#service(), () => this.requestUpdate());
    this.runner = runner;
    // A run that was only chosen is tried at once: that moves nothing, and is what one came for.
    if (kept.run.phase === "chosen") void this.#preview(runner);
    else this.#settle(runner);
  }

  /** The service as the page is given it: whoever changes their name acts under the new one from then on. */
  #service(): RunService {
    const rpc = (): RunService => this.context.client.rpc;
    return {
      runActions: (request, options) => rpc().runActions(request, options),
      getOperation: (request) => rpc().getOperation(request),
    };
  }

  protected override heard(event: Event): void {
    const { runner } = this;
    if (runner === null || event.operationId === "" || this.busy !== "") return;
    void runner.look(event.operationId).catch(() => undefined); // The button asks again.
  }

  /** Does something with the run while no other tab does. */
  async #drive(runner: Runner, what: "preview" | "run", work: () => Promise<void>): Promise<void> {
    const { signal } = this.stopped;
    // The page may show another run by the time that this one is heard of.
    const here = (): boolean => this.runner === runner && !signal.aborted;
    const exclusive = async (lock: unknown): Promise<void> => {
      if (!here()) return;
      this.elsewhere = lock === null;
      if (lock === null) return;
      this.busy = what;
      try {
        await work();
        if (here()) this.failure = "";
      } catch (error) {
        if (here()) this.#failed(error);
      } finally {
        if (here()) this.busy = "";
      }
    };
    // Without locks (plain HTTP from another machine) two tabs may ask twice: with the same request ids, which is harmless.
    if (navigator.locks === undefined) await exclusive(true);
    else await navigator.locks.request(`payment-actions-run-${runner.run.id}`, { ifAvailable: true }, exclusive);
  }

  #failed(error: unknown): void {
    if (error instanceof RunGone) {
      this.runner = null;
      this.missing = true;
    } else {
      this.failure = failureText(this.context.texts, error);
    }
  }

  async #preview(runner: Runner): Promise<void> {
    await this.#drive(runner, "preview", () => runner.preview());
  }

  async #go(runner: Runner, note?: string): Promise<void> {
    await this.#drive(runner, "run", () => runner.go(note));
    this.#settle(runner);
  }

  /** What ended while nobody listened. */
  #settle(runner: Runner): void {
    void runner.settle().catch(() => undefined); // The button asks again.
  }

  protected override render(): TemplateResult {
    const { texts } = this.context;
    const { runner } = this;
    if (runner === null) {
      return html`<div class="page"><h1 tabindex="-1">${texts.t("runs.title")}</h1>
        ${
          this.failure === ""
            ? html`<p>${texts.t(this.missing ? "run.missing" : "common.loading")}</p>`
            : html`<p class="notice" data-kind="bad" role="alert">${texts.t("common.failed", { message: this.failure })}</p>`
        }</div>`;
    }
    const { run } = runner;
    const title = texts.t("run.title", { action: actionWord(texts, run.action), count: run.count });
    document.title = `${title} – payment-actions`;
    return html`
      <div class="page">
        <div class="page-head"><h1 tabindex="-1">${title}</h1>
          <div class="row end">
            <a class="button" href=${hrefOf({ page: "runs" })}>${texts.t("runs.title")}</a>
            <button @click=${() => this.#download(runner)}>${texts.t("run.download")}</button>
          </div>
        </div>
        ${this.#steps(run.phase)}
        ${this.elsewhere ? html`<p class="notice" data-kind="warn" role="status">${texts.t("run.elsewhere")}</p>` : nothing}
        ${this.failure === "" ? nothing : html`<p class="notice" data-kind="bad" role="alert">${texts.t("common.failed", { message: this.failure })}</p>`}
        ${run.phase === "confirmed" ? this.#progress(runner) : this.#trial(runner)}
        ${this.#items(runner)}
        ${this.#confirmation(runner)}
      </div>
    `;
  }

  #steps(phase: Phase): TemplateResult {
    const { texts } = this.context;
    const now = phase === "confirmed" ? 2 : 1;
    const names = [texts.t("run.step.choose"), texts.t("run.step.preview"), texts.t("run.step.run")];
    return html`<ol class="steps">${names.map((name, place) => html`<li aria-current=${place === now ? "step" : nothing}>${place + 1}. ${name}</li>`)}</ol>`;
  }

  #trial(runner: Runner): TemplateResult {
    const { texts } = this.context;
    const { run, items } = runner;
    const counts = tally(items);
    const again = (action: Action): void => {
      void this.#drive(runner, "preview", async () => {
        await runner.choose(action, newRequestId);
        if (runner.run.phase !== "confirmed") await runner.preview();
      });
    };
    return html`
      <section class="card stack">
        <div class="row">
          <label class="field"><span>${texts.t("run.action")}</span>
            <select ?disabled=${this.busy !== ""} @change=${(event: globalThis.Event) => again(Number((event.target as HTMLSelectElement).value))}>
              ${ACTIONS.map((action) => html`<option value=${action} ?selected=${action === run.action}>${actionWord(texts, action)}</option>`)}
            </select></label>
          <button ?disabled=${this.busy !== ""} @click=${() => void this.#preview(runner)}>${texts.t("run.preview")}</button>
        </div>
        ${
          this.busy === "preview"
            ? html`<p role="status">${texts.t("run.previewing")}</p><progress max=${items.length} value=${items.length - counts.chosen} aria-label=${texts.t("run.previewing")}></progress>`
            : run.phase === "previewed"
              ? this.#verdict(runner)
              : nothing
        }
      </section>
    `;
  }

  #verdict(runner: Runner): TemplateResult {
    const { texts } = this.context;
    const { run, items } = runner;
    const counts = tally(items);
    return html`
      <div class="row" role="status"><strong>${texts.t("run.wouldDo", { count: counts.ready })}</strong>
        ${counts.excluded > 0 ? html`<span class="quiet">${texts.t("run.wouldNot", { count: counts.excluded })}</span>` : nothing}</div>
      ${counts.ready === 0 ? html`<p>${texts.t("run.nothing")}</p>` : this.#sums(items, ["ready"])}
      <div class="row">
        <button class="primary" ?disabled=${counts.ready === 0 || this.busy !== ""} @click=${() => this.#confirm()}
          >${texts.t("run.confirm", { action: actionWord(texts, run.action), count: counts.ready })} …</button>
      </div>
    `;
  }

  #sums(items: readonly Item[], states: readonly ItemState[], label: "run.moves" | "run.moved" = "run.moves"): unknown {
    const { texts } = this.context;
    const sums = sumsOf(items, states);
    if (sums.length === 0) return nothing;
    return html`<p class="sums"><span class="quiet">${texts.t(label)}</span>
      ${sums.map((sum) => html`<strong>${texts.amount(sum.currencyCode, sum.amount)}</strong>`)}</p>`;
  }

  #progress(runner: Runner): TemplateResult {
    const { texts } = this.context;
    const { items } = runner;
    const { ended, total } = progress(items);
    const counts = tally(items);
    const unanswered = counts.ready + counts.sent;
    const anew = items.filter((item) => ANEW.includes(item.state)).length;
    const idle = this.busy === "";
    return html`
      <section class="card stack">
        <div class="row between"><strong role="status">${texts.t("run.progress", { ended, total })}</strong>${this.#sums(items, ["done", "already_done"], "run.moved")}</div>
        <progress max=${Math.max(total, 1)} value=${ended} aria-label=${texts.t("run.progress", { ended, total })}></progress>
        ${idle ? nothing : html`<p class="quiet">${texts.t("run.running")}</p>`}
        ${idle && unanswered > 0 ? html`<p>${texts.t("run.interrupted", { count: unanswered })}</p>` : nothing}
        ${idle && counts.unavailable > 0 ? html`<p>${texts.t("run.unavailable", { count: counts.unavailable })}</p>` : nothing}
        ${idle && counts.in_flight > 0 ? html`<p class="quiet">${texts.t("run.waiting", { count: counts.in_flight })}</p>` : nothing}
        ${idle && ended === total ? html`<p class="quiet">${texts.t("run.finished")}</p>` : nothing}
        <div class="row" ?hidden=${!idle || (ended === total && anew === 0)}>
          ${
            ended < total
              ? html`<button class=${unanswered + counts.unavailable > 0 ? "primary" : ""} @click=${() => void this.#go(runner)}
                  >${texts.t("run.resume", { count: total - ended })}</button>`
              : nothing
          }
          ${anew > 0 ? html`<button @click=${() => void this.#anew(runner)}>${texts.t("run.anew", { count: anew })}</button>` : nothing}
        </div>
      </section>
    `;
  }

  #items(runner: Runner): TemplateResult {
    const { texts } = this.context;
    const chips = resultChips(texts, tally(runner.items), this.filter, (state) => {
      this.filter = state;
    });
    const shown = this.filter === "" ? runner.items : runner.items.filter((item) => item.state === this.filter);
    return html`<section class="card flush"><header class="row"><h2>${texts.t("run.result")}</h2>${chips}</header>${itemTable(texts, shown)}</section>`;
  }

  #confirmation(runner: Runner): TemplateResult {
    const { texts } = this.context;
    const { run, items } = runner;
    const count = tally(items).ready;
    const submit = (event: SubmitEvent): void => {
      const form = event.target as HTMLFormElement;
      const note = String(new FormData(form).get("note") ?? "").trim();
      void this.#go(runner, note);
    };
    return html`
      <dialog class="confirm" aria-labelledby="confirm-title">
        <form method="dialog" @submit=${submit}>
          <h2 id="confirm-title">${texts.t("run.confirmTitle")}</h2>
          <p><strong>${texts.t("run.confirm", { action: actionWord(texts, run.action), count })}</strong></p>
          ${this.#sums(items, ["ready"])}
          <p>${texts.t(run.action === Action.REFRESH ? "run.confirmRefresh" : "run.confirmText")}</p>
          ${
            run.action === Action.REFRESH
              ? nothing
              : html`<label class="field"><span>${texts.t("run.note")}</span><textarea name="note" maxlength=${NOTE_MAX}></textarea></label>`
          }
          <div class="row">
            <button class="primary">${texts.t("run.confirm", { action: actionWord(texts, run.action), count })}</button>
            <button type="button" @click=${(click: globalThis.Event) => (click.target as Element).closest("dialog")?.close()}>${texts.t("common.cancel")}</button>
          </div>
        </form>
      </dialog>
    `;
  }

  #confirm(): void {
    this.querySelector<HTMLDialogElement>("dialog.confirm")?.showModal();
  }

  /** Another run of those that certainly did not go through. */
  async #anew(runner: Runner): Promise<void> {
    const orders = runner.items.filter((item) => ANEW.includes(item.state));
    const run = newRun(newRequestId(), runner.run.action, orders.length, this.context.actor, Date.now());
    await this.attempt(async () => {
      await this.context.runs.add(run, newItems(orders, newRequestId));
      this.context.go({ page: "run", run: run.id });
    });
  }

  #download(runner: Runner): void {
    const address = URL.createObjectURL(new Blob([csv(runner.run, runner.items)], { type: "text/csv;charset=utf-8" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = `payment-actions-${runner.run.id.slice(0, 8)}.csv`;
    link.click();
    URL.revokeObjectURL(address);
  }
}
