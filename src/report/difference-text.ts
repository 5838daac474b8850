/** Two models side by side: which tensors differ and by how much, in one screen. */
import type { TensorLocation } from '../checkpoint/checkpoint.js';
import { compareUtf8 } from '../checkpoint/order.js';
import type { CarriedPair, StructuralDifference, TensorPair } from '../checkpoint/structural-difference.js';
import { formatCount, formatMeasure, formatShare } from '../geometry/number-text.js';
import type { ExpertGeometry, GeometryResult, ScopeGeometry } from '../geometry/result.js';
import { alignColumns, plural } from './format.js';
import { printable, wrap } from './text-layout.js';

/** Tensors listed; the rest is counted. */
const TENSORS_SHOWN = 20;
/** Tensors named in a line. */
const NAMES_SHOWN = 3;
/** Characters of a tensor's name that stay however narrow the terminal is. */
const LEAST_NAME = 20;

interface TensorChange {
  readonly name: string;
  readonly parameters: number;
  readonly change: ExpertGeometry;
}

/**
 * Text of the difference; `names` are the models as the user gave them. `columns` are those of the terminal, if it goes to
 * one: names of tensors are shortened to fit.
 */
export function formatDifference(
  result: GeometryResult,
  structure: StructuralDifference,
  names: readonly [string, string],
  columns = Number.POSITIVE_INFINITY,
): string {
  const [expert] = result.experts;
  const own = (scope: ScopeGeometry): ExpertGeometry => scope.experts[expert!]!;
  const tensors = Object.keys(result.tensors).map((name) => {
    const scope = result.tensors[name]!;
    return { name, parameters: scope.parameters, change: own(scope) };
  });
  const differing = tensors.filter(({ change }) => change.changed_fraction > 0);
  const measured = new Set(tensors.map(({ name }) => name));
  const lines = formatStructure(structure, names, measured).flatMap((line) =>
    Number.isFinite(columns) ? wrap(line, columns, 0) : [line],
  );
  if (differing.length === 0) return [formatSame(tensors.length, structure, names), ...lines].join('\n');
  differing.sort((a, b) => sizeOf(b) - sizeOf(a) || (a.name < b.name ? -1 : 1));
  const total = own(result.global);
  const rest = differing.length - TENSORS_SHOWN;
  return [
    `${names[0]} → ${names[1]}`,
    `${formatCount(differing.length)} of ${plural(tensors.length, 'tensor')} ${differing.length === 1 ? 'differs' : 'differ'}; ${formatShare(total.changed_fraction)} of all values`,
    `‖difference‖ ${formatMeasure(total.norm)}, relative ${formatMeasure(total.relative_norm)}, largest ${formatMeasure(total.max_abs)}`,
    ...formatNonFinite(differing),
    ...lines,
    '',
    ...formatTensors(differing.slice(0, TENSORS_SHOWN), columns),
    ...(rest > 0 ? [`… and ${plural(rest, 'tensor')} that differ${rest === 1 ? 's' : ''} less, by relative norm`] : []),
  ].join('\n');
}

const hasSize = ({ change }: TensorChange): boolean => Number.isFinite(change.norm);

/** What tensors are listed by: first those whose difference has no size. */
const sizeOf = (tensor: TensorChange): number =>
  hasSize(tensor) ? (tensor.change.relative_norm ?? 0) : Number.MAX_VALUE;

function formatSame(count: number, structure: StructuralDifference, names: readonly [string, string]): string {
  const isExact = structure.otherDtypes.length === 0 && structure.otherShapes.length === 0;
  return isExact
    ? `${names[0]} and ${names[1]} hold the same ${plural(count, 'tensor')}, bit for bit`
    : `${names[0]} and ${names[1]} hold the same values in ${plural(count, 'tensor')}`;
}

