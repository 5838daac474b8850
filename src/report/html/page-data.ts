/** What geometry.html embeds: the numbers that its panels show, as columns rounded to six digits. */
import { expertPairs } from '../../geometry/expert-pairs.js';
import type { GeometryResult, RemovedShares, ScopeGeometry } from '../../geometry/result.js';
import { distinctNames } from '../distinct-names.js';
import { HOTSPOT_METRICS, MERGE_METRICS, REMOVED_METRICS, SCOPE_METRICS } from '../geometry-group-metrics.js';
import {
  EXPERT_METRICS,
  type ExpertMetricKey,
  type Metric,
  PAIR_METRICS,
  type PairMetricKey,
} from '../geometry-metrics.js';
import { compareNames, orderModules } from '../geometry-order.js';
import {
  SPECTRAL_EXPERT_KEYS,
  SPECTRAL_EXPERT_METRICS,
  SPECTRAL_PAIR_KEYS,
  SPECTRAL_PAIR_METRICS,
} from '../geometry-spectral-metrics.js';
import { placeTensors, type TensorPlace } from './tensor-place.js';

/** Digits of an embedded number: more than a page shows, a third of the bytes of all. */
const DIGITS = 6;
/** Tensors in the table, so that a MoE model with tens of thousands still opens; the ones that changed most stay. */
export const MOST_TENSORS = 1500;

/** Characters of a label from which on it is cut down to what tells experts apart: those of a slanted one. */
const LABEL_CHARACTERS = 12;

const TENSOR_EXPERT_METRICS = ['changed_fraction', 'relative_norm', 'displacement_ratio', 'max_abs'] as const;
const TENSOR_PAIR_METRICS = ['cosine', 'jaccard_lift', 'sign_conflict_on_overlap'] as const;

type Value = number | null;

/** One scope: a list by expert or by pair for each metric. */
export interface PageScope {
  readonly kind: 'global' | 'layer' | 'module';
  readonly name: string;
  readonly parameters: number;
  readonly expert: Readonly<Record<string, readonly Value[]>>;
  readonly pair: Readonly<Record<string, readonly Value[]>>;
  readonly group: Readonly<Record<string, readonly Value[]>>;
  /** Matrices with a spectrum in the scope. */
  readonly matrices: number;
  /** By expert, then class. */
  readonly ulps: readonly (readonly number[])[];
  readonly changedBy: readonly number[];
}

export interface PageData {
  readonly experts: readonly string[];
  /** What the experts are called where there is no room for their names. */
  readonly labels: readonly string[];
  /** Positions in `experts`. */
  readonly pairs: readonly (readonly [number, number])[];
  readonly metrics: Readonly<
    Record<'expert' | 'pair' | 'group' | 'hotspot' | 'merge', Readonly<Record<string, Metric>>>
  >;
  /** Which of the metrics are of spectra; null when those were not asked for. */
  readonly spectra: Readonly<Record<'expert' | 'pair', readonly string[]>> | null;
  readonly scopes: readonly PageScope[];
  /** Displacement ratio by expert, module and layer; null where a layer has no such module. */
  readonly map: {
    readonly modules: readonly string[];
    readonly layers: readonly number[];
    readonly values: Value[][][];
  };
  readonly tensors: {
    readonly total: number;
    readonly name: readonly string[];
    readonly layer: readonly Value[];
    readonly module: readonly string[];
    readonly parameters: readonly number[];
    /** By metric, then tensor, then expert or pair. */
    readonly expert: Readonly<Record<string, readonly (readonly Value[])[]>>;
    readonly pair: Readonly<Record<string, readonly (readonly Value[])[]>>;
  };
  readonly merges: readonly PageMerge[];
}

export interface PageMerge {
  readonly name: string;
  /** Numbers of the whole merge by field, then by expert for each metric of an expert. */
  readonly totals: Readonly<Record<string, Value>>;
  readonly expert: Readonly<Record<string, readonly Value[]>>;
}

