/**
 * A made-up group with the numbers of real RL experts: a few percent of relative norm less than SFT, bf16 masks that
 * overlap by exponent, cosines of some 1e-3. Every scope is the sum of its tensors, so scopes agree with each other.
 */

import { expertPairs } from '../../src/geometry/expert-pairs.js';
import { findFindings } from '../../src/geometry/findings.js';
import {
  type ExpertGeometry,
  GEOMETRY_VERSION,
  type GeometryResult,
  type MergeAccounting,
  type PairGeometry,
  type ScopeGeometry,
  ULP_CLASSES,
} from '../../src/geometry/result.js';
import { randomSource, sampleTensor, type TensorSums, tensorShapes } from './sample-tensors.js';

export interface SampleOptions {
  readonly layers?: number;
  readonly experts?: readonly string[];
  readonly hidden?: number;
  /** Further tensors, such as hostile names. */
  readonly moreTensors?: readonly string[];
  readonly merged?: boolean;
}

/** The sample; the same for the same options. */
export function sampleGeometry(options: SampleOptions = {}): GeometryResult {
  const {
    layers = 6,
    experts = ['math', 'code', 'science', 'if'],
    hidden = 512,
    moreTensors = [],
    merged = true,
  } = options;
  const random = randomSource(7);
  const tensors = tensorShapes(layers, hidden, moreTensors).map((shape) =>
    sampleTensor(shape, layers, experts, random),
  );
  const total = addTensors(tensors, experts);
  const scope = (members: readonly TensorSums[]): ScopeGeometry =>
    finishScope(addTensors(members, experts), total, experts);
  const scopesBy = <K extends string | number>(keys: readonly K[], of: (tensor: TensorSums) => K | undefined) =>
    Object.fromEntries(keys.map((key) => [key, scope(tensors.filter((tensor) => of(tensor) === key))]));
  const measured = {
    version: GEOMETRY_VERSION,
    tool: 'm2merge 0.1.0',
    base: 'sample-4b-sft',
    experts,
    global: scope(tensors),
    layers: withHotspots(scopesBy([...Array(layers).keys()], ({ layer }) => layer)),
    modules: scopesBy([...new Set(tensors.map(({ module }) => module))], ({ module }) => module),
    tensors: Object.fromEntries(tensors.map((tensor) => [tensor.name, scope([tensor])])),
    untouched: Object.fromEntries(
      experts.map((name, i) => [
        name,
        tensors.filter((tensor) => tensor.experts[i]!.changed === 0).map(({ name }) => name),
      ]),
    ),
    merge_accounting: merged ? sampleAccounting(experts, total) : {},
  } satisfies Omit<GeometryResult, 'findings'>;
  return { ...measured, findings: findFindings(measured) };
}

function addTensors(members: readonly TensorSums[], experts: readonly string[]): TensorSums {
  const sum = (of: (tensor: TensorSums) => number): number => members.reduce((total, tensor) => total + of(tensor), 0);
  return {
    name: '',
    layer: undefined,
    module: '',
    parameters: sum(({ parameters }) => parameters),
    baseSquares: sum(({ baseSquares }) => baseSquares),
    experts: experts.map((_, i) => ({
      changed: sum((tensor) => tensor.experts[i]!.changed),
      squares: sum((tensor) => tensor.experts[i]!.squares),
      max: members.reduce((most, tensor) => Math.max(most, tensor.experts[i]!.max), 0),
      unique: sum((tensor) => tensor.experts[i]!.unique),
      ulps: Array.from({ length: ULP_CLASSES }, (_, c) => sum((tensor) => tensor.experts[i]!.ulps[c]!)),
    })),
    pairs: expertPairs(experts).map((_, p) => ({
      dot: sum((tensor) => tensor.pairs[p]!.dot),
      squares: sum((tensor) => tensor.pairs[p]!.squares),
      overlap: sum((tensor) => tensor.pairs[p]!.overlap),
      overlapByExponent: sum((tensor) => tensor.pairs[p]!.overlapByExponent),
      conflicts: sum((tensor) => tensor.pairs[p]!.conflicts),
    })),
    byK: Array.from({ length: experts.length + 1 }, (_, k) => sum((tensor) => tensor.byK[k]!)),
  };
}

function withHotspots(layers: Readonly<Record<string, ScopeGeometry>>): Record<string, ScopeGeometry> {
  const hotspots = (layer: ScopeGeometry) => ({
    channels: 3072,
    jaccard: Object.fromEntries(Object.keys(layer.pairs).map((key, i) => [key, 0.08 + 0.01 * i])),
    incoming_energy: Object.fromEntries(Object.keys(layer.experts).map((key, i) => [key, 2.5 + 0.4 * i])),
  });
  return Object.fromEntries(
    Object.entries(layers).map(([name, layer]) => [name, { ...layer, hotspots: hotspots(layer) }]),
  );
}

