/** Measures the geometry of one unit with the kernels: the worker's side. */
import {
  BASE_MAGNITUDE_BINS,
  CHANGE_COUNTERS,
  type Kernels,
  MAGNITUDE_BINS,
  OPERAND_BYTES,
  REDUCTION_LANES,
  type Slot,
} from '../../kernels/abi.js';
import { fillOperandTable } from '../../kernels/operand-table.js';
import type { SparseCounts } from '../../kernels/statistics/sparse-counts.js';
import type { LastPlace } from './last-place.js';
import { foldLanes, productSums, type UnitSums } from './unit-sums.js';

const ONE = [1];

/** A tile with what geometry needs beside the task vectors: the base, and all values as they are stored. */
export interface StoredTile {
  readonly count: number;
  /** f32 of the base. */
  readonly base: Slot;
  /** f32 task vectors. */
  readonly operands: readonly Slot[];
  /** For each operand its stored values and those of the base, of one dtype of `width` bytes, to compare bit by bit. */
  readonly stored: readonly { readonly value: Slot; readonly base: Slot; readonly width: number }[];
}

export interface GeometryContext {
  readonly kernels: Kernels;
  readonly experts: number;
  readonly tileCapacity: number;
  /** The precision of the base's stored values. */
  readonly lastPlace: LastPlace;
  /** Takes zeroed kernel memory for the unit. */
  allocate(bytes: number): Slot;
}

/** Accumulates tile by tile; `finish` gives the unit's sums. */
export class GeometryObserver {
  readonly #context: GeometryContext;
  readonly #slots: ReturnType<typeof allocateSlots>;
  readonly #maximum: number[];
  #elements = 0;
  #cancelled = 0;

  constructor(context: GeometryContext) {
    this.#context = context;
    this.#slots = allocateSlots(context);
    this.#maximum = Array.from({ length: context.experts }, () => 0);
  }

  observe({ count, base, operands, stored }: StoredTile): void {
    const { kernels, experts, lastPlace } = this.#context;
    const { table, baseTable, mask, masks, signs, baseLanes, productLanes, overlapLanes, conflictLanes } = this.#slots;
    this.#elements += count;
    // Geometry ignores scales and weights; the table has them all the same.
    const unscaled = operands.map(() => 1);
    fillOperandTable(kernels, table, operands, unscaled, unscaled);
    fillOperandTable(kernels, baseTable, [base], ONE, ONE);
    new Uint8Array(kernels.memory.buffer, mask, count).fill(0);
    stored.forEach(({ value, base: unchanged, width }, expert) => {
      kernels.markChanged(unchanged, value, width, count, mask, 1 << expert);
    });
    kernels.countMasks(base, mask, experts, count, masks);
    kernels.countSigns(table, experts, mask, count, signs);
    kernels.sumProducts(baseTable, 1, count, baseLanes);
    kernels.sumProducts(table, experts, count, productLanes);
    kernels.sumOverlapEnergy(table, experts, count, overlapLanes);
    this.#cancelled += kernels.sumConflict(table, experts, count, conflictLanes);
    operands.forEach((operand, expert) => {
      const { changes, magnitudes, inexact } = this.#slots.byExpert[expert]!;
      const { mantissaBits, minimumExponent } = lastPlace;
      const largest = kernels.classifyChange(operand, base, count, mantissaBits, minimumExponent, changes);
      this.#maximum[expert] = Math.max(this.#maximum[expert]!, largest);
      kernels.histogramMagnitude(operand, count, magnitudes, inexact);
    });
  }

  finish(): UnitSums {
    const { kernels, experts } = this.#context;
    const slots = this.#slots;
    const sums = productSums(experts);
    const lanes = (slot: Slot, count: number): number[] =>
      foldLanes(new Float64Array(kernels.memory.buffer, slot, count * REDUCTION_LANES), count);
    const products = lanes(slots.productLanes, sums.products + sums.squared);
    const [conflict, mass] = lanes(slots.conflictLanes, 2);
    return {
      elements: this.#elements,
      baseSquares: lanes(slots.baseLanes, 1)[0]!,
      products: products.slice(0, sums.products),
      squaredProducts: products.slice(sums.products),
      overlapSquares: lanes(slots.overlapLanes, sums.overlap),
      conflict: conflict!,
      mass: mass!,
      cancelled: this.#cancelled,
      masks: this.#sparse(slots.masks, BASE_MAGNITUDE_BINS << experts),
      signs: this.#sparse(slots.signs, 1 << (2 * experts)),
      changes: slots.byExpert.map(({ changes }) =>
        Array.from(new Uint32Array(kernels.memory.buffer, changes, CHANGE_COUNTERS)),
      ),
      maximum: [...this.#maximum],
      magnitudes: slots.byExpert.map(({ magnitudes }) => this.#sparse(magnitudes, MAGNITUDE_BINS)),
    };
  }

  #sparse(slot: Slot, bins: number): SparseCounts {
    const { kernels } = this.#context;
    const { buffer } = kernels.memory;
    const filled = kernels.filledBins(slot, bins, this.#slots.scratch);
    const indices = new Uint32Array(buffer, this.#slots.scratch, filled).slice();
    const dense = new Uint32Array(buffer, slot, bins);
    return { bins: indices, counts: indices.map((bin) => dense[bin]!) };
  }
}

function allocateSlots({ experts, tileCapacity, allocate }: GeometryContext) {
  const sums = productSums(experts);
  const lanes = (count: number): Slot => allocate(8 * REDUCTION_LANES * count);
  const maskBins = BASE_MAGNITUDE_BINS << experts;
  return {
    table: allocate(OPERAND_BYTES * experts),
    baseTable: allocate(OPERAND_BYTES),
    mask: allocate(tileCapacity),
    masks: allocate(4 * maskBins),
    signs: allocate(4 << (2 * experts)),
    scratch: allocate(4 * (Math.max(maskBins, MAGNITUDE_BINS, 1 << (2 * experts)) + 1)),
    baseLanes: lanes(1),
    productLanes: lanes(sums.products + sums.squared),
    overlapLanes: lanes(sums.overlap),
    conflictLanes: lanes(2),
    byExpert: Array.from({ length: experts }, () => ({
      changes: allocate(4 * CHANGE_COUNTERS),
      magnitudes: allocate(4 * MAGNITUDE_BINS),
      inexact: allocate(4 * MAGNITUDE_BINS),
    })),
  };
}
