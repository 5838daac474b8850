/** geometry.md: findings first, then the tables of the whole model, its layers and modules, then what each number means. */
import { expertPairs } from '../geometry/expert-pairs.js';
import { formatCount, formatMeasure } from '../geometry/number-text.js';
import type { Finding, GeometryResult, MergeAccounting, ScopeGeometry } from '../geometry/result.js';
import { escapeMarkdown } from './escape-markdown.js';
import { plural } from './format.js';
import { MERGE_METRICS, METRIC_GROUPS, REMOVED_METRICS } from './geometry-group-metrics.js';
import {
  EXPERT_METRICS,
  type ExpertMetricKey,
  formatMetric,
  PAIR_METRICS,
  type PairMetricKey,
} from './geometry-metrics.js';
import { compareNames, orderModules } from './geometry-order.js';
import { spectralExpertTable, spectralPairTable } from './geometry-spectral-metrics.js';

const EXPERT_COLUMNS: readonly ExpertMetricKey[] = [
  ...(['changed_fraction', 'changed_fraction_relative', 'changed_fraction_absolute', 'norm'] as const),
  ...(['relative_norm', 'max_abs', 'energy_top_1_percent', 'energy_top_20_percent'] as const),
  ...(['low_magnitude_lift', 'unique', 'shared'] as const),
];
const PAIR_COLUMNS: readonly PairMetricKey[] = [
  ...(['cosine', 'sign_flip_z', 'jaccard', 'jaccard_null_independent', 'jaccard_null_exponent'] as const),
  ...(['jaccard_lift', 'sign_conflict_on_overlap', 'cosine_on_overlap', 'distance', 'norm_ratio'] as const),
];
/** What the tables over layers and modules show, one table for each. */
const SCOPE_EXPERT_TABLES: readonly ExpertMetricKey[] = ['changed_fraction', 'displacement_ratio'];
const SCOPE_PAIR_TABLES: readonly PairMetricKey[] = ['cosine', 'jaccard_lift'];

/** The report as Markdown. Names are escaped; the text ends with a newline. */
export function formatGeometryMarkdown(result: GeometryResult): string {
  const experts = result.experts.map(escapeMarkdown).join(', ');
  const sections = [
    `# Geometry of ${plural(result.experts.length, 'expert')} around ${escapeMarkdown(result.base)}`,
    `Experts: ${experts}. ${formatCount(result.global.parameters)} parameters. Measured by ${escapeMarkdown(result.tool)}.`,
    '## Findings',
    ...formatFindings(result.findings),
    '## Whole model',
    ...formatGlobal(result),
    ...formatProjection(result),
    ...formatSpectra(result),
    ...Object.entries(result.merge_accounting).flatMap(([merge, accounting]) =>
      formatAccounting(result.experts, merge, accounting),
    ),
    ...formatScopes('Layers', 'layer', result.experts, result.layers, Object.keys(result.layers).sort(compareNames)),
    ...formatScopes('Modules', 'module', result.experts, result.modules, orderModules(Object.keys(result.modules))),
    ...formatDefinitions(),
  ];
  return `${sections.join('\n\n')}\n`;
}

function formatFindings(findings: readonly Finding[]): string[] {
  if (findings.length === 0) return ['None: no number crosses a threshold.'];
  return [
    findings
      .map(
        ({ level, title, evidence, advice }) =>
          `- **${level}: ${escapeMarkdown(title)}.** ${escapeMarkdown(evidence)}. ${escapeMarkdown(advice)}`,
      )
      .join('\n'),
  ];
}

function formatGlobal({ experts, global }: GeometryResult): string[] {
  const pairs = expertPairs(experts);
  const expertRows = experts.map((name) => [
    escapeMarkdown(name),
    ...EXPERT_COLUMNS.map((key) => formatMetric(EXPERT_METRICS[key].unit, global.experts[name]?.[key])),
  ]);
  const pairRows = pairs.map(({ key: pair, first, second }) => [
    escapeMarkdown(`${first} – ${second}`),
    ...PAIR_COLUMNS.map((key) => formatMetric(PAIR_METRICS[key].unit, global.pairs[pair]?.[key])),
  ]);
  const changed = global.changed_by_k;
  const overlapRows = changed.map((count, k) => [
    `${k}`,
    formatCount(count),
    formatMetric('share', count / global.parameters),
  ]);
  const cancelled = formatMetric('share', global.exact_cancellation_on_overlap);
  return [
    '### Experts',
    formatTable(['expert', ...EXPERT_COLUMNS.map((key) => EXPERT_METRICS[key].label)], expertRows),
    ...(pairs.length === 0
      ? []
      : ['### Pairs', formatTable(['pair', ...PAIR_COLUMNS.map((key) => PAIR_METRICS[key].label)], pairRows)]),
    '### Overlap',
    formatTable(['changed by', 'elements', 'share'], overlapRows),
    `Exact cancellation on the overlap: ${cancelled}. Conflict mass: ${formatMetric('share', global.conflict_mass)}.`,
  ];
}

