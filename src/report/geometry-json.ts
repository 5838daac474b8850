/** geometry.json: the typed result as text, the same bytes for the same numbers. docs/geometry-schema.md has the schema. */
import { expertPairs } from '../geometry/expert-pairs.js';
import { MODULE_TYPES } from '../geometry/module-type.js';
import type { GeometryResult } from '../geometry/result.js';
import { compareNames } from './geometry-order.js';

/** Fields first and in this order, whatever order they were measured in. */
const FIELD_ORDER = [
  ...[
    'version',
    'tool',
    'base',
    'parameters',
    'base_norm',
    'experts',
    'findings',
    'code',
    'level',
    'title',
    'evidence',
    'advice',
  ],
  ...['global', 'layers', 'modules', 'tensors', 'untouched', 'left_out', 'projection', 'merge_accounting'],
  ...['dimensions', 'standard_error', 'channels', 'matrices', 'stable_rank', 'head_share', 'leading_share'],
  ...['spectral_shift', 'left_angle', 'right_angle', 'head_cosine', 'tail_cosine'],
  ...['changed_fraction', 'changed_fraction_relative', 'changed_fraction_absolute', 'norm', 'relative_norm', 'max_abs'],
  ...['displacement_ratio', 'energy_top_1_percent', 'energy_top_20_percent', 'low_magnitude_lift', 'ulp_histogram'],
  ...['unique', 'shared', 'pairs', 'dot', 'cosine', 'sign_flip_z', 'jaccard', 'jaccard_null_independent'],
  ...['jaccard_null_exponent', 'jaccard_lift', 'overlap', 'sign_conflict_on_overlap', 'cosine_on_overlap', 'distance'],
  ...['changed_by_k', 'exact_cancellation_on_overlap', 'conflict_mass', 'hotspots', 'incoming_energy'],
  ...['updated_coordinates', 'lost_to_rounding', 'rounding_survival', 'delta_norm', 'delta_norm_after_rounding'],
  ...['retained_projection', 'retained_projection_after_rounding', 'direction_retention', 'norm_ratio'],
  ...['removed', 'trimmed', 'outvoted', 'cancelled', 'density', 'non_finite'],
];

type KeyOrder = (a: string, b: string) => number;

/** Members of these get a line each; everything below them is on that line. */
const ONE_LINE_EACH = new Set([
  'findings',
  'layers',
  'modules',
  'tensors',
  'untouched',
  'left_out',
  'merge_accounting',
]);

/** Records whose members have names that are fields elsewhere, such as the module `norm`, and tensors any name. */
const LINE_ORDERS: Readonly<Record<string, KeyOrder>> = {
  layers: compareNames,
  modules: keyOrder(MODULE_TYPES),
  tensors: compareNames,
  left_out: compareNames,
};

/**
 * The result as JSON text with a final newline: keys in a fixed order, numbers in their shortest form that reads back
 * exactly, null for NaN and infinities, one scope on a line. The order in which the result's records were filled does
 * not show.
 */
export function formatGeometryJson(result: GeometryResult): string {
  const compareKeys = keyOrder([
    ...FIELD_ORDER,
    ...result.experts,
    ...expertPairs(result.experts).map(({ key }) => key),
  ]);
  const fields = entriesOf(result, compareKeys).map(([key, value]) => {
    const isList = ONE_LINE_EACH.has(key) && typeof value === 'object' && value !== null;
    const text = isList ? formatLines(value, compareKeys, LINE_ORDERS[key]) : formatValue(value, compareKeys);
    return `  ${JSON.stringify(key)}: ${text}`;
  });
  return `{\n${fields.join(',\n')}\n}\n`;
}

/** `value` with a line for each member, in the order of `compareLines`. */
function formatLines(value: object, compareKeys: KeyOrder, compareLines = compareKeys): string {
  const isList = Array.isArray(value);
  const lines = isList
    ? value.map((item) => `    ${formatValue(item, compareKeys)}`)
    : entriesOf(value, compareLines).map(
        ([key, item]) => `    ${JSON.stringify(key)}: ${formatValue(item, compareKeys)}`,
      );
  const [open, close] = isList ? '[]' : '{}';
  return lines.length === 0 ? `${open}${close}` : `${open}\n${lines.join(',\n')}\n  ${close}`;
}

function formatValue(value: unknown, compareKeys: KeyOrder): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => formatValue(item, compareKeys)).join(', ')}]`;
  const members = entriesOf(value, compareKeys).map(
    ([key, item]) => `${JSON.stringify(key)}: ${formatValue(item, compareKeys)}`,
  );
  return `{${members.join(', ')}}`;
}

function entriesOf(record: object, compareKeys: KeyOrder): [string, unknown][] {
  return Object.entries(record)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => compareKeys(a, b));
}

/** A total order of keys: known ones first and in their order, then names with numbers counted as numbers. */
function keyOrder(known: readonly string[]): KeyOrder {
  const ranks = new Map<string, number>();
  for (const key of known) if (!ranks.has(key)) ranks.set(key, ranks.size);
  const rank = (key: string): number => ranks.get(key) ?? ranks.size;
  return (a, b) => rank(a) - rank(b) || compareNames(a, b);
}
