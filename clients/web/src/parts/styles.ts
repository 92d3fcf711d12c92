import { css } from "lit";

/**
 * Colours, measures and letters. Each may be set from outside by the custom property of the same name with the prefix
 * `--payment-actions-`; see docs/web-component.md. `light-dark` follows the page's own `color-scheme`.
 */
export const tokens = css`
  :host {
    --font: var(--payment-actions-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif);
    --text: var(--payment-actions-text, light-dark(#1b1f27, #e7e9ee));
    --muted: var(--payment-actions-muted, light-dark(#5a6272, #a1a9b8));
    --surface: var(--payment-actions-surface, light-dark(#fff, #16191f));
    --sunken: var(--payment-actions-sunken, light-dark(#f5f6f8, #1e222a));
    --border: var(--payment-actions-border, light-dark(#dfe2e8, #333945));
    --accent: var(--payment-actions-accent, light-dark(#2b50d8, #8ba6ff));
    --on-accent: var(--payment-actions-on-accent, light-dark(#fff, #10131a));
    --good: var(--payment-actions-good, light-dark(#11703f, #6fd3a0));
    --warn: var(--payment-actions-warn, light-dark(#8a5300, #f0b95c));
    --bad: var(--payment-actions-bad, light-dark(#b3261e, #ff9a90));
    --back: var(--payment-actions-back, light-dark(#6b3fa0, #c8a6f5));
    --radius: var(--payment-actions-radius, 8px);
    font: 14px/1.5 var(--font);
    color: var(--text);
  }
  :host([theme="light"]) {
    color-scheme: light;
  }
  :host([theme="dark"]) {
    color-scheme: dark;
  }
  :host([theme="auto"]) {
    color-scheme: light dark;
  }
`;

