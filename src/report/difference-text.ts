/** Two models side by side: which tensors differ and by how much, in one screen. */
import { formatMeasure, formatShare } from '../geometry/number-text.js';
import type { ExpertGeometry, GeometryResult, ScopeGeometry } from '../geometry/result.js';
import { alignColumns, formatCount, plural } from './format.js';

/** Tensors listed; the rest is counted. */
const TENSORS_SHOWN = 20;

/** Text of the difference; `names` are the models as the user gave them. */
export function formatDifference(result: GeometryResult, names: readonly [string, string]): string {
  const [expert] = result.experts;
  const own = (scope: ScopeGeometry): ExpertGeometry => scope.experts[expert!]!;
  const tensors = Object.entries(result.tensors).map(([name, scope]) => ({ name, scope, change: own(scope) }));
  const differing = tensors.filter(({ change }) => change.changed_fraction > 0);
  if (differing.length === 0)
    return `${names[0]} and ${names[1]} hold the same ${plural(tensors.length, 'tensor')}, bit for bit`;
  const total = own(result.global);
  const head = [
    `${names[0]} → ${names[1]}`,
    `${formatCount(differing.length)} of ${plural(tensors.length, 'tensor')} differ; ${formatShare(total.changed_fraction)} of all values`,
    `‖difference‖ ${formatMeasure(total.norm)}, relative ${formatMeasure(total.relative_norm)}, largest ${formatMeasure(total.max_abs)}`,
  ];
  differing.sort((a, b) => (b.change.relative_norm ?? 0) - (a.change.relative_norm ?? 0) || (a.name < b.name ? -1 : 1));
  const rows = differing
    .slice(0, TENSORS_SHOWN)
    .map(({ name, scope, change }) => [
      name,
      formatCount(scope.parameters),
      formatShare(change.changed_fraction),
      formatMeasure(change.norm),
      formatMeasure(change.relative_norm),
      formatMeasure(change.max_abs),
    ]);
  const table = alignColumns(
    [['tensor', 'values', 'changed', 'norm', 'relative', 'largest'], ...rows],
    [1, 2, 3, 4, 5],
  );
  const rest = differing.length - rows.length;
  return [
    ...head,
    '',
    ...table,
    ...(rest > 0 ? [`… and ${plural(rest, 'more tensor')}, in order of relative norm`] : []),
  ].join('\n');
}
