/** The geometry on one screen: findings, small tables, and heat maps of cosines and lifts. 80 to 100 columns wide. */
import { expertPairs } from '../geometry/expert-pairs.js';
import { formatCount, formatMeasure } from '../geometry/number-text.js';
import type { ExpertGeometry, Finding, FindingLevel, GeometryResult, MergeAccounting } from '../geometry/result.js';
import { shortNames } from './distinct-names.js';
import { alignColumns, plural } from './format.js';
import { MERGE_METRICS, REMOVED_METRICS } from './geometry-group-metrics.js';
import {
  EXPERT_METRICS,
  type ExpertMetricKey,
  formatMetric,
  PAIR_METRICS,
  type PairMetricKey,
} from './geometry-metrics.js';
import { spectralExpertTable, spectralPairTable } from './geometry-spectral-metrics.js';
import { formatHeatMaps } from './geometry-terminal-heat-map.js';
import { type Layout, NAME_WIDTH, PAIR_NAME_WIDTH } from './geometry-terminal-layout.js';
import { printable, shorten, wrap } from './text-layout.js';

/** Columns of the summary: as many as lines are easy to read at, and as its tables need. */
export const MOST_WIDTH = 100;
export const LEAST_WIDTH = 80;
/** Rows of a table, so that a large group still fits a screen; the heat maps have every pair. */
const MOST_ROWS = 8;

const LEVEL_COLOURS: { readonly [L in FindingLevel]: string } = { problem: '31', warning: '33', note: '36' };

const EXPERT_COLUMNS: readonly ExpertMetricKey[] = [
  ...(['changed_fraction', 'norm', 'relative_norm', 'energy_top_20_percent', 'low_magnitude_lift'] as const),
];
/** Cosine and lift are in the heat maps. */
const PAIR_COLUMNS: readonly PairMetricKey[] = [
  ...(['sign_flip_z', 'jaccard', 'jaccard_null_independent', 'jaccard_null_exponent'] as const),
  'sign_conflict_on_overlap',
];

/**
 * The summary, lines separated by newlines. With `colour` false it holds no escape sequence. `columns` are those of the
 * terminal, if it goes to one.
 */
