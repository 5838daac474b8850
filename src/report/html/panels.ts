/** The fixed parts of geometry.html: findings and definitions as text, and the frames that the script draws into. */
import { formatCount } from '../../geometry/number-text.js';
import type { Finding, GeometryResult } from '../../geometry/result.js';
import { plural } from '../format.js';
import { METRIC_GROUPS } from '../geometry-group-metrics.js';
import { escapeHtml } from './escape.js';
import { formatPageHeader, panel, scrolling } from './page.js';
import { formatSpectraPanel } from './spectra-panel.js';

/** Title, group and the button that switches light and dark. */
export function formatHeader(result: GeometryResult): string {
  const experts = result.experts.map(escapeHtml).join(', ');
  return formatPageHeader(
    `Geometry of ${plural(result.experts.length, 'expert')} around ${result.base}`,
    `${experts} · ${formatCount(result.global.parameters)} parameters · ${escapeHtml(result.tool)}`,
  );
}

/** Findings, the most severe first as they come. */
export function formatFindings(findings: readonly Finding[]): string {
  const items = findings.map(
    ({ level, title, evidence, advice }) => `<li class="${level}">
<p><span class="level">${level}</span> <strong>${escapeHtml(title)}</strong></p>
<p class="muted">${escapeHtml(evidence)}</p>
<p>${escapeHtml(advice)}</p></li>`,
  );
  const body =
    items.length === 0 ? '<p>None: no number crosses a threshold.</p>' : `<ul class="findings">${items.join('')}</ul>`;
  return panel('Findings', body);
}

/** What a geometry can be without, and its page then too. */
export interface PanelChoice {
  readonly hasPairs: boolean;
  readonly hasSpectra: boolean;
  readonly hasMerge: boolean;
}

const formatMergePanel = (): string =>
  panel(
    'Merge',
    '<div class="controls"><label>Merge <select id="merge"></select></label></div>' +
      '<div class="plot" id="merge-plot"></div>',
  );

/** Frames of the panels, with the controls of each. */
export function formatPanels({ hasPairs, hasSpectra, hasMerge }: PanelChoice): string {
  const scopeTitle = '<span class="muted" data-scope-title></span>';
  return [
    panel(
      `Experts · ${scopeTitle}`,
      `${scrolling('experts', 'numbers of each expert')}
${hasPairs ? `<h3>Pairs · ${scopeTitle}</h3>${scrolling('pairs', 'numbers of each pair')}` : ''}
<p class="muted small">The heads explain themselves: formula, value by chance and source.
– stands for a value that does not exist.</p>`,
    ),
    heatPanel('left', scopeTitle),
    heatPanel('right', scopeTitle),
    panel(
      'Over the layers',
      `<div class="controls"><label>Metric <select id="metric-lines"></select></label></div>
<p class="muted small" id="lines-note"></p><div class="plot" id="lines"></div>
<p class="muted small">Choosing a layer in the picture makes it the scope of the other panels.
A dashed line is the value by chance.</p>`,
    ),
    panel(
      'Displacement by layer and module',
      `<div class="controls"><label>Expert <select id="map-expert"></select></label></div>
<p class="muted small">Share of ‖τ‖² over share of parameters: 1 where the update is spread evenly,
2 where it is twice as dense.</p>
<div class="plot" id="map"></div>`,
    ),
    ...(hasSpectra ? [formatSpectraPanel(scopeTitle, hasPairs)] : []),
    panel(
      `Changed by how many · ${scopeTitle}`,
      `<p class="muted small">Elements by the number of experts that changed them. Beyond one, experts can conflict.</p>
<div class="plot" id="overlap"></div><p class="muted small" id="group-numbers"></p>`,
      'half',
    ),
    panel(
      `Size of changes in ULPs · ${scopeTitle}`,
      `<p class="muted small">Share of an expert's changes. Averaged with others,
changes of one step round back to the base.</p>
<div class="plot" id="ulps"></div>`,
      'half',
    ),
    ...(hasMerge ? [formatMergePanel()] : []),
    panel(
      'Tensors',
      `<div class="controls">
<label>Filter <input id="tensor-filter" type="search" placeholder="name or module" autocomplete="off"></label>
<label>Expert <select id="tensor-expert"></select></label><label>Pair <select id="tensor-pair"></select></label></div>
<p class="muted small" id="tensor-count" aria-live="polite"></p>${scrolling('tensors', 'numbers of each tensor')}
<p><button type="button" id="more" hidden></button></p>`,
      'long',
    ),
  ].join('\n');
}

function heatPanel(side: 'left' | 'right', scopeTitle: string): string {
  return panel(
    `Pairs of experts · ${scopeTitle}`,
    `<div class="controls"><label>Metric <select id="metric-${side}"></select></label></div>
<div class="plot" id="heat-${side}"></div>`,
    'half',
  );
}

/** What each number means, closed at first. */
export function formatDefinitions(): string {
  const tables = METRIC_GROUPS.map(([title, metrics]) => {
    const rows = Object.values(metrics).map((metric) => {
      const cells = [metric.label, metric.formula, metric.chance, metric.source];
      return `<tr>${cells.map((text) => `<td>${escapeHtml(text)}</td>`).join('')}</tr>`;
    });
    const head = '<tr><th>number</th><th>formula</th><th>by chance</th><th>source</th></tr>';
    return `<h3>${title}</h3><div class="scroll">
<table class="definitions"><thead>${head}</thead><tbody>${rows.join('')}</tbody></table></div>`;
  });
  const summary = '<summary>What the numbers mean: formulas, values by chance, sources</summary>';
  const note = '<p class="muted small">τ is an expert minus the base on stored values, in float64.</p>';
  return `<section class="panel long"><details>${summary}${note}${tables.join('')}</details></section>`;
}
