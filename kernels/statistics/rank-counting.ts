/** What a worker counts of one operand over a unit, for searches by rank. */
import { type Kernels, MAGNITUDE_BINS, type Slot } from '../abi.js';
import type { UnitContext } from '../unit.js';
import { STORED_BYTES, vectorBytes } from '../view.js';
import { type BinRange, keepLikely, likelyBins, type UpperBits } from './rank-guess.js';
import { LOW_BINS, type SearchRequest } from './rank-search.js';
import { CountsPacker, NO_COUNTS, type SparseCounts } from './sparse-counts.js';

export interface Counting {
  count(source: Slot, length: number): void;
  /** The same for the differences between stored bf16, where that is possible. */
  readonly countStored?: (source: Slot, base: Slot, length: number) => void;
  /** Packs its inexact and its exact histogram. */
  finish(): Counted;
}

export interface Counted {
  /** Elements equal to the threshold. */
  readonly ties: number;
  /** See `UpperPartial.guess`. */
  readonly guess?: BinRange;
}

/** Shared by the units of a worker, one after the other. */
export const packer = new CountsPacker();

/** Elements of a unit that tell what its threshold may be: enough to see the share of a value to about a percent. */
const PROBED_ELEMENTS = 32_768;

/** Without a request, what any search can use. */
export function createCounting(context: UnitContext, request: SearchRequest | null): Counting {
  if (request === null || 'upperBits' in request) return createUpperCounting(context);
  if ('share' in request) return createProbing(context, request.share);
  if ('around' in request) return createCountingAround(context, request.around);
  if ('lowBitsOf' in request) return createLowerCounting(context, request.lowBitsOf);
  return createTieCounting(context, request.tiesAt);
}

const u32At = ({ memory }: Kernels, slot: Slot, length: number): Uint32Array =>
  new Uint32Array(memory.buffer, slot, length);

/** Indices of the bins that are not zero, as a view of `scratch` that the next call overwrites. */
function filledBins({ kernels }: UnitContext, scratch: Slot, bins: Slot, count: number): Uint32Array {
  return u32At(kernels, scratch, kernels.filledBins(bins, count, scratch));
}

interface UpperCounting extends Required<Counting> {
  readonly bins: { readonly all: Slot; readonly inexact: Slot };
  /** Those of all that are not zero, as a view that the next call overwrites. */
  filledBins(): Uint32Array;
  /** What was counted so far. */
  read(): UpperBits;
}

/** All elements by their upper 16 bits, apart for those whose lower bits are zero and those whose are not. */
function createUpperCounting(context: UnitContext): UpperCounting {
  const { kernels } = context;
  const allBins = context.allocate(4 * MAGNITUDE_BINS);
  const inexactBins = context.allocate(4 * MAGNITUDE_BINS);
  const scratch = context.allocate(4 * (MAGNITUDE_BINS + 1));
  const read = (slot: Slot): SparseCounts => {
    const bins = filledBins(context, scratch, slot, MAGNITUDE_BINS).slice();
    const dense = u32At(kernels, slot, MAGNITUDE_BINS);
    return { bins, counts: bins.map((bin) => dense[bin]!) };
  };
  return {
    bins: { all: allBins, inexact: inexactBins },
    count: (source, length) => kernels.histogramMagnitude(source, length, allBins, inexactBins),
    countStored: (source, base, length) => kernels.histogramStoredBf16(source, base, length, allBins, inexactBins),
    filledBins: () => filledBins(context, scratch, allBins, MAGNITUDE_BINS),
    read: () => ({ all: read(allBins), inexact: read(inexactBins) }),
    finish: () => {
      const [exact, inexact] = [allBins, inexactBins].map((slot) => u32At(kernels, slot, MAGNITUDE_BINS));
      const filledInexact = filledBins(context, scratch, inexactBins, MAGNITUDE_BINS);
      for (const bin of filledInexact) exact![bin]! -= inexact![bin]!;
      packer.append(inexact!, filledInexact);
      packer.append(exact!, filledBins(context, scratch, allBins, MAGNITUDE_BINS));
      return { ties: 0 };
    },
  };
}

/**
 * Counts the first elements in full, and the others around what these show to be the likely threshold that keeps `share`;
 * all of them in full where they say too little, or are too few for that to matter.
 */
function createProbing(context: UnitContext, share: number): Counting {
  const upper = createUpperCounting(context);
  const sums = context.allocate(SUMS_BYTES);
  let wanted = context.count > 2 * PROBED_ELEMENTS ? PROBED_ELEMENTS : 0;
  let others: Required<Counting> | undefined;
  const countStored = (source: Slot, base: Slot, length: number): void => {
    const probed = Math.min(wanted, length);
    upper.countStored(source, base, probed);
    wanted -= probed;
    if (probed > 0 && wanted === 0) {
      const range = likelyBins(upper.read(), PROBED_ELEMENTS, share);
      others = range && createCountingAround(context, range, upper, sums);
    }
    const { countStored: count } = others ?? upper;
    count(source + STORED_BYTES * probed, base + STORED_BYTES * probed, length - probed);
  };
  return { count: upper.count, countStored, finish: () => (others ?? upper).finish() };
}

/** Sums of `countAroundStored`, u32. */
const SUMS = 3;
const SUMS_BYTES = 4 * SUMS;

/** Counts stored values around a guess. What is not stored is counted in full. */
function createCountingAround(
  context: UnitContext,
  range: BinRange,
  upper = createUpperCounting(context),
  sums = context.allocate(SUMS_BYTES),
): Required<Counting> {
  const { kernels, count: elements } = context;
  const { all, inexact } = upper.bins;
  return {
    count: upper.count,
    countStored: (source, base, length) =>
      kernels.countAroundStored(source, base, length, range.low, range.high, sums, all, inexact),
    finish: () => {
      const filled = upper.filledBins();
      const [denseAll, denseInexact] = [all, inexact].map((slot) => u32At(kernels, slot, MAGNITUDE_BINS));
      const [above, equalHigh, equalLow] = u32At(kernels, sums, SUMS);
      const dense = { all: denseAll!, inexact: denseInexact! };
      keepLikely(range, dense, filled, elements, [above!, equalHigh!, equalLow!]);
      return { ...upper.finish(), guess: range };
    },
  };
}

/** The elements of one bin by their lower 16 bits. */
function createLowerCounting(context: UnitContext, bin: number): Counting {
  const { kernels } = context;
  const bins = context.allocate(4 * LOW_BINS);
  const scratch = context.allocate(4 * (LOW_BINS + 1));
  return {
    count: (source, length) => kernels.histogramLowBits(source, length, bin, bins),
    finish: () => {
      packer.appendSparse(NO_COUNTS);
      packer.append(u32At(kernels, bins, LOW_BINS), filledBins(context, scratch, bins, LOW_BINS));
      return { ties: 0 };
    },
  };
}

/** Elements whose magnitude has the bits `threshold`. */
function createTieCounting(context: UnitContext, threshold: number): Counting {
  const { kernels } = context;
  const scratch = context.allocate(vectorBytes(context));
  let ties = 0;
  return {
    count: (source, length) => {
      ties += kernels.keepLargest(source, scratch, length, threshold, length);
    },
    finish: () => {
      packer.appendSparse(NO_COUNTS);
      packer.appendSparse(NO_COUNTS);
      return { ties };
    },
  };
}
