/** sweep.html: what a sweep found as one page, with the winner's recipe ready to copy. */
import type { SweepResult } from '../sweep/result.js';
import { formatPage } from './html/page.js';
import { SCRIPT_SWEEP_PAGE } from './html/script-sweep-page.js';
import { SCRIPT_SWEEP_PLOTS } from './html/script-sweep-plots.js';
import { makeSweepPageData } from './html/sweep-data.js';
import { formatSweepHeader, formatSweepPanels } from './html/sweep-panels.js';

/** The page as HTML text. Deterministic; the winner and its recipe are readable without its script. */
export function formatSweepHtml(result: SweepResult): string {
  const data = makeSweepPageData(result);
  return formatPage({
    title: `Sweep of ${result.recipe}`,
    header: formatSweepHeader(result, data),
    panels: formatSweepPanels(result, data),
    data,
    script: SCRIPT_SWEEP_PLOTS + SCRIPT_SWEEP_PAGE,
  });
}