/** The data of one page. Pure; its JSON is what the page's script reads. */
export function makePageData(result: GeometryResult): PageData {
  const { experts } = result;
  const places = placeTensors(result.tensors);
  const layerNames = Object.keys(result.layers).sort(compareNames);
  return {
    experts,
    labels: distinctNames(experts, LABEL_CHARACTERS),
    pairs: expertPairs(experts).map(({ first, second }) => [experts.indexOf(first), experts.indexOf(second)]),
    metrics: {
      expert: { ...EXPERT_METRICS, ...(result.global.spectral && SPECTRAL_EXPERT_METRICS) },
      pair: { ...PAIR_METRICS, ...(result.global.spectral && SPECTRAL_PAIR_METRICS) },
      group: SCOPE_METRICS,
      hotspot: HOTSPOT_METRICS,
      merge: { ...MERGE_METRICS, ...REMOVED_METRICS },
    },
    spectra: result.global.spectral ? { expert: SPECTRAL_EXPERT_KEYS, pair: SPECTRAL_PAIR_KEYS } : null,
    scopes: [
      makeScope('global', 'Whole model', result.global, result),
      ...layerNames.map((name) => makeScope('layer', name, result.layers[name]!, result)),
      ...orderModules(Object.keys(result.modules)).map((name) =>
        makeScope('module', name, result.modules[name]!, result),
      ),
    ],
    map: makeMap(result, places),
    tensors: makeTensors(result, places),
    merges: Object.keys(result.merge_accounting).map((name) => makeMerge(result, name)),
  };
}

function rounded(value: number | null | undefined): Value {
  if (value === null || value === undefined || !Number.isFinite(value)) return null;
  return Number.isInteger(value) ? value : Number(value.toPrecision(DIGITS));
}

function makeScope(
  kind: PageScope['kind'],
  name: string,
  scope: ScopeGeometry,
  { experts, global }: GeometryResult,
): PageScope {
  const hasSpectra = global.spectral !== undefined;
  const pairs = expertPairs(experts);
  const hotspots = scope.hotspots;
  return {
    kind,
    name,
    parameters: scope.parameters,
    expert: {
      ...columns(Object.keys(EXPERT_METRICS) as ExpertMetricKey[], (key) =>
        experts.map((expert) => rounded(scope.experts[expert]?.[key])),
      ),
      ...(hasSpectra &&
        columns(SPECTRAL_EXPERT_KEYS, (key) =>
          experts.map((expert) => rounded(scope.spectral?.experts[expert]?.[key])),
        )),
    },
    pair: {
      ...columns(Object.keys(PAIR_METRICS) as PairMetricKey[], (key) =>
        pairs.map((pair) => rounded(scope.pairs[pair.key]?.[key])),
      ),
      ...(hasSpectra &&
        columns(SPECTRAL_PAIR_KEYS, (key) => pairs.map((pair) => rounded(scope.spectral?.pairs[pair.key]?.[key])))),
    },
    group: {
      exact_cancellation_on_overlap: [rounded(scope.exact_cancellation_on_overlap)],
      conflict_mass: [rounded(scope.conflict_mass)],
      ...(hotspots && {
        jaccard: pairs.map(({ key }) => rounded(hotspots.jaccard[key])),
        incoming_energy: experts.map((expert) => rounded(hotspots.incoming_energy[expert])),
      }),
    },
    matrices: scope.spectral?.matrices ?? 0,
    ulps: experts.map((expert) => scope.experts[expert]?.ulp_histogram ?? []),
    changedBy: scope.changed_by_k,
  };
}

function columns<K extends string, T>(keys: readonly K[], column: (key: K) => T): Record<string, T> {
  return Object.fromEntries(keys.map((key) => [key, column(key)]));
}

