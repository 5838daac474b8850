/** Folds the sums of units into the geometry of tensors, layers, kinds of modules and the whole model. */
import { channelLayout } from './channels.js';
import { type ChannelTensor, HotspotCollector } from './hotspots.js';
import { scopeGeometry, withDisplacement } from './metrics.js';
import { MODULE_TYPES, type ModuleType, moduleTypeOf } from './module-type.js';
import { projectionGeometry } from './projection.js';
import { RealRows } from './real-rows.js';
import type { GeometryResult, ScopeGeometry } from './result.js';
import { ScopeRows } from './scope-rows.js';
import { ScopeSums } from './scope-sums.js';
import type { UnitSums } from './unit-sums.js';

/** A tensor as the collector knows it. */
export interface GeometryTensor {
  readonly name: string;
  /** Number of the layer; undefined for embeddings, the final norm and the head. */
  readonly layer: number | undefined;
  readonly shape: readonly number[];
  readonly units: number;
}

/** The part of the result that weights alone decide. */
export type MeasuredGeometry = Pick<
  GeometryResult,
  'global' | 'layers' | 'modules' | 'tensors' | 'untouched' | 'projection'
>;

/** Sums of one tensor while its units come in. */
interface OpenTensor {
  readonly units: (UnitSums | undefined)[];
  missing: number;
}

export class GeometryCollector {
  readonly #tensors: readonly GeometryTensor[];
  readonly #names: readonly string[];
  readonly #open = new Map<number, OpenTensor>();
  /** What stays of a tensor: its sums for the scopes above it, and its own metrics. */
  readonly #reals: RealRows;
  readonly #geometry: ScopeRows;
  readonly #projections: (readonly Float64Array[])[] = [];
  readonly #isClosed: boolean[] = [];
  readonly #model: ScopeSums;
  /** Those of the tensor at hand: most of a mixture's are so small that to make them anew took longer than to fill them. */
  readonly #tensor: ScopeSums;
  readonly #layers = new Map<number, ScopeSums>();
  readonly #modules = new Map<ModuleType, ScopeSums>();
  readonly #hotspots: HotspotCollector;

  /** `tensors` in name order; `names` are the experts in recipe order. */
  constructor(tensors: readonly GeometryTensor[], names: readonly string[]) {
    this.#tensors = tensors;
    this.#names = names;
    this.#model = new ScopeSums(names.length);
    this.#tensor = new ScopeSums(names.length);
    this.#reals = new RealRows(tensors.length, names.length);
    this.#geometry = new ScopeRows(tensors.length, names);
    this.#hotspots = new HotspotCollector(channelTensors(tensors), names);
  }

  /** Takes one unit, in any order. */
  add(tensor: number, unit: number, sums: UnitSums): void {
    const { name, layer, units } = this.#tensors[tensor]!;
    const open = this.#open.get(tensor) ?? { units: new Array<UnitSums | undefined>(units), missing: units };
    this.#open.set(tensor, open);
    open.units[unit] = sums;
    open.missing--;
    if (sums.channels !== undefined && layer !== undefined) this.#hotspots.add(tensor, unit, sums.channels);
    if (open.missing > 0) return;
    this.#open.delete(tensor);
    this.#close(tensor, this.#scopesOf(name, layer), open.units as readonly UnitSums[]);
  }

