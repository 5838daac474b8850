/** The fixed parts of sweep.html: the winner as text, and the frames that the script draws into. */
import type { SweepResult } from '../../sweep/result.js';
import { plural } from '../format.js';
import { describeObjective } from '../sweep-table.js';
import { escapeHtml } from './escape.js';
import { formatPageHeader, panel, scrolling } from './page.js';
import type { SweepPageData } from './sweep-data.js';

/** Title, what decides, and the controls that all panels share. */
export function formatSweepHeader(
  { recipe, rows, objective, tool }: SweepResult,
  { measures, settings }: SweepPageData,
): string {
  const failed = rows.filter(({ status }) => status === 'failed').length;
  const facts = [
    plural(rows.length, 'variant'),
    `the ${describeObjective(objective)} wins`,
    ...(failed === 0 ? [] : [`${failed} without metrics`]),
    tool,
  ];
  const choices = [
    ...(measures.length === 0 ? [] : ['<label>Metric <select id="metric"></select></label>']),
    // One value throughout tells no variants apart.
    ...(measures.length === 0 || !isVaried(settings) ? [] : ['<label>Colour by <select id="colour"></select></label>']),
  ];
  const controls = choices.join(' ');
  return `${formatPageHeader(`Sweep of ${recipe}`, facts.map(escapeHtml).join(' · '))}
<div class="toolbar">${controls}
<noscript>The pictures and tables need JavaScript; sweep.json and sweep.md have the same numbers.</noscript></div>`;
}

const isVaried = (settings: SweepPageData['settings']): boolean => settings.some(({ values }) => values.length > 1);

/** All panels that the data has something for. */
export function formatSweepPanels(result: SweepResult, { settings, measures }: SweepPageData): string {
  const metrics = measures.filter(({ kind }) => kind === 'metric').length;
  const varied = isVaried(settings);
  return [
    formatWinner(result),
    ...(varied && measures.length > 0 ? [AGAINST] : []),
    ...(varied && metrics > 1 ? [DOMAINS, FRONT] : []),
    ...(metrics > 0 && measures.some(({ kind }) => kind === 'geometry') ? [GEOMETRY] : []),
    ...(varied && measures.length > 0 ? [PARALLEL] : []),
    panel(
      'Variants',
      `<p class="muted small">★ wins, ◆ is not beaten: no other variant equals it in every metric and beats it in one.</p>
${scrolling('variants', 'numbers of each variant')}`,
      'long',
    ),
  ].join('\n');
}

function formatWinner({ best, best_recipe }: SweepResult): string {
  if (best === null || best_recipe === null) {
    return panel('Winner', '<p>None: no variant has the number that decides.</p>');
  }
  return panel(
    `Winner · ${escapeHtml(best)}`,
    `<div class="tiles" id="winner"></div>
<div class="controls"><button type="button" id="copy">Copy the recipe</button><span class="muted small" id="copied" aria-live="polite"></span></div>
<pre class="recipe" id="recipe" tabindex="0" aria-label="the winner's recipe">${escapeHtml(best_recipe)}</pre>`,
  );
}

const AGAINST = panel(
  'Metric against each setting',
  `<p class="muted small">One dot for each variant; lines join variants that differ in this setting alone.</p>
<div class="plot plots" id="against"></div>`,
);

const DOMAINS = panel(
  'Metrics side by side',
  `<div class="controls"><label>Setting <select id="domain-setting"></select></label>
<label>Variants <select id="domain-group"></select></label></div><div class="plot" id="domains"></div>`,
  'half',
);

const FRONT = panel(
  'Trade-off between two metrics',
  `<div class="controls"><label>Across <select id="front-x"></select></label>
<label>Up <select id="front-y"></select></label></div>
<p class="muted small">The line joins the Pareto front: what no other variant beats in both.</p>
<div class="plot" id="front"></div>`,
  'half',
);

const GEOMETRY = panel(
  'Geometry beside the metric',
  `<p class="muted small">Retained projection: how much of the experts the merge kept, their mean (1 is all).
Norm ratio: the merged change over the mean expert's. Rounding survival: changes that the written dtype did not undo.</p>
<div class="plot plots" id="geometry"></div>`,
);

const PARALLEL = panel(
  'All at once',
  `<p class="muted small">A line for each variant through its settings and numbers; up and down move between variants,
best first.</p><div class="scroll" tabindex="0" role="region" aria-label="parallel coordinates"><div class="plot wide" id="parallel"></div></div>`,
);