const ratio = (a: number, b: number): number | null => (b === 0 ? null : a / b);

function finishScope(sums: TensorSums, total: TensorSums, experts: readonly string[]): ScopeGeometry {
  const changedAny = sums.byK.slice(1).reduce((sum, count) => sum + count, 0);
  return {
    parameters: sums.parameters,
    base_norm: Math.sqrt(sums.baseSquares),
    experts: Object.fromEntries(experts.map((name, i) => [name, finishExpert(sums, total, i)])),
    pairs: Object.fromEntries(
      expertPairs(experts).map(({ key, first, second }, p) => [
        key,
        finishPair(sums, p, experts.indexOf(first), experts.indexOf(second)),
      ]),
    ),
    changed_by_k: sums.byK,
    exact_cancellation_on_overlap: changedAny === 0 ? null : 0.1284,
    conflict_mass: changedAny === 0 ? null : 0.142,
  };
}

function finishExpert(sums: TensorSums, total: TensorSums, i: number): ExpertGeometry {
  const expert = sums.experts[i]!;
  const changed = expert.changed / sums.parameters;
  return {
    changed_fraction: changed,
    changed_fraction_relative: changed,
    changed_fraction_absolute: changed * 0.81,
    norm: Math.sqrt(expert.squares),
    relative_norm: Math.sqrt(expert.squares / sums.baseSquares),
    max_abs: expert.max,
    displacement_ratio: expert.squares / total.experts[i]!.squares / (sums.parameters / total.parameters),
    energy_top_1_percent: expert.changed === 0 ? null : 0.21,
    energy_top_20_percent: expert.changed === 0 ? null : 0.83,
    low_magnitude_lift: expert.changed === 0 ? null : 1.46,
    ulp_histogram: expert.ulps,
    unique: expert.unique,
    shared: expert.changed - expert.unique,
  };
}

function finishPair(sums: TensorSums, p: number, i: number, j: number): PairGeometry {
  const [pair, a, b] = [sums.pairs[p]!, sums.experts[i]!, sums.experts[j]!];
  const jaccardOf = (overlap: number): number | null => ratio(overlap, a.changed + b.changed - overlap);
  const jaccard = jaccardOf(pair.overlap);
  const nullByExponent = jaccardOf(pair.overlapByExponent);
  return {
    dot: pair.dot,
    cosine: ratio(pair.dot, Math.sqrt(a.squares * b.squares)),
    sign_flip_z: ratio(pair.dot, Math.sqrt(pair.squares)),
    jaccard,
    jaccard_null_independent: jaccardOf((a.changed * b.changed) / sums.parameters),
    jaccard_null_exponent: nullByExponent,
    jaccard_lift: jaccard === null || nullByExponent === null ? null : jaccard / nullByExponent,
    overlap: pair.overlap,
    sign_conflict_on_overlap: ratio(pair.conflicts, pair.overlap),
    cosine_on_overlap: ratio(pair.dot * 1.1, Math.sqrt(a.squares * b.squares)),
    distance: Math.sqrt(a.squares + b.squares - 2 * pair.dot),
    norm_ratio: ratio(Math.sqrt(a.squares), Math.sqrt(b.squares)),
  };
}

function sampleAccounting(experts: readonly string[], total: TensorSums): Record<string, MergeAccounting> {
  const each = <T>(of: (i: number) => T) => Object.fromEntries(experts.map((name, i) => [name, of(i)]));
  const updated = total.byK.slice(1).reduce((sum, count) => sum + count, 0);
  const lost = Math.round(updated * 0.37);
  const delta = Math.sqrt(total.experts.reduce((sum, { squares }) => sum + squares, 0)) / experts.length;
  return {
    'ties -> bfloat16': {
      updated_coordinates: updated,
      lost_to_rounding: lost,
      rounding_survival: (updated - lost) / updated,
      delta_norm: delta,
      delta_norm_after_rounding: delta * 0.97,
      retained_projection: each((i) => 0.42 - 0.06 * i),
      retained_projection_after_rounding: each((i) => 0.4 - 0.07 * i),
      direction_retention: each((i) => 0.61 - 0.05 * i),
      norm_ratio: 0.72,
      removed: each((i) => ({ trimmed: 0.2 + 0.05 * i, outvoted: 0.1 + 0.02 * i, cancelled: 0.01 })),
      non_finite: 0,
    },
  };
}