function formatNonFinite(differing: readonly TensorChange[]): string[] {
  const count = differing.filter((tensor) => !hasSize(tensor)).length;
  if (count === 0) return [];
  return [`${plural(count, 'tensor')} with NaN, infinity or an overflow in the difference, listed first`];
}

/** What sets the models apart beside numbers; a tensor that was measured though one model lacks it is a head that is tied there. */
function formatStructure(
  { onlyInFirst, onlyInSecond, otherDtypes, otherShapes, carried }: StructuralDifference,
  [first, second]: readonly [string, string],
  measured: ReadonlySet<string>,
): string[] {
  const line = (items: readonly string[], before: string, after: string): string[] =>
    items.length === 0 ? [] : [`${before}${plural(items.length, 'tensor')}${after}: ${listed(items)}`];
  const lacked = (items: readonly string[]): string[] => items.filter((name) => !measured.has(name));
  const shown = (items: readonly TensorPair[], read: (tensor: TensorLocation) => string): string[] =>
    items.map((pair) => `${pair.name} (${read(pair.first)} → ${read(pair.second)})`);
  const both = ({ dtype, shape }: TensorLocation): string => `${dtype} [${shape.join(', ')}]`;
  const isMeasured = ({ name }: TensorPair): boolean => measured.has(name);
  const different = [...new Map([...otherDtypes, ...otherShapes].map((pair) => [pair.name, pair])).values()];
  const uncompared = different.filter((pair) => !isMeasured(pair)).sort((a, b) => compareUtf8(a.name, b.name));
  return [
    ...line(lacked(onlyInFirst), `${second} lacks `, ` of ${first}`),
    ...line(lacked(onlyInSecond), `${first} lacks `, ` of ${second}`),
    ...line(
      shown(otherDtypes.filter(isMeasured), ({ dtype }) => dtype),
      '',
      ' of another dtype',
    ),
    ...line(
      shown(otherShapes.filter(isMeasured), ({ shape }) => `[${shape.join(', ')}]`),
      '',
      ' of another shape, compared where both have rows',
    ),
    ...line(shown(uncompared, both), '', ' too different to be compared'),
    ...line(ofSameness(carried, false), '', ' of no floating-point numbers, not the same'),
    ...line(ofSameness(carried, true), '', ' of no floating-point numbers, the same'),
    ...line(ofSameness(carried, undefined), '', ' of no floating-point numbers, not compared'),
  ];
}

function ofSameness(carried: readonly CarriedPair[], wanted: boolean | undefined): string[] {
  return carried.filter(({ isSame }) => isSame === wanted).map(({ name, first }) => `${name} (${first.dtype})`);
}

/** The first few, and how many more. */
function listed(items: readonly string[]): string {
  const more = items.length - NAMES_SHOWN;
  const named = items.slice(0, NAMES_SHOWN).map(printable).join(', ');
  return more > 0 ? `${named} and ${formatCount(more)} more` : named;
}

function formatTensors(changes: readonly TensorChange[], columns: number): string[] {
  const numbers = [
    ['values', 'changed', 'norm', 'relative', 'largest'],
    ...changes.map(({ parameters, change }) => [
      formatCount(parameters),
      formatShare(change.changed_fraction),
      formatMeasure(change.norm),
      formatMeasure(change.relative_norm),
      formatMeasure(change.max_abs),
    ]),
  ];
  const right = [0, 1, 2, 3, 4];
  const room = Math.max(LEAST_NAME, columns - alignColumns(numbers, right)[0]!.length - 2);
  const names = ['tensor', ...changes.map(({ name }) => endOf(printable(name), room))];
  return alignColumns(
    numbers.map((cells, row) => [names[row]!, ...cells]),
    right.map((column) => column + 1),
  );
}

/** At most `room` characters: the layer and the module, which tell tensors apart, stand at the end. */
function endOf(name: string, room: number): string {
  const characters = [...name];
  return characters.length <= room ? name : `…${characters.slice(1 - room).join('')}`;
}
