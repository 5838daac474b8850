/** geometry.html: the whole report in one file that opens offline, asks no server for anything and keeps names as text. */
import type { GeometryResult } from '../geometry/result.js';
import { embedJson, escapeHtml } from './html/escape.js';
import { makePageData } from './html/page-data.js';
import { formatDefinitions, formatFindings, formatHeader, formatPanels } from './html/panels.js';
import { SCRIPT_BARS } from './html/script-bars.js';
import { SCRIPT_CORE } from './html/script-core.js';
import { SCRIPT_HEAT_MAP } from './html/script-heat-map.js';
import { SCRIPT_LINES } from './html/script-lines.js';
import { SCRIPT_MERGE } from './html/script-merge.js';
import { SCRIPT_PAGE } from './html/script-page.js';
import { SCRIPT_TABLE } from './html/script-table.js';
import { PAGE_STYLE } from './html/style.js';

/** Nothing may be fetched, sent or framed; only what is written in the page itself runs. */
const CONTENT_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const SCRIPT = [
  ...[SCRIPT_CORE, SCRIPT_HEAT_MAP, SCRIPT_LINES, SCRIPT_BARS],
  ...[SCRIPT_TABLE, SCRIPT_MERGE, SCRIPT_PAGE],
].join('');

/** The page as HTML text. Deterministic; findings and definitions are readable without its script. */
export function formatGeometryHtml(result: GeometryResult): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${CONTENT_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>Geometry around ${escapeHtml(result.base)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
${formatHeader(result)}
<div class="toolbar"><label>Scope <select id="scope"></select></label>
<noscript>The pictures and tables need JavaScript; geometry.json and geometry.md have the same numbers.</noscript></div>
<main>
${formatFindings(result.findings)}
${formatPanels(Object.keys(result.merge_accounting).length > 0)}
${formatDefinitions()}
</main>
<div id="tip" role="tooltip" hidden></div>
<script type="application/json" id="data">${embedJson(makePageData(result))}</script>
<script>(() => {
'use strict';${SCRIPT}})();</script>
</body>
</html>
`;
}
