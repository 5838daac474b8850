/** Runs a merge method over arrays as the engine does, in units and tiles as small as they can be. */
import type { Kernels } from '../../kernels/abi.js';
import { type Method, spaceOf } from '../../kernels/method.js';
import { findMethod } from '../../kernels/methods/registry.js';
import type { ParameterScope, Setting, Settings } from '../../kernels/parameters.js';
import { createReferenceKernels } from '../../kernels/reference/index.js';
import type { UnitPosition } from '../../kernels/statistic.js';
import type { Operand, TensorMerge, Tile, UnitContext } from '../../kernels/unit.js';
import { layOutUnits } from '../../src/plan/unit-layout.js';

export interface TensorInput {
  readonly shape: readonly number[];
  readonly base?: readonly number[] | undefined;
  /** Values of each model. */
  readonly models: readonly (readonly number[])[];
}

export interface Drive {
  readonly method: string;
  readonly tensors: readonly TensorInput[];
  /** Per model, on top of the defaults. */
  readonly models: readonly Settings[];
  readonly merge?: Settings;
  readonly preset?: 'mergekit' | 'm2rl';
  /** Elements of a unit and of a tile; multiples of 64 (more where rows are longer). */
  readonly unitElements?: number;
}

const KERNEL_BYTES = 64_000_000;
const kernels: Kernels = createReferenceKernels();
kernels.grow(kernels.heapStart + KERNEL_BYTES);

interface Unit {
  readonly merge: TensorMerge;
  readonly values: TensorInput;
  readonly tensor: number;
  readonly first: number;
  readonly count: number;
  readonly statistics: Record<string, unknown>;
  /** See `Method.anchored`. */
  readonly isAnchored: boolean;
}

/** The merged values of each tensor, f32. */
export function driveMethod({
  method: name,
  tensors,
  models,
  merge = {},
  preset = 'mergekit',
  unitElements = 64,
}: Drive) {
  const method = findMethod(name)!;
  const defaults = (scope: ParameterScope): Record<string, Setting> => ({
    ...Object.fromEntries(
      method.parameters.flatMap((parameter) =>
        parameter.scope === scope && parameter.default !== undefined ? [[parameter.name, parameter.default]] : [],
      ),
    ),
    ...method.presets[preset],
  });
  const settings = { ...defaults('merge'), ...merge };
  const operandSettings = models.map((own) => ({ ...defaults('model'), ...own }));
  const merges = tensors.map((tensor, t) => describeMerge(method, tensor, t, settings, operandSettings));
  const units = merges.flatMap((one, t) => cut(method, one, tensors[t]!, t, unitElements));
  for (const statistic of method.statistics(settings)) gather(method, statistic.name, units, merges);
  const results = tensors.map(({ models: [first] }) => new Float32Array(first!.length));
  for (const unit of units) combineUnit(method, unit, results[unit.tensor]!);
  return results;
}

function describeMerge(
  method: Method,
  { shape, base, models }: TensorInput,
  tensor: number,
  settings: Settings,
  operandSettings: readonly Settings[],
): TensorMerge {
  const operands = operandSettings.map(
    (own, model): Operand => ({ model, settings: own, randomKey: [1000 * tensor + model, 77] }),
  );
  return {
    elements: models[0]!.length,
    shape,
    space: spaceOf(method, base !== undefined),
    settings,
    operands: operands.filter((operand) => !method.ignores(operand.settings, settings)),
  };
}

function cut(method: Method, merge: TensorMerge, values: TensorInput, tensor: number, unitElements: number): Unit[] {
  const { runElements } = layOutUnits(method, merge.shape, merge.settings);
  const size = Math.max(runElements, Math.floor(unitElements / runElements) * runElements);
  const units: Unit[] = [];
  for (let first = 0; first < merge.elements; first += size) {
    units.push({
      merge,
      values,
      tensor,
      first,
      count: Math.min(size, merge.elements - first),
      statistics: {},
      isAnchored: method.anchored === true,
    });
  }
  return units;
}

