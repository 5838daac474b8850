/** geometry.json: the typed result as text, the same bytes for the same numbers. docs/geometry-schema.md has the schema. */
import { expertPairs } from '../geometry/expert-pairs.js';
import { MODULE_TYPES } from '../geometry/module-type.js';
import type { GeometryResult } from '../geometry/result.js';
import { compareNames } from './geometry-order.js';

/** Fields in this order, whatever order they were measured in. */
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
/** The order of a record, by its keys. */
type RecordOrder = (keys: readonly string[]) => KeyOrder;

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

/** Characters of a piece, at least, unless it is the last: few calls write it, and nothing holds the whole. */
const PIECE_LENGTH = 65_536;

/**
 * The result as JSON text with a final newline: keys in a fixed order, numbers in their shortest form that reads back
 * exactly, null for NaN and infinities, one scope on a line. The order in which the result's records were filled does
 * not show. In pieces: eight experts of tens of thousands of tensors make more text than one string can hold.
 */
export function* geometryJsonPieces(result: GeometryResult): Generator<string> {
  let piece = '';
  for (const part of partsOf(result)) {
    piece += part;
    if (piece.length < PIECE_LENGTH) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

function* partsOf(result: GeometryResult): Generator<string> {
  const orderOf = recordOrder(result);
  let before = '{\n';
  for (const [key, value] of entriesOf(result, orderOf)) {
    yield `${before}  ${JSON.stringify(key)}: `;
    before = ',\n';
    const isList = ONE_LINE_EACH.has(key) && typeof value === 'object' && value !== null;
    if (isList) yield* linesOf(value, orderOf, LINE_ORDERS[key]);
    else yield formatValue(value, orderOf);
  }
  yield '\n}\n';
}

/** `value` with a line for each member, in the order of `compareLines`. */
function* linesOf(value: object, orderOf: RecordOrder, compareLines?: KeyOrder): Generator<string> {
  const isList = Array.isArray(value);
  const [open, close] = isList ? '[]' : '{}';
  yield open!;
  let before = '\n';
  for (const [key, item] of isList
    ? value.map((item) => [undefined, item] as const)
    : entriesOf(value, compareLines ? () => compareLines : orderOf)) {
    const name = key === undefined ? '' : `${JSON.stringify(key)}: `;
    yield `${before}    ${name}${formatValue(item, orderOf)}`;
    before = ',\n';
  }
  yield before === '\n' ? close! : `\n  ${close}`;
}

function formatValue(value: unknown, orderOf: RecordOrder): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => formatValue(item, orderOf)).join(', ')}]`;
  const members = Array.from(
    entriesOf(value, orderOf),
    ([key, item]) => `${JSON.stringify(key)}: ${formatValue(item, orderOf)}`,
  );
  return `{${members.join(', ')}}`;
}

/** One after the other: those of `tensors` are made when they are looked at. */
function* entriesOf(record: object, orderOf: RecordOrder): Generator<[key: string, value: unknown]> {
  const keys = Object.keys(record);
  for (const key of keys.sort(orderOf(keys))) {
    const value = (record as Record<string, unknown>)[key];
    if (value !== undefined) yield [key, value];
  }
}

/** Experts and their pairs as the recipe has them, whatever they are called; `code` is a field of findings too. */
function recordOrder({ experts }: GeometryResult): RecordOrder {
  const names = [...experts, ...expertPairs(experts).map(({ key }) => key)];
  const [byName, byField, known] = [keyOrder(names), keyOrder(FIELD_ORDER), new Set(names)];
  return (keys) => (keys.every((key) => known.has(key)) ? byName : byField);
}

/** A total order of keys: known ones first and in their order, then names with numbers counted as numbers. */
function keyOrder(known: readonly string[]): KeyOrder {
  const ranks = new Map<string, number>();
  for (const key of known) if (!ranks.has(key)) ranks.set(key, ranks.size);
  const rank = (key: string): number => ranks.get(key) ?? ranks.size;
  return (a, b) => rank(a) - rank(b) || compareNames(a, b);
}
