/** The frame of every page: one file that opens offline, asks no server for anything and keeps names as text. */
import { embedJson, escapeHtml } from './escape.js';
import { SCRIPT_AXES } from './script-axes.js';
import { SCRIPT_CORE } from './script-core.js';
import { SCRIPT_SORTABLE } from './script-sortable.js';
import { PAGE_STYLE } from './style.js';

/** Nothing may be fetched, sent or framed; only what is written in the page itself runs. */
const CONTENT_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

export interface PageParts {
  /** Text of the title. */
  readonly title: string;
  /** HTML above the panels. */
  readonly header: string;
  /** HTML of the panels. */
  readonly panels: string;
  /** What the script finds as `data`. */
  readonly data: unknown;
  /** Script after what every page has. */
  readonly script: string;
}

/** The page as HTML text. Deterministic. */
export function formatPage({ title, header, panels, data, script }: PageParts): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${CONTENT_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
${header}
<main>
${panels}
</main>
<div id="tip" role="tooltip" hidden></div>
<script type="application/json" id="data">${embedJson(data)}</script>
<script>(() => {
'use strict';${SCRIPT_CORE}${SCRIPT_AXES}${SCRIPT_SORTABLE}${script}})();</script>
</body>
</html>
`;
}

/** Title, a line about it (HTML) and the button that switches light and dark. */
export function formatPageHeader(title: string, about: string): string {
  return `<header><div>
<h1>${escapeHtml(title)}</h1>
<p class="muted">${about}</p>
</div><button type="button" id="theme">Light / dark</button></header>`;
}

/** A panel; `heading` and `body` are HTML. */
export function panel(heading: string, body: string, kind = ''): string {
  return `<section class="panel ${kind}"><h2>${heading}</h2>${body}</section>`;
}

/** A frame that scrolls sideways, also by keyboard. */
export function scrolling(id: string, label: string): string {
  return `<div class="scroll" id="${id}" tabindex="0" role="region" aria-label="${label}"></div>`;
}
