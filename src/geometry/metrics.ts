/** From sums to metrics; docs/geometry.md has the equations. All arithmetic in f64. */
import { ULP_CLASS_COUNT } from '../../kernels/abi.js';
import type { ExpertGeometry, PairGeometry, ScopeGeometry } from './result.js';
import type { ScopeSums } from './scope-sums.js';
import { byExponent, energyShare, lowMagnitudeLift, stratifiedIntersection } from './strata.js';
import { orderedPairIndex, pairIndex } from './unit-sums.js';

/** Shares of elements whose part of the energy is reported. */
const TOP_SHARES = { one: 0.01, twenty: 0.2 } as const;

/** Null where there is none: 0/0, and what an infinite value leaves unknown though it would come out as 0. */
export const ratio = (numerator: number, denominator: number): number | null =>
  denominator === 0 || !Number.isFinite(denominator) || !Number.isFinite(numerator / denominator)
    ? null
    : numerator / denominator;

/** Elements for whose mask `holds`. */
function countMasks({ byMask }: ScopeSums, holds: (mask: number) => boolean): number {
  return byMask.reduce((total, count, mask) => (holds(mask) ? total + count : total), 0);
}

const has = (mask: number, expert: number): boolean => (mask & (1 << expert)) !== 0;

/** Metrics of one scope but its displacement; `names` are the experts in the order of the sums. */
export function scopeGeometry(sums: ScopeSums, names: readonly string[]): ScopeGeometry {
  const { experts, reals, elements, byMask } = sums;
  const strata = { all: byExponent(sums.byMagnitude), changed: sums.changedByMagnitude.map(byExponent) };
  const pairs: Record<string, PairGeometry> = {};
  for (let j = 0; j < experts; j++) {
    for (let k = j + 1; k < experts; k++) pairs[`${names[j]}|${names[k]}`] = pairGeometry(sums, strata, j, k);
  }
  const changedByK = new Array<number>(experts + 1).fill(0);
  byMask.forEach((count, mask) => {
    changedByK[bitCount(mask)]! += count;
  });
  const overlapping = changedByK.slice(2).reduce((total, count) => total + count, 0);
  return {
    parameters: elements,
    base_norm: Math.sqrt(reals.baseSquares),
    experts: Object.fromEntries(names.map((name, expert) => [name, expertGeometry(sums, expert)])),
    pairs,
    changed_by_k: changedByK,
    exact_cancellation_on_overlap: ratio(sums.cancelled, overlapping),
    conflict_mass: ratio(reals.conflict, reals.mass),
  };
}

/** The scope's share of each expert's ‖τ‖² over its share of parameters, filled in once the whole model is known. */
export function withDisplacement(scope: ScopeGeometry, model: ScopeGeometry): ScopeGeometry {
  const experts = Object.entries(scope.experts).map(([name, expert]) => {
    const energyShare = ratio(expert.norm ** 2, model.experts[name]!.norm ** 2);
    const displacement = energyShare === null ? null : ratio(energyShare * model.parameters, scope.parameters);
    return [name, { ...expert, displacement_ratio: displacement }] as const;
  });
  return { ...scope, experts: Object.fromEntries(experts) };
}

function bitCount(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}

function expertGeometry(sums: ScopeSums, expert: number): ExpertGeometry {
  const { elements, reals, changes, magnitudes } = sums;
  const changed = countMasks(sums, (mask) => has(mask, expert));
  const unique = sums.byMask[1 << expert]!;
  const norm = Math.sqrt(reals.squares[expert]!);
  const counters = changes[expert]!;
  return {
    changed_fraction: ratio(changed, elements) ?? 0,
    changed_fraction_relative: ratio(counters[ULP_CLASS_COUNT + 1]!, elements) ?? 0,
    changed_fraction_absolute: ratio(counters[ULP_CLASS_COUNT]!, elements) ?? 0,
    norm,
    relative_norm: ratio(norm, Math.sqrt(reals.baseSquares)),
    // A NaN is no size.
    max_abs: Number.isNaN(norm) ? Number.NaN : sums.maximum[expert]!,
    displacement_ratio: null,
    energy_top_1_percent: energyShare(magnitudes[expert]!.total(), TOP_SHARES.one * elements),
    energy_top_20_percent: energyShare(magnitudes[expert]!.total(), TOP_SHARES.twenty * elements),
    low_magnitude_lift: lowMagnitudeLift(sums.byMagnitude, sums.changedByMagnitude[expert]!, elements, changed),
    ulp_histogram: ulpHistogram(counters.subarray(0, ULP_CLASS_COUNT), changed),
    unique,
    shared: changed - unique,
  };
}

/** Changes by size. From +0 to −0 and back is a change of no size, which kernels do not come across. */
function ulpHistogram(classes: Float64Array, changed: number): number[] {
  const [least = 0, ...larger] = classes;
  const sized = larger.reduce((sum, count) => sum + count, least);
  return [least + changed - sized, ...larger];
}

/** Elements by exponent of the base: all, and those that each expert changed. */
interface Strata {
  readonly all: Float64Array;
  readonly changed: readonly Float64Array[];
}

function pairGeometry(sums: ScopeSums, { all, changed }: Strata, j: number, k: number): PairGeometry {
  const { experts, reals, elements } = sums;
  const pair = pairIndex(j, k, experts);
  const [squareJ, squareK] = [reals.squares[j]!, reals.squares[k]!];
  // Sums are over what both changed, but a product of NaN or infinity with no change at all is NaN too.
  const dotOnOverlap = reals.products[pair]!;
  const dot = Number.isFinite(squareJ + squareK) ? dotOnOverlap : Number.NaN;
  const changedJ = countMasks(sums, (mask) => has(mask, j));
  const changedK = countMasks(sums, (mask) => has(mask, k));
  const overlap = countMasks(sums, (mask) => has(mask, j) && has(mask, k));
  const intersection = stratifiedIntersection(all, changed[j]!, changed[k]!);
  const jaccard = ratio(overlap, changedJ + changedK - overlap);
  const jaccardExponent = ratio(intersection, changedJ + changedK - intersection);
  const [p, q] = [changedJ / elements, changedK / elements];
  const overlapSquares = [
    reals.overlapSquares[orderedPairIndex(j, k, experts)]!,
    reals.overlapSquares[orderedPairIndex(k, j, experts)]!,
  ] as const;
  return {
    dot,
    cosine: ratio(dot, Math.sqrt(squareJ) * Math.sqrt(squareK)),
    sign_flip_z: ratio(dot, Math.sqrt(reals.squaredProducts[pair]!)),
    jaccard,
    jaccard_null_independent: ratio(p * q, p + q - p * q),
    jaccard_null_exponent: jaccardExponent,
    jaccard_lift: jaccard === null || jaccardExponent === null ? null : ratio(jaccard, jaccardExponent),
    overlap,
    sign_conflict_on_overlap: ratio(sums.opposed[pair]!, overlap),
    cosine_on_overlap: ratio(dotOnOverlap, Math.sqrt(overlapSquares[0]) * Math.sqrt(overlapSquares[1])),
    distance: Math.sqrt(reals.squaredDistances[pair]!),
    norm_ratio: ratio(Math.sqrt(squareJ), Math.sqrt(squareK)),
  };
}
