/** The k-th largest magnitude by sorting, and what a cut keeps by its definition. */
import type { RankCut } from '../../kernels/statistics/rank-threshold.js';

const magnitudes = (values: Float32Array): Uint32Array =>
  new Uint32Array(values.slice().buffer).map((bits) => bits & 0x7fffffff);

/** What a cut leaves of a unit; the rest is 0. */
export function applyCut(cut: RankCut, values: Float32Array): Float32Array {
  if (cut === 'all') return values.slice();
  const sizes = magnitudes(values);
  let left = cut.allowance;
  return values.map((value, i) => {
    const keeps = sizes[i]! > cut.threshold || (sizes[i] === cut.threshold && left-- > 0);
    return keeps ? value : 0;
  });
}

/** The `keep` largest of all values, or with `all` everything that is as large as the least of them. */
export function keptBySorting(values: Float32Array, keep: number, ties: 'first' | 'all'): Float32Array {
  const sizes = magnitudes(values);
  const threshold = keep > 0 ? sizes.slice().sort()[Math.max(0, values.length - keep)]! : Number.POSITIVE_INFINITY;
  let allowance = ties === 'all' ? values.length : keep - sizes.filter((size) => size > threshold).length;
  return values.map((value, i) => (sizes[i]! > threshold || (sizes[i] === threshold && allowance-- > 0) ? value : 0));
}
