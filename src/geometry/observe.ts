/** Measures the geometry of one unit with the kernels: the worker's side. */
import {
  BASE_MAGNITUDE_BINS,
  type Kernels,
  OPERAND_BYTES,
  REDUCTION_LANES,
  SHARED_LANES,
  type Slot,
  sharedSums,
} from '../../kernels/abi.js';
import { fillOperandTable } from '../../kernels/operand-table.js';
import type { SparseCounts } from '../../kernels/statistics/sparse-counts.js';
import { allocateScratch, ChangeCollector } from './change-collector.js';
import { type ChannelLayout, ChannelObserver } from './channels.js';
import type { LastPlace } from './last-place.js';
import { ProjectionObserver, type ProjectionWish } from './projection.js';
import { foldLanes, foldShared, pairCount, squaredDistances, type UnitSums } from './unit-sums.js';

/** A tile with what geometry needs beside the task vectors: the base, and all values as they are stored. */
export interface StoredTile {
  /** Flat index of the first element. */
  readonly firstIndex: number;
  readonly count: number;
  /** f32 of the base. */
  readonly base: Slot;
  /** f32 task vectors. */
  readonly operands: readonly Slot[];
  /** By operand. */
  readonly stored: readonly StoredPair[];
}

/** Stored values of an operand and of the base, of one dtype of `width` bytes, to compare bit by bit. */
export interface StoredPair {
  readonly value: Slot;
  readonly base: Slot;
  readonly width: number;
  readonly isBf16: boolean;
}

export interface GeometryContext {
  readonly kernels: Kernels;
  readonly experts: number;
  readonly tileCapacity: number;
  /** The unit's first element, and how many it has. */
  readonly firstIndex: number;
  readonly count: number;
  readonly channels: ChannelLayout | undefined;
  readonly projection: ProjectionWish | undefined;
  /** The precision of the base's stored values. */
  readonly lastPlace: LastPlace;
  /** Takes zeroed kernel memory for the unit. */
  allocate(bytes: number): Slot;
}

/** Accumulates tile by tile; `finish` gives the unit's sums. */
export class GeometryObserver {
  readonly #context: GeometryContext;
  readonly #slots: ReturnType<typeof allocateSlots>;
  readonly #collectors: readonly ChangeCollector[];
  readonly #channels: ChannelObserver | undefined;
  readonly #projection: ProjectionObserver | undefined;
  #elements = 0;
  /** The operands in the table. */
  #tabled: readonly Slot[] | undefined;

  constructor(context: GeometryContext) {
    this.#context = context;
    this.#slots = allocateSlots(context);
    const scratch = allocateScratch(context);
    this.#collectors = Array.from({ length: context.experts }, () => new ChangeCollector(context, scratch));
    this.#channels = context.channels && new ChannelObserver(context, context.channels);
    this.#projection = context.projection && new ProjectionObserver(context, context.projection);
  }

  observe({ firstIndex, count, base, operands, stored }: StoredTile): void {
    const { kernels, experts } = this.#context;
    const { table, mask, masks, baseLanes, ranks, sharedLanes, sharedCounters } = this.#slots;
    this.#elements += count;
    this.#fillTable(operands);
    new Uint8Array(kernels.memory.buffer, mask, count).fill(0);
    operands.forEach((change, expert) => {
      const pair = stored[expert]!;
      const bit = 1 << expert;
      if (!pair.isBf16) kernels.markChanged(pair.base, pair.value, pair.width, count, mask, bit);
      this.#collectors[expert]!.observe({ count, change, base, bf16: pair.isBf16 ? pair : undefined, mask, bit });
    });
    kernels.countMasks(base, mask, experts, count, masks);
    kernels.sumSquares(base, count, baseLanes);
    kernels.sumShared(table, experts, mask, count, ranks, sharedLanes, sharedCounters);
    this.#channels?.observe(firstIndex, count, operands);
    this.#projection?.observe(firstIndex, count, operands);
  }

  /** Most units have all steps of their operands in one place. */
  #fillTable(operands: readonly Slot[]): void {
    if (operands === this.#tabled) return;
    // Geometry ignores scales and weights; the table has them all the same.
    const unscaled = operands.map(() => 1);
    fillOperandTable(this.#context.kernels, this.#slots.table, operands, unscaled, unscaled);
    this.#tabled = operands;
  }

  finish(): UnitSums {
    const { kernels, experts } = this.#context;
    const { masks, baseLanes, sharedLanes, sharedCounters } = this.#slots;
    const { buffer } = kernels.memory;
    const changes = this.#collectors.map((collector) => collector.finish());
    const sums = (sharedSums(experts) * SHARED_LANES) << experts;
    const counters = Array.from(new Uint32Array(buffer, sharedCounters, pairCount(experts) + 1));
    const squares = changes.map((change) => change.squares);
    const counts = this.#sparse(masks, BASE_MAGNITUDE_BINS << experts);
    const shared = foldShared(new Float64Array(buffer, sharedLanes, sums), experts);
    return {
      elements: this.#elements,
      baseSquares: foldLanes(kernels, baseLanes, REDUCTION_LANES),
      squares,
      ...shared,
      squaredDistances: squaredDistances(squares, shared, countByMask(counts, experts)),
      mass: changes.reduce((total, { mass }) => total + mass, 0),
      opposed: counters.slice(0, -1),
      cancelled: counters.at(-1)!,
      masks: counts,
      changes: changes.map(({ counters: classes }) => classes),
      maximum: changes.map(({ maximum }) => maximum),
      magnitudes: changes.map(({ magnitudes }) => magnitudes),
      channels: this.#channels?.finish(),
      projection: this.#projection?.finish(),
    };
  }

  #sparse(slot: Slot, bins: number): SparseCounts {
    const { kernels } = this.#context;
    const { buffer } = kernels.memory;
    const filled = kernels.filledBins(slot, bins, this.#slots.filled);
    const indices = new Uint32Array(buffer, this.#slots.filled, filled).slice();
    const dense = new Uint32Array(buffer, slot, bins);
    return { bins: indices, counts: indices.map((bin) => dense[bin]!) };
  }
}

/** Elements by mask of the experts that changed them, whatever their magnitude. */
function countByMask({ bins, counts }: SparseCounts, experts: number): Float64Array {
  const byMask = new Float64Array(1 << experts);
  for (let i = 0; i < bins.length; i++) byMask[bins[i]! & (byMask.length - 1)]! += counts[i]!;
  return byMask;
}

function allocateSlots({ experts, tileCapacity, allocate }: GeometryContext) {
  const maskBins = BASE_MAGNITUDE_BINS << experts;
  return {
    table: allocate(OPERAND_BYTES * experts),
    mask: allocate(tileCapacity),
    masks: allocate(4 * maskBins),
    filled: allocate(4 * (maskBins + 1)),
    baseLanes: allocate(8 * REDUCTION_LANES),
    ranks: allocate(1 << experts),
    sharedLanes: allocate((8 * SHARED_LANES * sharedSums(experts)) << experts),
    sharedCounters: allocate(4 * (pairCount(experts) + 1)),
  };
}
