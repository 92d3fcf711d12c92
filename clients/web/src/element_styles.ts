import { css } from "lit";

/** The section's own frame; everything in it is a part. */
export const frame = css`
  :host {
    display: block;
    container-type: inline-size;
  }
  :host([hidden]) {
    display: none;
  }
  article.payment {
    display: grid;
    gap: 14px;
    padding: 18px 20px;
    border: 1px solid var(--border);
    border-radius: calc(var(--radius) + 2px);
    background: var(--surface);
    outline-offset: 3px;
  }
  /* Words of the other direction on a page that runs from right to left: each sentence keeps its own order. */
  article[dir="rtl"][data-words="ltr"] :is(h2, h3, p, dt, dd, button, label, span) {
    unicode-bidi: plaintext;
    text-align: right;
  }
  header {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: space-between;
    gap: 6px 12px;
  }
  .summary {
    font-size: 15px;
  }
  .foot {
    display: grid;
    gap: 14px;
    padding-block-start: 14px;
    border-block-start: 1px solid var(--border);
  }
  .skeleton {
    block-size: 96px;
    border-radius: var(--radius);
    background: var(--sunken);
  }
  @container (inline-size < 340px) {
    article.payment {
      padding: 14px;
    }
    .actions {
      display: grid;
    }
    .actions [data-action="REFRESH"]:not(:first-child) {
      margin-inline-start: 0;
    }
    .why dl {
      grid-template-columns: 1fr;
      gap: 2px;
    }
    .why dd {
      margin-block-end: 8px;
    }
  }
`;