function gather(method: Method, name: string, units: readonly Unit[], merges: readonly TensorMerge[]): void {
  const statisticOf = (settings: Settings) => method.statistics(settings).find((one) => one.name === name)!;
  const { scope } = statisticOf(merges[0]!.settings);
  const scopes = scope === 'model' ? [units] : merges.map((_, t) => units.filter(({ tensor }) => tensor === t));
  for (const members of scopes) {
    const [first] = members;
    if (first === undefined) continue;
    const statistic = statisticOf(first.merge.settings);
    const tensors = scope === 'model' ? merges : [first.merge];
    const collector = statistic.collector({ tensors });
    const position = (unit: Unit): UnitPosition => ({
      tensor: scope === 'model' ? unit.tensor : 0,
      ordinal: members.indexOf(unit),
    });
    let request: unknown = null;
    let visits = (_position: UnitPosition): boolean => true;
    for (;;) {
      // Last unit first: the order of arrival must not matter.
      for (const unit of members.filter((one) => visits(position(one))).toReversed()) {
        let observer: ReturnType<typeof statistic.observer> | undefined;
        overTiles(unit, (context) => {
          observer = statistic.observer(context, request);
          return (tile) => observer!.observe(tile);
        });
        collector.add(position(unit), structuredClone(observer!.finish()));
      }
      const outcome = collector.conclude();
      if ('value' in outcome) {
        for (const unit of members) {
          unit.statistics[name] = statistic.valueForUnit(outcome.value, position(unit), unit.merge);
        }
        break;
      }
      request = outcome.request;
      visits = outcome.visits ?? (() => true);
    }
  }
}

function combineUnit(method: Method, unit: Unit, result: Float32Array): void {
  overTiles(unit, (context) => {
    const combine = method.combine(context);
    const destination = context.allocate(4 * context.tileCapacity);
    return (tile) => {
      combine(tile, destination);
      if (unit.merge.space === 'taskVectors') kernels.add(destination, destination, tile.base!, tile.count);
      result.set(new Float32Array(kernels.memory.buffer, destination, tile.count), tile.firstIndex);
    };
  });
}

/** One tile of the whole unit where rows must stay together, else tiles of 64 elements. */
function overTiles(unit: Unit, prepare: (context: UnitContext) => (tile: Tile) => void): void {
  const { merge, values, first, count, statistics, isAnchored } = unit;
  let next = kernels.heapStart;
  const allocate = (bytes: number): number => {
    const slot = Math.ceil(next / 64) * 64;
    next = slot + bytes;
    if (next > kernels.heapStart + KERNEL_BYTES) throw new RangeError('the driver has too little memory');
    new Uint8Array(kernels.memory.buffer).fill(0, slot, next);
    return slot;
  };
  const place = (list: readonly number[]): number => {
    const slot = allocate(4 * count);
    new Float32Array(kernels.memory.buffer, slot, count).set(list.slice(first, first + count));
    return slot;
  };
  const base = values.base === undefined ? undefined : place(values.base);
  const operands = merge.operands.map(({ model }) => {
    const slot = place(values.models[model]!);
    if (merge.space === 'taskVectors') kernels.subtract(slot, slot, base!, count);
    return slot;
  });
  if (isAnchored && merge.space === 'weights') {
    for (const slot of operands.slice(1)) kernels.subtract(slot, slot, operands[0]!, count);
  }
  const context: UnitContext = {
    kernels,
    merge,
    statistics,
    firstIndex: first,
    count,
    tileCapacity: count,
    allocate,
    keep: (_name, bytes) => ({ slot: allocate(bytes), filled: false }),
    share: (_apartFrom, bytes) => ({ slot: allocate(bytes), isFirst: true, variants: 1 }),
  };
  const step = prepare(context);
  step({ firstIndex: first, count, operands, base });
}
