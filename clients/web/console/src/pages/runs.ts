/** The bulk runs that this browser keeps. */

import { html, nothing, type TemplateResult } from "lit";
import { type Run, tally } from "../bulk/model.js";
import { hrefOf, payments } from "../routing.js";
import { actionWord } from "../words.js";
import { Page } from "./page.js";

export class RunsPage extends Page<"runs"> {
  static override properties = { ...Page.properties, runs: { state: true } };

  declare runs: readonly Run[] | null;

  constructor() {
    super();
    this.runs = null;
  }

  protected arrived(): void {
    void this.#read();
  }

  async #read(): Promise<void> {
    await this.attempt(async () => {
      this.runs = await this.context.runs.list();
    });
  }

  protected override render(): TemplateResult {
    const { texts } = this.context;
    document.title = `${texts.t("runs.title")} – payment-actions`;
    return html`
      <div class="page">
        <div class="page-head"><h1 tabindex="-1">${texts.t("runs.title")}</h1>
          <a class="button end" href=${hrefOf(payments())}>${texts.t("nav.payments")}</a></div>
        <p class="quiet">${texts.t("runs.text")}</p>
        ${this.failure === "" ? nothing : html`<p class="notice" data-kind="bad" role="alert">${texts.t("common.failed", { message: this.failure })}</p>`}
        ${this.runs === null ? nothing : this.runs.length === 0 ? html`<p class="card empty">${texts.t("runs.none")}</p>` : this.#table(this.runs)}
      </div>
    `;
  }

  #table(runs: readonly Run[]): TemplateResult {
    const { texts } = this.context;
    return html`
      <div class="card flush"><div class="scroll"><table>
        <thead><tr><th scope="col">${texts.t("runs.begun")}</th><th scope="col">${texts.t("common.what")}</th>
          <th scope="col">${texts.t("common.status")}</th><th scope="col">${texts.t("common.who")}</th><td></td></tr></thead>
        <tbody>${runs.map(
          (run) => html`<tr>
            <th scope="row"><a href=${hrefOf({ page: "run", run: run.id })}>${texts.dateTime(run.createTime)}</a></th>
            <td>${actionWord(texts, run.action)}, ${texts.t("runs.orders", { count: run.count })}
              ${run.note === "" ? nothing : html`<div class="quiet small break">${run.note}</div>`}</td>
            <td>${texts.t(`runs.phase.${run.phase}`)}</td>
            <td>${run.actor || "–"}</td>
            <td class="number"><button class="small-button" aria-label=${texts.t("runs.deleteRun", { run: texts.dateTime(run.createTime) })}
              @click=${() => void this.#forget(run)}>${texts.t("runs.delete")}</button></td>
          </tr>`,
        )}</tbody>
      </table></div></div>
    `;
  }

  async #forget(run: Run): Promise<void> {
    await this.attempt(async () => {
      const count = await this.#unanswered(run);
      if (count === 0 || confirm(this.#question(run, count))) await this.context.runs.delete(run.id);
    });
    await this.#read();
  }

  /** Of how many orders only this run's request ids can still tell what became of them. */
  async #unanswered(run: Run): Promise<number> {
    const kept = await this.context.runs.get(run.id);
    if (kept === null || kept.run.phase !== "confirmed") return 0;
    const { ready, sent } = tally(kept.items);
    return ready + sent;
  }

  #question(run: Run, count: number): string {
    const { texts } = this.context;
    const what = texts.t("runs.deleteRun", { run: texts.dateTime(run.createTime) });
    return `${texts.t("run.interrupted", { count })}\n\n${what}?`;
  }
}