  /** The geometry, once all units are in. f64 sums are added in tensor order here, whatever the order of arrival. */
  finish(): MeasuredGeometry {
    this.#tensors.forEach(({ name, layer }, tensor) => {
      if (!this.#isClosed[tensor]) this.#close(tensor, [], []);
      const reals = this.#reals.at(tensor);
      for (const scope of this.#scopesOf(name, layer)) scope.addReals(reals);
    });
    const global = scopeGeometry(this.#model, this.#names);
    const describe = (scope: ScopeSums): ScopeGeometry => withDisplacement(scopeGeometry(scope, this.#names), global);
    const layers = [...this.#layers].sort(([a], [b]) => a - b);
    const modules = MODULE_TYPES.flatMap((type) => {
      const scope = this.#modules.get(type);
      return scope === undefined ? [] : [[type, describe(scope)] as const];
    });
    return {
      global: withDisplacement(global, global),
      layers: Object.fromEntries(
        layers.map(([layer, scope]) => [String(layer), this.#withHotspots(layer, describe(scope))]),
      ),
      modules: Object.fromEntries(modules),
      tensors: whenAsked(
        this.#tensors.map(({ name }) => name),
        (tensor) => withDisplacement(this.#geometry.at(tensor), global),
      ),
      untouched: this.#untouched(),
      ...this.#projection(),
    };
  }

  #withHotspots(layer: number, scope: ScopeGeometry): ScopeGeometry {
    const hotspots = this.#hotspots.of(layer);
    return hotspots === undefined ? scope : { ...scope, hotspots };
  }

  #projection(): Pick<GeometryResult, 'projection'> {
    const vectors = sumVectors(this.#projections.filter((projection) => projection !== undefined));
    return vectors === undefined ? {} : { projection: projectionGeometry(vectors, this.#names) };
  }

  /** Names of the tensors that each expert left alone. */
  #untouched(): Record<string, string[]> {
    const untouched = new Map(this.#names.map((expert) => [expert, [] as string[]]));
    for (const [tensor, { name }] of this.#tensors.entries()) {
      const { experts } = this.#geometry.at(tensor);
      for (const [expert, names] of untouched) if (experts[expert]!.changed_fraction === 0) names.push(name);
    }
    return Object.fromEntries(untouched);
  }

  /** Adds up a tensor, and its counts to the scopes above it. */
  #close(tensor: number, scopes: readonly ScopeSums[], units: readonly UnitSums[]): void {
    const sums = this.#tensor;
    sums.clear();
    for (const unit of units) {
      sums.addCounts(unit);
      sums.addReals(unit);
    }
    for (const scope of scopes) scope.addCountsOf(sums);
    const projection = sumVectors(units.flatMap((unit) => (unit.projection === undefined ? [] : [unit.projection])));
    if (projection !== undefined) this.#projections[tensor] = projection;
    this.#isClosed[tensor] = true;
    this.#reals.set(tensor, sums.reals);
    this.#geometry.set(tensor, scopeGeometry(sums, this.#names));
  }

  #scopesOf(name: string, layer: number | undefined): ScopeSums[] {
    const type = moduleTypeOf(name);
    const module = this.#modules.get(type) ?? new ScopeSums(this.#names.length);
    this.#modules.set(type, module);
    if (layer === undefined) return [this.#model, module];
    const own = this.#layers.get(layer) ?? new ScopeSums(this.#names.length);
    this.#layers.set(layer, own);
    return [this.#model, module, own];
  }
}

/** A record whose values are made when they are looked at, each time anew. */
function whenAsked<T>(names: readonly string[], at: (index: number) => T): Record<string, T> {
  const record = {};
  for (const [index, name] of names.entries()) {
    Object.defineProperty(record, name, { enumerable: true, get: () => at(index) });
  }
  return record;
}

/** Matrices of MLPs within layers, by index. */
function channelTensors(tensors: readonly GeometryTensor[]): Map<number, ChannelTensor> {
  const found = new Map<number, ChannelTensor>();
  for (const [index, { name, layer, shape, units }] of tensors.entries()) {
    const layout = channelLayout(name, shape);
    if (layout !== undefined && layer !== undefined) found.set(index, { name, layer, units, layout });
  }
  return found;
}

/** Sums of vectors by expert, in order; undefined when there are none. */
function sumVectors(parts: readonly (readonly Float64Array[])[]): Float64Array[] | undefined {
  const [first, ...others] = parts;
  const total = first?.map((vector) => vector.slice());
  for (const part of others) {
    part.forEach((vector, expert) => {
      vector.forEach((x, i) => {
        total![expert]![i]! += x;
      });
    });
  }
  return total;
}
