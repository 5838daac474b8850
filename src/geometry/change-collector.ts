/** What one expert changed in a unit: sizes, classes, norm. Most changes of bf16 are counted, not looked at one by one. */
import {
  CHANGE_COUNTERS,
  type Kernels,
  MAGNITUDE_BINS,
  REDUCTION_LANES,
  type Slot,
  ULP_CLASS_COUNT,
} from '../../kernels/abi.js';
import type { SparseCounts } from '../../kernels/statistics/sparse-counts.js';
import type { LastPlace } from './last-place.js';
import { changeOfSteps, magnitudeBin, ulpClassOf } from './steps.js';
import { foldLanes } from './unit-sums.js';

/** Elements of which sums in f32 are added to the lanes in f64: `sumMagnitude` takes eight of each lane. */
const RUN = 8 * REDUCTION_LANES;

/** Room for the last whole vector that `collectChanges` writes. */
const SPARE_ELEMENTS = 16;

/** A step of one expert: f32 change and base, and where both are stored as bf16, those too. */
export interface ExpertStep {
  readonly count: number;
  readonly change: Slot;
  readonly base: Slot;
  readonly bf16?: { readonly value: Slot; readonly base: Slot } | undefined;
  /** Bytes of a mask in which bf16 changes are marked by `bit`. */
  readonly mask: Slot;
  readonly bit: number;
}

/** What is known of one expert's changes. */
export interface ChangeSums {
  /** CHANGE_COUNTERS counters of `classifyChange`. */
  readonly counters: readonly number[];
  readonly maximum: number;
  /** Στ² and Σ|τ|. */
  readonly squares: number;
  readonly mass: number;
  /** Elements by the upper 16 bits of |τ|. */
  readonly magnitudes: SparseCounts;
}

export interface CollectorContext {
  readonly kernels: Kernels;
  readonly tileCapacity: number;
  readonly lastPlace: LastPlace;
  allocate(bytes: number): Slot;
}

/** Memory that collectors of a unit share: what they write there is of no use later. */
export interface CollectorScratch {
  /** MAGNITUDE_BINS u32 that nobody reads. */
  readonly inexact: Slot;
  /** MAGNITUDE_BINS + 1 u32. */
  readonly filled: Slot;
}

export function allocateScratch({ allocate }: CollectorContext): CollectorScratch {
  return { inexact: allocate(4 * MAGNITUDE_BINS), filled: allocate(4 * (MAGNITUDE_BINS + 1)) };
}

/**
 * Changes that are not counted as steps gather in a buffer and are summed up run by run, in the order of their
 * elements, so that nothing depends on how a unit was cut.
 */
export class ChangeCollector {
  readonly #context: CollectorContext;
  readonly #scratch: CollectorScratch;
  readonly #slots: ReturnType<typeof allocateSlots>;
  #waiting = 0;
  #maximum = 0;

  constructor(context: CollectorContext, scratch: CollectorScratch) {
    this.#context = context;
    this.#scratch = scratch;
    this.#slots = allocateSlots(context);
  }

  observe({ count, change, base, bf16, mask, bit }: ExpertStep): void {
    const { kernels, tileCapacity } = this.#context;
    const { changes, bases, steps } = this.#slots;
    const [toChanges, toBases] = [changes + 4 * this.#waiting, bases + 4 * this.#waiting];
    this.#waiting +=
      bf16 === undefined
        ? kernels.collectChanges(change, base, count, toChanges, toBases)
        : kernels.countSteps(bf16.base, bf16.value, count, steps, toChanges, toBases, mask, bit);
    if (this.#waiting > tileCapacity) this.#sumUp(this.#waiting - (this.#waiting % RUN));
  }

  finish(): ChangeSums {
    this.#sumUp(this.#waiting);
    const { kernels } = this.#context;
    const { buffer } = kernels.memory;
    const { counters, squares, mass, magnitudes } = this.#slots;
    const sums = {
      counters: Array.from(new Uint32Array(buffer, counters, CHANGE_COUNTERS)),
      maximum: this.#maximum,
      squares: foldLanes(kernels, squares, REDUCTION_LANES),
      mass: foldLanes(kernels, mass, REDUCTION_LANES),
    };
    const dense = new Uint32Array(buffer, magnitudes, MAGNITUDE_BINS);
    this.#addSteps(sums, dense);
    const bins = this.#filledBins(magnitudes);
    return { ...sums, magnitudes: { bins, counts: bins.map((bin) => dense[bin]!) } };
  }

  /** Adds what was counted as steps, in ascending order of its counters. */
  #addSteps(
    sums: { counters: number[]; maximum: number; squares: number; mass: number },
    magnitudes: Uint32Array,
  ): void {
    const { steps } = this.#slots;
    const dense = new Uint32Array(this.#context.kernels.memory.buffer, steps, MAGNITUDE_BINS);
    for (const bin of this.#filledBins(steps)) {
      const count = dense[bin]!;
      const { size, steps: units, isAbsolute, isRelative } = changeOfSteps(bin);
      sums.counters[ulpClassOf(units)]! += count;
      if (isAbsolute) sums.counters[ULP_CLASS_COUNT]! += count;
      if (isRelative) sums.counters[ULP_CLASS_COUNT + 1]! += count;
      if (size > sums.maximum) sums.maximum = size;
      sums.squares += count * size * size;
      sums.mass += count * size;
      magnitudes[magnitudeBin(size)]! += count;
    }
  }

  #filledBins(slot: Slot): Uint32Array {
    const { kernels } = this.#context;
    const filled = kernels.filledBins(slot, MAGNITUDE_BINS, this.#scratch.filled);
    return new Uint32Array(kernels.memory.buffer, this.#scratch.filled, filled).slice();
  }

  /** Sums up the first `count` waiting changes and moves the rest to the front. */
  #sumUp(count: number): void {
    const { kernels, lastPlace } = this.#context;
    const { changes, bases, counters, magnitudes, squares, mass } = this.#slots;
    const { mantissaBits, minimumExponent } = lastPlace;
    const largest = kernels.classifyChange(changes, bases, count, mantissaBits, minimumExponent, counters);
    this.#maximum = Math.max(this.#maximum, largest);
    kernels.histogramMagnitude(changes, count, magnitudes, this.#scratch.inexact);
    kernels.sumSquares(changes, count, squares);
    kernels.sumMagnitude(changes, count, mass);
    const bytes = new Uint8Array(kernels.memory.buffer);
    for (const slot of [changes, bases]) bytes.copyWithin(slot, slot + 4 * count, slot + 4 * this.#waiting);
    this.#waiting -= count;
  }
}

function allocateSlots({ tileCapacity, allocate }: CollectorContext) {
  const buffer = 4 * (2 * tileCapacity + SPARE_ELEMENTS);
  return {
    changes: allocate(buffer),
    bases: allocate(buffer),
    steps: allocate(4 * MAGNITUDE_BINS),
    magnitudes: allocate(4 * MAGNITUDE_BINS),
    counters: allocate(4 * CHANGE_COUNTERS),
    squares: allocate(8 * REDUCTION_LANES),
    mass: allocate(8 * REDUCTION_LANES),
  };
}