/** How the parts look. A shadow root that draws them adopts both sheets. */
export const styles = css`
  *,
  *::before {
    box-sizing: border-box;
  }
  h2,
  h3,
  p,
  ol,
  dl,
  dd {
    margin: 0;
    padding: 0;
  }
  h2,
  h3 {
    font: 600 15px/1.4 var(--font);
    letter-spacing: -0.005em;
  }
  h3 {
    font-size: 13px;
  }
  .muted,
  .said,
  i {
    color: var(--muted);
    font-size: 13px;
    font-style: normal;
  }
  .said {
    display: block;
    overflow-wrap: anywhere;
  }
  .money {
    font-weight: 600;
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
  }
  .hidden {
    position: absolute;
    inline-size: 1px;
    block-size: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }

  .chip {
    --tone: var(--muted);
    display: inline-flex;
    align-items: center;
    gap: 6px;
    flex: none;
    padding: 1px 9px;
    border-radius: 99px;
    background: color-mix(in srgb, var(--tone) 11%, transparent);
    color: var(--tone);
    font-size: 12px;
    font-weight: 600;
    line-height: 20px;
    white-space: nowrap;
  }
  .chip::before {
    content: "";
    inline-size: 6px;
    block-size: 6px;
    border-radius: 50%;
    background: currentColor;
  }
  .chip[data-tone="open"] {
    --tone: var(--accent);
  }
  .chip[data-tone="good"] {
    --tone: var(--good);
  }
  .chip[data-tone="back"] {
    --tone: var(--back);
  }
  .chip[data-tone="bad"] {
    --tone: var(--bad);
  }
  .chip[data-tone="waiting"] {
    --tone: var(--warn);
  }

  button,
  input,
  textarea {
    font: inherit;
    color: inherit;
  }
  button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    min-block-size: 36px;
    padding: 6px 14px;
    border: 1px solid var(--border);
    border-radius: var(--radius);
    background: var(--surface);
    font-weight: 550;
    cursor: pointer;
    transition:
      background 0.12s,
      border-color 0.12s;
  }
  button:hover {
    background: var(--sunken);
    border-color: color-mix(in srgb, var(--border), var(--text) 25%);
  }
  button.primary {
    border-color: transparent;
    background: var(--accent);
    color: var(--on-accent);
  }
  button.primary:hover {
    background: color-mix(in srgb, var(--accent), var(--text) 15%);
  }
  dialog button.primary:is([data-action="VOID"], [data-action="REFUND"]) {
    background: var(--bad);
  }
  button[aria-disabled] {
    opacity: 0.55;
    cursor: progress;
  }
  button.link {
    min-block-size: 32px;
    padding: 2px 0;
    border: 0;
    background: none;
    color: var(--accent);
  }
  button.link:hover {
    text-decoration: underline;
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }

  .actions,
  .choices {
    display: flex;
    flex-wrap: wrap;
    gap: 8px;
  }
  .actions [data-action="REFRESH"]:not(:first-child) {
    margin-inline-start: auto;
  }

  .panel {
    --tone: var(--accent);
    position: relative;
    padding: 10px 14px;
    border-radius: var(--radius);
    border-inline-start: 3px solid var(--tone);
    background: color-mix(in srgb, var(--tone) 7%, transparent);
  }
  .panel .what {
    font-weight: 550;
    padding-inline-end: 28px;
  }
  .panel[data-tone="busy"] .what {
    display: flex;
  }
  .panel[data-tone="busy"] .what::before {
    margin-block-start: 4px;
  }
  .panel .then {
    color: var(--muted);
    font-variant-numeric: tabular-nums;
  }
  .panel .choices:has(:not(.close)) {
    margin-block-start: 8px;
  }
  .panel .close {
    position: absolute;
    inset-block-start: 6px;
    inset-inline-end: 6px;
    min-block-size: 28px;
    inline-size: 28px;
    padding: 0;
    border-color: transparent;
    background: none;
    color: var(--muted);
    font-size: 18px;
    line-height: 1;
  }
  .panel[data-tone="good"] {
    --tone: var(--good);
  }
  .panel:is([data-tone="warn"], [data-tone="review"]) {
    --tone: var(--warn);
  }
  .panel[data-tone="bad"] {
    --tone: var(--bad);
  }
  .panel[data-tone="busy"] .what::before,
  .spinner {
    content: "";
    display: inline-block;
    flex: none;
    inline-size: 14px;
    block-size: 14px;
    margin-inline-end: 8px;
    border: 2px solid color-mix(in srgb, currentColor 25%, transparent);
    border-block-start-color: currentColor;
    border-radius: 50%;
    vertical-align: -2px;
    animation: turn 0.9s linear infinite;
  }
  .spinner {
    margin: 0;
  }
  @keyframes turn {
    to {
      transform: rotate(1turn);
    }
  }
  @media (prefers-reduced-motion: reduce) {
    .panel .what::before,
    .spinner {
      animation-duration: 6s;
    }
    button {
      transition: none;
    }
  }

  .why summary {
    inline-size: fit-content;
    border-radius: 4px;
    color: var(--muted);
    font-size: 13px;
    cursor: pointer;
  }
  .why .count {
    margin-inline-start: 4px;
    padding: 0 7px;
    border-radius: 99px;
    background: var(--sunken);
    font-size: 12px;
  }
  .why dl {
    display: grid;
    grid-template-columns: max-content 1fr;
    gap: 6px 16px;
    margin-block-start: 8px;
    padding: 10px 14px;
    border-radius: var(--radius);
    background: var(--sunken);
    font-size: 13px;
  }
  .why dt {
    font-weight: 550;
  }
  .why dd {
    min-inline-size: 0;
  }

  .store {
    display: flex;
    gap: 8px;
    font-size: 13px;
    color: var(--muted);
    flex-wrap: wrap;
  }
  .store::before {
    content: "";
    flex: none;
    align-self: start;
    inline-size: 7px;
    block-size: 7px;
    margin-block-start: 6px;
    border-radius: 50%;
    background: var(--muted);
  }
  .store > :first-child {
    flex: 1;
  }
  .store .said {
    flex-basis: 100%;
    padding-inline-start: 15px;
  }
  .store[data-tone="good"]::before {
    background: var(--good);
  }
  .store[data-tone="warn"] {
    color: var(--warn);
  }
  .store[data-tone="warn"]::before {
    background: var(--warn);
  }

  .history ol {
    list-style: none;
    margin-block-start: 10px;
  }
  .history li {
    --tone: var(--border);
    position: relative;
    padding-inline-start: 22px;
    padding-block-end: 14px;
  }
  .history li::before {
    content: "";
    position: absolute;
    inset-block-start: 5px;
    inset-inline-start: 0;
    inline-size: 11px;
    block-size: 11px;
    border: 2px solid var(--tone);
    border-radius: 50%;
    background: var(--surface);
  }
  .history li:not(:last-child)::after {
    content: "";
    position: absolute;
    inset-block: 18px -4px;
    inset-inline-start: 5px;
    inline-size: 1px;
    background: var(--border);
  }
  .history li[data-tone="good"] {
    --tone: var(--good);
  }
  .history li[data-tone="warn"] {
    --tone: var(--warn);
  }
  .history .event {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 2px 10px;
    font-weight: 550;
  }
  .history .note {
    margin-block-start: 2px;
    overflow-wrap: anywhere;
  }

  dialog.confirm {
    inline-size: min(420px, calc(100vw - 32px));
    padding: 0;
    border: 1px solid var(--border);
    border-radius: calc(var(--radius) + 4px);
    background: var(--surface);
    color: var(--text);
    box-shadow: 0 16px 48px rgb(0 0 0 / 0.28);
  }
  dialog.confirm::backdrop {
    background: rgb(10 12 18 / 0.45);
  }
  dialog form {
    display: grid;
    gap: 14px;
    padding: 22px;
  }
  dialog h3 {
    font-size: 16px;
  }
  dialog .amount {
    font-size: 28px;
    line-height: 1.2;
    letter-spacing: -0.02em;
  }
  dialog label {
    display: grid;
    gap: 4px;
    font-size: 13px;
    font-weight: 550;
  }
  dialog label span {
    display: flex;
    justify-content: space-between;
    gap: 8px;
  }
  dialog label i {
    font-weight: 400;
  }
  dialog :is(input, textarea) {
    inline-size: 100%;
    padding: 8px 10px;
    border: 1px solid color-mix(in srgb, var(--border), var(--text) 30%);
    border-radius: var(--radius);
    background: var(--surface);
    font-size: 14px;
    font-weight: 400;
    resize: vertical;
  }
  dialog input[aria-invalid] {
    border-color: var(--bad);
  }
  dialog .error {
    color: var(--bad);
    font-weight: 400;
  }
  dialog .error:empty {
    display: none;
  }
  dialog .choices {
    justify-content: end;
    margin-block-start: 4px;
  }
`;