function formatSpectra({ experts, global: { spectral } }: GeometryResult): string[] {
  if (spectral === undefined) return [];
  const { header, rows } = spectralExpertTable(spectral, experts);
  const pairs = spectralPairTable(spectral, experts);
  return [
    '### Spectra',
    `Of ${formatCount(spectral.matrices)} matrices, by a randomised decomposition in float64.`,
    formatTable(
      ['expert', ...header],
      rows.map(([name, ...cells]) => [escapeMarkdown(name!), ...cells]),
    ),
    ...(pairs.rows.length === 0
      ? []
      : [
          formatTable(
            ['pair', ...pairs.header],
            pairs.rows.map(({ first, second, cells }) => [escapeMarkdown(`${first} – ${second}`), ...cells]),
          ),
        ]),
  ];
}

function formatProjection({ experts, global, projection }: GeometryResult): string[] {
  if (projection === undefined) return [];
  const rows = expertPairs(experts).map(({ key, first, second }) => [
    escapeMarkdown(`${first} – ${second}`),
    formatMetric('milli', projection.cosine[key]),
    formatMetric('milli', global.pairs[key]?.cosine),
  ]);
  return [
    '### Random projection',
    `To ${projection.dimensions} dimensions, for comparison with M2RL: each cosine has a standard error of ` +
      `${formatMeasure(1000 * projection.standard_error)}e-3.`,
    formatTable(['pair', 'projected cosine × 10³', 'exact × 10³'], rows),
  ];
}

const MERGE_COLUMNS = ['retained_projection', 'retained_projection_after_rounding', 'direction_retention'] as const;
const REMOVED_COLUMNS = ['trimmed', 'outvoted', 'cancelled'] as const;

function formatAccounting(experts: readonly string[], merge: string, accounting: MergeAccounting): string[] {
  const { updated_coordinates: updated, lost_to_rounding: lost } = accounting;
  const rows = experts.map((name) => [
    escapeMarkdown(name),
    ...MERGE_COLUMNS.map((key) => formatMetric(MERGE_METRICS[key].unit, accounting[key][name])),
    ...REMOVED_COLUMNS.map((key) => formatMetric(REMOVED_METRICS[key].unit, accounting.removed[name]?.[key])),
  ]);
  return [
    `## Merge: ${escapeMarkdown(merge)}`,
    `Rounding survival ${formatMetric('share', accounting.rounding_survival)} ` +
      `(${formatCount(lost)} of ${formatCount(updated)} updated elements are written equal to the base). ` +
      `Norm ratio ${formatMetric('ratio', accounting.norm_ratio)}. ` +
      `‖Δ‖ ${formatMetric('measure', accounting.delta_norm)}, as written ${formatMetric('measure', accounting.delta_norm_after_rounding)}. ` +
      `${plural(accounting.non_finite, 'non-finite value')}.`,
    formatTable(
      [
        'expert',
        ...MERGE_COLUMNS.map((key) => MERGE_METRICS[key].label),
        ...REMOVED_COLUMNS.map((key) => REMOVED_METRICS[key].label),
      ],
      rows,
    ),
  ];
}

function formatScopes(
  title: string,
  heading: string,
  experts: readonly string[],
  scopes: Readonly<Record<string, ScopeGeometry>>,
  names: readonly string[],
): string[] {
  if (names.length === 0) return [];
  const pairs = expertPairs(experts);
  const table = (columns: readonly string[], cell: (scope: ScopeGeometry, column: number) => string): string =>
    formatTable(
      [heading, 'parameters', ...columns],
      names.map((name) => [
        escapeMarkdown(name),
        formatCount(scopes[name]!.parameters),
        ...columns.map((_, column) => cell(scopes[name]!, column)),
      ]),
    );
  const expertTables = SCOPE_EXPERT_TABLES.flatMap((key) => [
    `### ${title}: ${EXPERT_METRICS[key].label}`,
    table(experts.map(escapeMarkdown), (scope, i) =>
      formatMetric(EXPERT_METRICS[key].unit, scope.experts[experts[i]!]?.[key]),
    ),
  ]);
  const pairTables = SCOPE_PAIR_TABLES.flatMap((key) => [
    `### ${title}: ${PAIR_METRICS[key].label}`,
    table(
      pairs.map(({ first, second }) => escapeMarkdown(`${first} – ${second}`)),
      (scope, i) => formatMetric(PAIR_METRICS[key].unit, scope.pairs[pairs[i]!.key]?.[key]),
    ),
  ]);
  return [`## ${title}`, ...expertTables, ...(pairs.length === 0 ? [] : pairTables)];
}

function formatDefinitions(): string[] {
  return [
    '## What the numbers mean',
    'τ is an expert minus the base on stored values, in float64; – stands for a value that does not exist.',
    ...METRIC_GROUPS.flatMap(([title, metrics]) => [
      `### ${title}`,
      formatTable(
        ['number', 'formula', 'by chance', 'source'],
        Object.values(metrics).map(({ label, formula, chance, source }) =>
          [label, formula, chance, source].map(escapeMarkdown),
        ),
        0,
      ),
    ]),
  ];
}

/** A table; columns from the second on are right-aligned unless `leftColumns` says that none is. */
function formatTable(header: readonly string[], rows: readonly (readonly string[])[], leftColumns = 1): string {
  const rule = header.map((_, column) => (leftColumns === 0 || column < leftColumns ? '---' : '---:'));
  return [header, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
