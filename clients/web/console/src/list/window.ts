/** Which rows of a long list are worth drawing. */

export interface View {
  readonly top: number;
  readonly height: number;
}

export interface Range {
  readonly first: number;
  /** One past the last. */
  readonly end: number;
}

/** Rows drawn beyond what is seen, so that a quick scroll meets rows and not white. */
export const OVERSCAN = 12;

export function visibleRange(view: View, rowHeight: number, count: number, overscan = OVERSCAN): Range {
  const first = Math.floor(Math.max(0, view.top) / rowHeight) - overscan;
  const end = Math.ceil((Math.max(0, view.top) + view.height) / rowHeight) + overscan;
  return { first: clamp(first, 0, count), end: clamp(end, 0, count) };
}

/** Whether the reader has come so near the end of what is loaded that more should be on its way. */
export function wantsMore(view: View, rowHeight: number, loaded: number, screensAhead = 6): boolean {
  return view.top + view.height * (1 + screensAhead) >= loaded * rowHeight;
}

/** Where to scroll so that a row is wholly seen; null: it is. */
export function scrollTo(row: number, view: View, rowHeight: number): number | null {
  const top = row * rowHeight;
  if (top < view.top) return top;
  if (top + rowHeight > view.top + view.height) return top + rowHeight - view.height;
  return null;
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
