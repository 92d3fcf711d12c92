/** Where things stand in a chart. Pure. */

export interface Scale {
  readonly max: number;
  readonly ticks: readonly number[];
}

const STEPS = [1, 2, 2.5, 5, 10];

/** A scale from zero with few round ticks, that holds the largest value. */
export function scaleFor(values: Iterable<number>, ticksWanted = 4): Scale {
  const largest = Math.max(0, ...values);
  if (largest === 0) return { max: 1, ticks: [0] };
  const rough = largest / ticksWanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = (STEPS.find((one) => one * power >= rough) ?? 10) * power;
  const count = Math.ceil(largest / step - 1e-9);
  return { max: count * step, ticks: Array.from({ length: count + 1 }, (_, place) => place * step) };
}

export interface Band {
  readonly start: number;
  readonly width: number;
}

/** The place of each of `count` things side by side, with a gap of so large a share between them. */
export function bands(count: number, width: number, gapShare = 0.3): Band[] {
  const step = count === 0 ? 0 : width / count;
  return Array.from({ length: count }, (_, place) => ({
    start: place * step + (step * gapShare) / 2,
    width: step * (1 - gapShare),
  }));
}

/** Every how-many-th label there is room for. */
export function labelEvery(count: number, width: number, labelWidth: number): number {
  return Math.max(1, Math.ceil((count * labelWidth) / Math.max(width, 1)));
}

/** The day before and after, as "2026-11-25", in UTC like the service's days. */
export function dayPlus(day: string, days: number): string {
  const time = new Date(`${day}T00:00:00Z`);
  time.setUTCDate(time.getUTCDate() + days);
  return time.toISOString().slice(0, 10);
}

/** The last `count` days up to `last`, oldest first: a day on which nothing happened is a day, too. */
export function daysUpTo(last: string, count: number): string[] {
  return Array.from({ length: count }, (_, place) => dayPlus(last, place + 1 - count));
}