export function formatGeometryTerminal(result: GeometryResult, colour: boolean, columns = MOST_WIDTH): string {
  const width = Math.max(LEAST_WIDTH, Math.min(MOST_WIDTH, columns));
  const paint = (code: string, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const heading = (text: string): string[] => ['', paint('1', text)];
  const layout: Layout = { width, shortName: shortNames(result.experts) };
  const title = `Geometry of ${plural(result.experts.length, 'expert')} around ${shorten(printable(result.base), 40)}`;
  const pairs = expertPairs(result.experts);
  const lines = [
    paint('1', `${title}, ${formatCount(result.global.parameters)} parameters`),
    ...heading('Findings'),
    ...formatFindings(result.findings, paint, width),
    ...heading('Experts'),
    ...formatExperts(result, layout),
    ...(pairs.length === 0 ? [] : [...heading('Pairs'), ...formatPairs(result, layout)]),
    ...(pairs.length === 0 ? [] : ['', ...formatHeatMaps(result, layout, colour)]),
    ...formatProjection(result, heading, layout),
    ...formatSpectra(result, heading, layout),
    ...Object.entries(result.merge_accounting).flatMap(([merge, accounting]) => [
      ...heading(`Merge ${shorten(printable(merge), 60)}`),
      ...formatMerge(result.experts, accounting, layout),
    ]),
  ];
  return lines.join('\n');
}

function formatFindings(
  findings: readonly Finding[],
  paint: (code: string, text: string) => string,
  width: number,
): string[] {
  if (findings.length === 0) return ['  none: no number crosses a threshold'];
  return findings.flatMap(({ level, title, evidence, advice }) => {
    const [first = '', ...more] = wrap(printable(`${level}: ${title}`), width, 2);
    const coloured = first.replace(`${level}:`, paint(LEVEL_COLOURS[level], `${level}:`));
    return [coloured, ...more, ...wrap(printable(`${evidence}. ${advice}`), width, 4)];
  });
}

function formatExperts({ experts, global }: GeometryResult, { width, shortName }: Layout): string[] {
  const rows = experts.slice(0, MOST_ROWS).map((name) => {
    const numbers = global.experts[name];
    return [
      `  ${shortName(name, NAME_WIDTH)}`,
      ...EXPERT_COLUMNS.map((key) => formatMetric(EXPERT_METRICS[key].unit, numbers?.[key])),
      formatMetric('share', numbers === undefined ? null : oneUlpShare(numbers)),
    ];
  });
  const header = ['', ...EXPERT_COLUMNS.map((key) => EXPERT_METRICS[key].label), '≤ 1 ULP'];
  return [...table(header, rows, width), ...leftOut(experts.length)];
}

/** Share of the changes that are of at most one unit in the last place: classes 0 and 1. */
function oneUlpShare({ ulp_histogram: classes }: ExpertGeometry): number | null {
  const changed = classes.reduce((sum, count) => sum + count, 0);
  return changed === 0 ? null : ((classes[0] ?? 0) + (classes[1] ?? 0)) / changed;
}

function formatPairs({ experts, global }: GeometryResult, { width, shortName }: Layout): string[] {
  const pairs = expertPairs(experts);
  const rows = pairs
    .slice(0, MOST_ROWS)
    .map(({ key: pair, first, second }) => [
      `  ${shortName(first, PAIR_NAME_WIDTH)} – ${shortName(second, PAIR_NAME_WIDTH)}`,
      ...PAIR_COLUMNS.map((key) => formatMetric(PAIR_METRICS[key].unit, global.pairs[pair]?.[key])),
    ]);
  const header = ['', ...PAIR_COLUMNS.map((key) => PAIR_METRICS[key].label)];
  return [...table(header, rows, width), ...leftOut(pairs.length)];
}

function formatProjection(
  { experts, projection }: GeometryResult,
  heading: (text: string) => string[],
  { shortName }: Layout,
): string[] {
  if (projection === undefined) return [];
  const rows = expertPairs(experts)
    .slice(0, MOST_ROWS)
    .map(({ key, first, second }) => [
      `  ${shortName(first, PAIR_NAME_WIDTH)} – ${shortName(second, PAIR_NAME_WIDTH)}`,
      formatMetric('milli', projection.cosine[key]),
    ]);
  const error = formatMeasure(1000 * projection.standard_error);
  return [
    ...heading(
      `Cosine × 10³ after a random projection to ${projection.dimensions} dimensions, standard error ${error}`,
    ),
    ...alignColumns([['', 'cosine'], ...rows], [1]),
    ...leftOut(expertPairs(experts).length),
  ];
}

function formatSpectra(
  { experts, global: { spectral } }: GeometryResult,
  heading: (text: string) => string[],
  { width, shortName }: Layout,
): string[] {
  if (spectral === undefined) return [];
  const { header, rows } = spectralExpertTable(spectral, experts);
  const pairs = spectralPairTable(spectral, experts);
  const pairRows = pairs.rows.map(({ first, second, cells }) => [
    `  ${shortName(first, PAIR_NAME_WIDTH)} – ${shortName(second, PAIR_NAME_WIDTH)}`,
    ...cells,
  ]);
  return [
    ...heading(`Spectra of ${formatCount(spectral.matrices)} matrices`),
    ...table(
      ['', ...header],
      rows.slice(0, MOST_ROWS).map(([name, ...cells]) => [`  ${shortName(name!, NAME_WIDTH)}`, ...cells]),
      width,
    ),
    ...leftOut(experts.length),
    ...(pairRows.length === 0 ? [] : table(['', ...pairs.header], pairRows.slice(0, MOST_ROWS), width)),
    ...leftOut(pairRows.length),
  ];
}

function formatMerge(experts: readonly string[], accounting: MergeAccounting, { width, shortName }: Layout): string[] {
  const survival = formatMetric('share', accounting.rounding_survival);
  const columns = ['retained_projection', 'retained_projection_after_rounding', 'direction_retention'] as const;
  const removed = ['trimmed', 'outvoted', 'cancelled'] as const;
  const header = [
    ...columns.map((key) => MERGE_METRICS[key].label),
    ...removed.map((key) => REMOVED_METRICS[key].label),
  ];
  const rows = experts
    .slice(0, MOST_ROWS)
    .map((name) => [
      `  ${shortName(name, NAME_WIDTH)}`,
      ...columns.map((key) => formatMetric('ratio', accounting[key][name])),
      ...removed.map((key) => formatMetric('share', accounting.removed[name]?.[key])),
    ]);
  return [
    `  rounding survival ${survival}, norm ratio ${formatMetric('ratio', accounting.norm_ratio)}, ` +
      plural(accounting.non_finite, 'non-finite value'),
    ...table(['', ...header], rows, width),
    ...leftOut(experts.length),
  ];
}

/** An aligned table; heads take two lines where it would be wider than `width`. */
function table(header: readonly string[], rows: readonly (readonly string[])[], width: number): string[] {
  const right = header.map((_, column) => column).filter((column) => column > 0);
  const lines = alignColumns([header, ...rows], right);
  if (lines.every((line) => line.length <= width)) return lines;
  const heads = header.map(splitHead);
  return alignColumns([heads.map(([first]) => first), heads.map(([, second]) => second), ...rows], right);
}

/** A head in two lines as equally long as its words allow; one word stands in the second. */
function splitHead(head: string): [first: string, second: string] {
  const words = head.split(' ');
  const splits = words.map((_, i): [string, string] => [words.slice(0, i).join(' '), words.slice(i).join(' ')]);
  const longest = ([first, second]: [string, string]): number => Math.max(first.length, second.length);
  return splits.reduce((best, split) => (longest(split) < longest(best) ? split : best));
}

function leftOut(rows: number): string[] {
  return rows > MOST_ROWS ? [`  and ${rows - MOST_ROWS} more in geometry.html`] : [];
}
