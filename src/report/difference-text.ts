/** Two models side by side: which tensors differ and by how much, in one screen. */
import { formatMeasure, formatShare } from '../geometry/number-text.js';
import type { ExpertGeometry, GeometryResult, ScopeGeometry } from '../geometry/result.js';
import { alignColumns, formatCount, plural } from './format.js';
import { printable } from './text-layout.js';

/** Tensors listed; the rest is counted. */
const TENSORS_SHOWN = 20;
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
  const lacking = Object.keys(result.left_out ?? {}).length;
  const alone = lacking === 0 ? [] : [`${names[1]} lacks ${plural(lacking, 'tensor')} of ${names[0]}`];
  if (differing.length === 0)
    return [
      `${names[0]} and ${names[1]} hold the same ${plural(tensors.length, 'tensor')}, bit for bit`,
      ...alone,
    ].join('\n');
  differing.sort((a, b) => (b.change.relative_norm ?? 0) - (a.change.relative_norm ?? 0) || (a.name < b.name ? -1 : 1));
  const total = own(result.global);
  const rest = differing.length - TENSORS_SHOWN;
  return [
    `${names[0]} → ${names[1]}`,
    `${formatCount(differing.length)} of ${plural(tensors.length, 'tensor')} ${differing.length === 1 ? 'differs' : 'differ'}; ${formatShare(total.changed_fraction)} of all values`,
    `‖difference‖ ${formatMeasure(total.norm)}, relative ${formatMeasure(total.relative_norm)}, largest ${formatMeasure(total.max_abs)}`,
    ...alone,
    '',
    ...formatTensors(differing.slice(0, TENSORS_SHOWN), columns),
    ...(rest > 0 ? [`… and ${plural(rest, 'tensor')} that differ${rest === 1 ? 's' : ''} less, by relative norm`] : []),
  ].join('\n');
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