/** (Σ‖τ‖² of the cell / ‖τ‖²) / (Σn of the cell / n): norms of tensors add up as squares. */
function makeMap(result: GeometryResult, places: ReadonlyMap<string, TensorPlace>): PageData['map'] {
  const cells = new Map<string, string[]>();
  for (const [name, { layer, module }] of places) {
    if (layer === undefined) continue;
    const key = `${module} ${layer}`;
    const members = cells.get(key);
    if (members === undefined) cells.set(key, [name]);
    else members.push(name);
  }
  const placed = [...places.values()].flatMap(({ layer, module }) => (layer === undefined ? [] : [{ layer, module }]));
  const layers = [...new Set(placed.map(({ layer }) => layer))].sort((a, b) => a - b);
  const modules = orderModules([...new Set(placed.map(({ module }) => module))]);
  const displaced = modules.map((module) =>
    layers.map((layer) => displacements(result, cells.get(`${module} ${layer}`) ?? [])),
  );
  const values = result.experts.map((_, expert) => displaced.map((row) => row.map((cell) => cell[expert]!)));
  return { modules, layers, values };
}

/** By expert. */
function displacements({ experts, global, tensors }: GeometryResult, names: readonly string[]): Value[] {
  const energies = experts.map(() => 0);
  let parameters = 0;
  for (const tensor of names.map((name) => tensors[name]!)) {
    parameters += tensor.parameters;
    experts.forEach((expert, i) => {
      energies[i]! += (tensor.experts[expert]?.norm ?? 0) ** 2;
    });
  }
  return experts.map((expert, i) => {
    const total = (global.experts[expert]?.norm ?? 0) ** 2;
    return parameters === 0 || total === 0 ? null : rounded(energies[i]! / total / (parameters / global.parameters));
  });
}

function makeTensors(result: GeometryResult, places: ReadonlyMap<string, TensorPlace>): PageData['tensors'] {
  const pairs = expertPairs(result.experts);
  const all = Object.keys(result.tensors);
  const names = mostChanged(result, all).sort(compareNames);
  const tensors = names.map((name) => result.tensors[name]!);
  return {
    total: all.length,
    name: names,
    layer: names.map((name) => places.get(name)?.layer ?? null),
    module: names.map((name) => places.get(name)?.module ?? 'other'),
    parameters: tensors.map(({ parameters }) => parameters),
    expert: columns(TENSOR_EXPERT_METRICS, (key) =>
      tensors.map((tensor) => result.experts.map((expert) => rounded(tensor.experts[expert]?.[key]))),
    ),
    pair: columns(TENSOR_PAIR_METRICS, (key) =>
      tensors.map((tensor) => pairs.map((pair) => rounded(tensor.pairs[pair.key]?.[key]))),
    ),
  };
}

function mostChanged({ tensors, experts }: GeometryResult, names: readonly string[]): string[] {
  if (names.length <= MOST_TENSORS) return [...names];
  const energyOf = (own: ScopeGeometry): number =>
    experts.reduce((sum, expert) => sum + (own.experts[expert]?.norm ?? 0) ** 2, 0);
  const energy = new Map(names.map((name) => [name, energyOf(tensors[name]!)]));
  return [...names].sort((a, b) => energy.get(b)! - energy.get(a)! || compareNames(a, b)).slice(0, MOST_TENSORS);
}

function makeMerge({ merge_accounting, experts }: GeometryResult, name: string): PageMerge {
  const merge = merge_accounting[name]!;
  const totals = ['rounding_survival', 'norm_ratio', 'updated_coordinates', 'lost_to_rounding', 'non_finite'] as const;
  return {
    name,
    totals: columns(totals, (key) => rounded(merge[key])),
    expert: {
      ...columns(['retained_projection', 'retained_projection_after_rounding', 'direction_retention'] as const, (key) =>
        experts.map((expert) => rounded(merge[key][expert])),
      ),
      ...columns(Object.keys(REMOVED_METRICS) as (keyof RemovedShares)[], (key) =>
        experts.map((expert) => rounded(merge.removed[expert]?.[key])),
      ),
    },
  };
}
