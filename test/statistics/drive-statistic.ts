/** Gathers a statistic as the scheduler does, over tensors given as arrays, with units as small as a test likes. */
import type { Collector, Statistic, UnitPosition } from '../../kernels/statistic.js';
import type { TensorMerge, UnitContext } from '../../kernels/unit.js';
import { createSimdKernels } from '../kernels/simd-kernels.js';

/** Room for the histograms of a few operands and their vectors, bytes. */
const KERNEL_BYTES = 4_000_000;

/** Elements of one tensor by operand; all operands have the same length. */
export type TensorValues = readonly Float32Array[];

export interface DriveOptions {
  readonly tensors: readonly TensorValues[];
  readonly unitElements: number;
  readonly tileElements: number;
  /** Reorders the units of each pass. */
  readonly order?: <T>(units: readonly T[]) => readonly T[];
  /** What the differences in `tensors` are between, tensor by tensor; observers are shown that where they take it. */
  readonly stored?: readonly StoredTensor[];
  /** Whether the merge is the only one, so that collectors may begin as they like. */
  readonly alone?: boolean;
}

/** bf16 patterns. */
export interface StoredTensor {
  readonly base: Uint16Array;
  readonly operands: readonly Uint16Array[];
}

/** A unit of the scope: where it stands, and which elements of which tensor it has. */
export interface DrivenUnit {
  readonly position: UnitPosition;
  readonly begin: number;
  readonly end: number;
  readonly valueForUnit: unknown;
}

export interface Driven {
  readonly units: readonly DrivenUnit[];
  /** What the collector asked for before each pass after the first. */
  readonly requests: readonly unknown[];
}

type Unit = Omit<DrivenUnit, 'valueForUnit'>;

const kernels = createSimdKernels();
kernels.grow(kernels.heapStart + KERNEL_BYTES);

export function driveStatistic(statistic: Statistic, options: DriveOptions): Driven {
  const { tensors, order = (units) => units } = options;
  const merges = tensors.map(describeMerge);
  const units = unitsOf(tensors, options.unitElements);
  const collector: Collector = statistic.collector({ tensors: merges });
  const requests: unknown[] = [];
  let request: unknown = null;
  let visits = (_position: UnitPosition): boolean => true;
  const beginning = options.alone ? collector.begin?.() : undefined;
  if (beginning !== undefined && 'request' in beginning) {
    ({ request, visits = visits } = beginning);
    requests.push(request);
  }
  for (;;) {
    for (const unit of order(units.filter(({ position }) => visits(position)))) {
      const merge = merges[unit.position.tensor]!;
      collector.add(unit.position, observeUnit(statistic, merge, unit, request, options));
    }
    const outcome = collector.conclude();
    if ('value' in outcome) {
      const value = (unit: Unit) => statistic.valueForUnit(outcome.value, unit.position, merges[unit.position.tensor]!);
      return { units: units.map((unit) => ({ ...unit, valueForUnit: value(unit) })), requests };
    }
    request = outcome.request;
    requests.push(request);
    visits = outcome.visits ?? (() => true);
  }
}

function describeMerge(values: TensorValues): TensorMerge {
  const operands = values.map((_, model) => ({ model, settings: { density: 0 }, randomKey: [0, 0] as const }));
  const elements = values[0]!.length;
  return { elements, shape: [elements], space: 'taskVectors', settings: {}, operands };
}

function unitsOf(tensors: readonly TensorValues[], unitElements: number): Unit[] {
  const units: Unit[] = [];
  tensors.forEach(([first], tensor) => {
    for (let begin = 0; begin < first!.length; begin += unitElements) {
      const end = Math.min(first!.length, begin + unitElements);
      units.push({ position: { tensor, ordinal: units.length }, begin, end });
    }
  });
  return units;
}

function observeUnit(
  statistic: Statistic,
  merge: TensorMerge,
  unit: Unit,
  request: unknown,
  options: DriveOptions,
): unknown {
  const { begin, end, position } = unit;
  const { tileElements } = options;
  const values = options.tensors[position.tensor]!;
  const stored = options.stored?.[position.tensor];
  let next = kernels.heapStart;
  const allocate = (bytes: number): number => {
    const slot = Math.ceil(next / 64) * 64;
    next = slot + bytes;
    kernels.grow(next);
    new Uint8Array(kernels.memory.buffer).fill(0, slot, next);
    return slot;
  };
  const slots = values.map(() => allocate(4 * tileElements));
  const baseSlot = allocate(2 * tileElements);
  const context: UnitContext = {
    kernels,
    merge,
    statistics: {},
    firstIndex: begin,
    count: end - begin,
    tileCapacity: tileElements,
    allocate,
    keep: (_name, bytes) => ({ slot: allocate(bytes), filled: false }),
    share: (_apartFrom, bytes) => ({ slot: allocate(bytes), isFirst: true, variants: 1 }),
  };
  const observer = statistic.observer(context, request);
  for (let firstIndex = begin; firstIndex < end; firstIndex += tileElements) {
    const count = Math.min(tileElements, end - firstIndex);
    const show = (to: Float32Array | Uint16Array, from: Float32Array | Uint16Array): void => {
      to.set(from.subarray(firstIndex, firstIndex + count));
    };
    if (stored !== undefined && observer.observeStored !== undefined) {
      show(new Uint16Array(kernels.memory.buffer, baseSlot, count), stored.base);
      for (const [i, slot] of slots.entries())
        show(new Uint16Array(kernels.memory.buffer, slot, count), stored.operands[i]!);
      observer.observeStored({ firstIndex, count, operands: slots, base: baseSlot });
      continue;
    }
    for (const [i, slot] of slots.entries()) show(new Float32Array(kernels.memory.buffer, slot, count), values[i]!);
    observer.observe({ firstIndex, count, operands: slots, base: undefined });
  }
  return structuredClone(observer.finish());
}
