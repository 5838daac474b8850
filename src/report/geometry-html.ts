/** geometry.html: the whole report as one page. */
import type { GeometryResult } from '../geometry/result.js';
import { formatPage } from './html/page.js';
import { makePageData } from './html/page-data.js';
import { formatDefinitions, formatFindings, formatHeader, formatPanels } from './html/panels.js';
import { SCRIPT_BARS } from './html/script-bars.js';
import { SCRIPT_HEAT_MAP } from './html/script-heat-map.js';
import { SCRIPT_LINES } from './html/script-lines.js';
import { SCRIPT_MERGE } from './html/script-merge.js';
import { SCRIPT_PAGE } from './html/script-page.js';
import { SCRIPT_SPECTRA } from './html/script-spectra.js';
import { SCRIPT_TABLE } from './html/script-table.js';

const SCRIPT = [
  SCRIPT_HEAT_MAP,
  SCRIPT_LINES,
  SCRIPT_BARS,
  SCRIPT_TABLE,
  SCRIPT_MERGE,
  SCRIPT_SPECTRA,
  SCRIPT_PAGE,
].join('');

/** The page as HTML text. Deterministic; findings and definitions are readable without its script. */
export function formatGeometryHtml(result: GeometryResult): string {
  return formatPage({
    title: `Geometry around ${result.base}`,
    header: `${formatHeader(result)}
<div class="toolbar"><label>Scope <select id="scope"></select></label>
<noscript>The pictures and tables need JavaScript; geometry.json and geometry.md have the same numbers.</noscript></div>`,
    panels: [
      formatFindings(result.findings),
      formatPanels({
        hasPairs: result.experts.length > 1,
        hasMerge: Object.keys(result.merge_accounting).length > 0,
        hasSpectra: result.global.spectral !== undefined,
      }),
      formatDefinitions(),
    ].join('\n'),
    data: makePageData(result),
    script: SCRIPT,
  });
}
