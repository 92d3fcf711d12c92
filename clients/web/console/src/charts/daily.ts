/** Authorized, captured and refunded by day, in one currency: a picture, and the same as a table. */

import type { DailyTotals, Money } from "@payment-actions/web/proto";
import { html, nothing, svg, type TemplateResult } from "lit";
import type { Texts } from "../i18n/texts.js";
import { approximate, sums } from "../money.js";
import { bands, labelEvery, scaleFor } from "./scale.js";

export const SERIES = ["authorized", "captured", "refunded"] as const;
export type Series = (typeof SERIES)[number];

export interface Day {
  readonly date: string;
  readonly totals: DailyTotals | undefined;
}

const HEIGHT = 190;
const LEFT = 52;
const BOTTOM = 24;
const TOP = 8;

export function amountOf(totals: DailyTotals | undefined, series: Series): Money | undefined {
  return totals?.[`${series}Amount`];
}

/** The days' totals of each currency: one picture each, for two currencies have no common scale. */
export function byCurrency(totals: readonly DailyTotals[], dates: readonly string[]): Map<string, Day[]> {
  const found = new Map<string, Map<string, DailyTotals>>();
  for (const day of totals) {
    const currency = SERIES.map((series) => amountOf(day, series)?.currencyCode).find((code) => code) ?? "";
    if (!found.has(currency)) found.set(currency, new Map());
    found.get(currency)?.set(day.date, day);
  }
  const currencies = [...found].sort(([one], [other]) => (one < other ? -1 : 1));
  return new Map(currencies.map(([code, days]) => [code, dates.map((date) => ({ date, totals: days.get(date) }))]));
}

/** `width` is what there is room for, in pixels: letters keep their size. */
export function dailyChart(texts: Texts, currency: string, days: readonly Day[], width: number): TemplateResult {
  const values = days.flatMap((day) => SERIES.map((series) => approximate(amountOf(day.totals, series))));
  const scale = scaleFor(values);
  const plot = { width: width - LEFT, height: HEIGHT - BOTTOM - TOP };
  const y = (value: number): number => TOP + plot.height * (1 - value / scale.max);
  const slots = bands(days.length, plot.width);
  const every = labelEvery(days.length, plot.width, 58);
  const label = texts.t("overview.chart", { currency, count: days.length });
  return html`
    <svg class="chart" viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label=${label}>
      ${scale.ticks.map(
        (tick) => svg`<line class="grid" x1=${LEFT} x2=${width} y1=${y(tick)} y2=${y(tick)} />
          <text x=${LEFT - 8} y=${y(tick) + 4} text-anchor="end">${texts.compact(tick)}</text>`,
      )}
      ${days.map((day, place) => group(texts, day, slots[place] ?? { start: 0, width: 0 }, y))}
      ${days.map((day, place) =>
        (days.length - 1 - place) % every === 0
          ? svg`<text x=${LEFT + middle(slots[place])} y=${HEIGHT - 6} text-anchor="middle">${texts.day(day.date)}</text>`
          : nothing,
      )}
      <line class="ground" x1=${LEFT} x2=${width} y1=${y(0)} y2=${y(0)} />
    </svg>
  `;
}

function group(texts: Texts, day: Day, slot: { start: number; width: number }, y: (value: number) => number): unknown {
  const width = Math.min(slot.width / SERIES.length, 22);
  const start = LEFT + slot.start + (slot.width - width * SERIES.length) / 2;
  const bars = SERIES.map((series, place) => {
    const value = approximate(amountOf(day.totals, series));
    if (value === 0) return nothing;
    const top = Math.min(y(value), y(0) - 1); // What is not nothing is seen.
    return svg`<rect data-series=${series} x=${start + place * width} y=${top} width=${Math.max(width - 1, 1)} height=${y(0) - top} rx="1.5" />`;
  });
  return svg`${bars}<rect class="hit" x=${LEFT + slot.start} y=${TOP} width=${slot.width} height=${y(0) - TOP}><title>${inWords(texts, day)}</title></rect>`;
}

function inWords(texts: Texts, day: Day): string {
  const parts = SERIES.map((series) => [series, amountOf(day.totals, series)] as const)
    .filter(([, money]) => approximate(money) !== 0)
    .map(([series, money]) => `${texts.t(`overview.${series}`)} ${texts.money(money)}`);
  return [texts.day(day.date), ...parts].join("\n");
}

function middle(slot: { start: number; width: number } | undefined): number {
  return slot === undefined ? 0 : slot.start + slot.width / 2;
}

export function legend(texts: Texts, days: readonly Day[]): TemplateResult {
  return html`<ul class="legend">${SERIES.map((series) => {
    const total = sums(days.map((day) => amountOf(day.totals, series)))[0];
    return html`<li><span class="key" data-series=${series}></span><span class="quiet">${texts.t(`overview.${series}`)}</span>
      <strong>${total === undefined ? "–" : texts.money(total)}</strong></li>`;
  })}</ul>`;
}

export function dailyTable(texts: Texts, days: readonly Day[]): TemplateResult {
  const moved = days.filter((day) => day.totals !== undefined).reverse();
  return html`
    <div class="scroll"><table>
      <thead><tr><th scope="col">${texts.t("overview.day")}</th>
        ${SERIES.map((series) => html`<th scope="col" class="number">${texts.t(`overview.${series}`)}</th>`)}</tr></thead>
      <tbody>${moved.map(
        (day) => html`<tr><th scope="row">${texts.day(day.date)}</th>
          ${SERIES.map((series) => html`<td class="number">${texts.money(amountOf(day.totals, series)) || "–"}</td>`)}</tr>`,
      )}</tbody>
    </table></div>
  `;
}

/** How many things there are on each day. */
export function countChart(
  texts: Texts,
  days: readonly { date: string; count: number }[],
  label: string,
  width: number,
): TemplateResult {
  const height = 130;
  const scale = scaleFor(
    days.map((day) => day.count),
    3,
  );
  const slots = bands(days.length, width, 0.25);
  const y = (value: number): number => 16 + (height - 40) * (1 - value / scale.max);
  const every = labelEvery(days.length, width, 54);
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label=${label}>
    ${days.map((day, place) => {
      const slot = slots[place] ?? { start: 0, width: 0 };
      const center = slot.start + slot.width / 2;
      const top = Math.min(y(day.count), y(0) - 2);
      return svg`${
        day.count > 0
          ? svg`<rect data-series="expiring" x=${slot.start} y=${top} width=${slot.width} height=${y(0) - top} rx="2" />
              <text x=${center} y=${top - 4} text-anchor="middle">${texts.number(day.count)}</text>`
          : nothing
      }${place % every === 0 ? svg`<text x=${center} y=${height - 6} text-anchor="middle">${texts.day(day.date)}</text>` : nothing}`;
    })}
    <line class="ground" x1="0" x2=${width} y1=${y(0)} y2=${y(0)} />
  </svg>`;
}
