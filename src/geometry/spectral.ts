/** From sums over matrices to spectral metrics of a scope; docs/geometry.md has the equations. */

import type { MeasuredGeometry } from './collect.js';
import { expertPairs } from './expert-pairs.js';
import { ratio } from './metrics.js';
import { moduleTypeOf } from './module-type.js';
import type { ScopeGeometry, SpectralGeometry } from './result.js';
import type { SpectralSums } from './spectrum.js';

/** A matrix with its spectrum and, from the geometry, norms and inner products of its task vectors. */
export interface SpectralMatrix {
  readonly sums: SpectralSums;
  readonly geometry: ScopeGeometry;
}

/** Metrics over all matrices of a scope; an expert that changed none of them has null, and no matrix gives undefined. */
function spectralGeometry(matrices: readonly SpectralMatrix[], names: readonly string[]): SpectralGeometry | undefined {
  if (matrices.length === 0) return undefined;
  const total = (read: (matrix: SpectralMatrix) => number): number =>
    matrices.reduce((sum, matrix) => sum + read(matrix), 0);
  const most = (read: (sums: SpectralSums) => number): number =>
    matrices.reduce((largest, { sums }) => Math.max(largest, read(sums)), 0);
  const energy = names.map((name) => total(({ geometry }) => geometry.experts[name]!.norm ** 2));
  const head = names.map((_, j) => total(({ sums }) => sums.heads[j]!));
  const base = total(({ sums }) => sums.base);
  const shift = (j: number): number => total(({ sums }) => sums.shifts[j]!);
  const experts = names.map((name, j) => {
    const changed = energy[j]! > 0;
    return [
      name,
      {
        stable_rank: ratio(energy[j]!, head[j]!),
        head_share: ratio(head[j]!, energy[j]!),
        leading_share: ratio(
          total(({ sums }) => sums.leading[j]!),
          energy[j]!,
        ),
        spectral_shift: changed ? root(ratio(shift(j), base)) : null,
        left_angle: changed ? most((sums) => sums.leftAngles[j]!) : null,
        right_angle: changed ? most((sums) => sums.rightAngles[j]!) : null,
      },
    ] as const;
  });
  const pairs = expertPairs(names).map(({ key, first, second }, pair) => {
    const [j, k] = [names.indexOf(first), names.indexOf(second)];
    const heads = total(({ sums }) => sums.headDots[pair]!);
    const tails = total(
      ({ sums, geometry }) => geometry.pairs[key]!.dot - sums.crossDots[pair]! + sums.headDots[pair]!,
    );
    const tail = (expert: number): number => {
      const rest = energy[expert]! - head[expert]!;
      return rest > NO_TAIL_SHARE * energy[expert]! ? Math.sqrt(rest) : 0;
    };
    return [
      key,
      {
        head_cosine: ratio(heads, Math.sqrt(head[j]!) * Math.sqrt(head[k]!)),
        tail_cosine: ratio(tails, tail(j) * tail(k)),
      },
    ] as const;
  });
  return { matrices: matrices.length, experts: Object.fromEntries(experts), pairs: Object.fromEntries(pairs) };
}

/** What is left of an energy when its head is taken away, and is no more than rounding: a matrix of rank one. */
const NO_TAIL_SHARE = 1e-12;

const root = (value: number | null): number | null => (value === null ? null : Math.sqrt(value));

/** The geometry with the spectra of its tensors, which every scope sums up. `layerOf` as it was measured with. */
export function withSpectra(
  measured: MeasuredGeometry,
  spectra: ReadonlyMap<string, SpectralSums>,
  names: readonly string[],
  layerOf: (tensor: string) => number | undefined,
): MeasuredGeometry {
  // Tensors in their order, so that sums do not depend on which spectrum was known first.
  const matrices = Object.entries(measured.tensors).flatMap(([tensor, geometry]) => {
    const sums = spectra.get(tensor);
    return sums === undefined ? [] : [{ tensor, sums, geometry }];
  });
  const within = (scope: ScopeGeometry, isIn: (tensor: string) => boolean): ScopeGeometry => {
    const spectral = spectralGeometry(
      matrices.filter(({ tensor }) => isIn(tensor)),
      names,
    );
    return spectral === undefined ? scope : { ...scope, spectral };
  };
  const each = (scopes: Readonly<Record<string, ScopeGeometry>>, keyOf: (tensor: string) => string) =>
    Object.fromEntries(
      Object.entries(scopes).map(([key, scope]) => [key, within(scope, (tensor) => keyOf(tensor) === key)]),
    );
  return {
    ...measured,
    global: within(measured.global, () => true),
    layers: each(measured.layers, (tensor) => String(layerOf(tensor))),
    modules: each(measured.modules, moduleTypeOf),
    tensors: each(measured.tensors, (tensor) => tensor),
  };
}
