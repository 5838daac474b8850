/**
 * Exact order statistics of |x| without sorting. Non-negative f32 sort like their bit patterns, so a histogram of the
 * upper 16 bits finds the bin of the k-th largest value in one pass. Differences of bf16 values nearly always are bf16
 * values themselves (lower 16 bits zero), so that bin usually holds one value and the threshold is exact at once;
 * otherwise a second pass looks at the lower bits of that bin alone. Ties at the threshold are kept by lowest flat
 * index: a ledger of the counts of each unit tells where the last kept tie lies.
 */
import { type Kernels, MAGNITUDE_BINS, type Slot } from '../abi.js';
import type {
  Collector,
  CollectorScope,
  Observer,
  Outcome,
  Statistic,
  StatisticScope,
  UnitPosition,
} from '../statistic.js';
import type { Operand, TensorMerge, UnitContext } from '../unit.js';
import { type TileView, untouched, vectorBytes } from '../view.js';
import { LOW_BINS, RankSearch, type SearchRequest, type Threshold, type TieRule } from './rank-search.js';
import { CountsPacker, type SparseCounts, unpackCounts } from './sparse-counts.js';

/**
 * What one unit keeps of an operand: everything, or elements with bits(|x|) above `threshold` and the first
 * `allowance` of those equal to it (in the whole unit).
 */
export type RankCut = 'all' | { readonly threshold: number; readonly allowance: number };

export interface RankThresholdOptions {
  readonly name: string;
  readonly scope: StatisticScope;
  /** What the histogram is taken of. */
  readonly input: TileView;
  readonly ties: TieRule;
  /** How many elements of the scope an operand keeps. */
  keptCount(operand: Operand, elements: number): number;
  /** Bounds the memory of the ledger of ties, for tests; see `CountLedger`. */
  readonly ledgerCapacity?: number;
}

type ModelThresholds = ReadonlyMap<number, 'all' | Threshold>;
type Requests = ReadonlyMap<number, SearchRequest>;

/** What one unit counted, for the operands that a pass looks at, in their order. */
interface UnitPartial {
  readonly models: readonly number[];
  /** Elements equal to the threshold, by operand. */
  readonly ties: readonly number[];
  /** An inexact and an exact histogram for each operand, packed. */
  readonly counts: Uint32Array;
}

/** Shared by the units of a worker, one after the other. */
const packer = new CountsPacker();

/** The statistic whose value for a unit is one `RankCut` for each operand. */
export function rankThreshold(options: RankThresholdOptions): Statistic {
  return {
    name: options.name,
    scope: options.scope,
    ...(options.input === untouched ? { observation: 'magnitude histogram' } : {}),
    typicalPasses: 1,
    observer: (context, request) => observe(context, options.input, request as Requests | null),
    collector: (scope) => new RankCollector(options, scope),
    valueForUnit: (value, position, merge) => cutsForUnit(value as ModelThresholds, position, merge),
  };
}

function cutsForUnit(thresholds: ModelThresholds, { ordinal }: UnitPosition, merge: TensorMerge): RankCut[] {
  return merge.operands.map(({ model }) => {
    const threshold = thresholds.get(model)!;
    if (threshold === 'all') return 'all';
    const { bits, cutoff } = threshold;
    if (ordinal === cutoff.ordinal) return { threshold: bits, allowance: cutoff.allowance };
    return { threshold: bits, allowance: ordinal < cutoff.ordinal ? Number.MAX_SAFE_INTEGER : 0 };
  });
}

/** Counts one operand over a unit. */
interface Counter {
  readonly model: number;
  count(source: Slot, length: number): void;
  /** Packs its inexact and its exact histogram and returns the number of ties. */
  finish(): number;
}

function createCounter(context: UnitContext, model: number, request: SearchRequest | null): Counter {
  if (request === null) return createUpperCounter(context, model);
  if ('lowBitsOf' in request) return createLowerCounter(context, model, request.lowBitsOf);
  const { kernels } = context;
  const scratch = context.allocate(vectorBytes(context));
  let ties = 0;
  return {
    model,
    count: (source, length) => {
      ties += kernels.keepLargest(source, scratch, length, request.tiesAt, length);
    },
    finish: () => {
      packer.append(NO_BINS, NO_BINS);
      packer.append(NO_BINS, NO_BINS);
      return ties;
    },
  };
}

const NO_BINS = new Uint32Array(0);

const u32At = ({ memory }: Kernels, slot: Slot, length: number): Uint32Array =>
  new Uint32Array(memory.buffer, slot, length);

/** Indices of the bins that are not zero, as a view of `scratch` that the next call overwrites. */
function filledBins({ kernels }: UnitContext, scratch: Slot, bins: Slot, count: number): Uint32Array {
  return u32At(kernels, scratch, kernels.filledBins(bins, count, scratch));
}

/** First pass: all elements by their upper 16 bits, apart for those whose lower bits are zero and those whose are not. */
function createUpperCounter(context: UnitContext, model: number): Counter {
  const { kernels } = context;
  const allBins = context.allocate(4 * MAGNITUDE_BINS);
  const inexactBins = context.allocate(4 * MAGNITUDE_BINS);
  const scratch = context.allocate(4 * (MAGNITUDE_BINS + 1));
  return {
    model,
    count: (source, length) => kernels.histogramMagnitude(source, length, allBins, inexactBins),
    finish: () => {
      const [exact, inexact] = [allBins, inexactBins].map((slot) => u32At(kernels, slot, MAGNITUDE_BINS));
      const filledInexact = filledBins(context, scratch, inexactBins, MAGNITUDE_BINS);
      for (const bin of filledInexact) exact![bin]! -= inexact![bin]!;
      packer.append(inexact!, filledInexact);
      packer.append(exact!, filledBins(context, scratch, allBins, MAGNITUDE_BINS));
      return 0;
    },
  };
}

/** Second pass: the elements of one bin by their lower 16 bits. */
function createLowerCounter(context: UnitContext, model: number, bin: number): Counter {
  const { kernels } = context;
  const bins = context.allocate(4 * LOW_BINS);
  const scratch = context.allocate(4 * (LOW_BINS + 1));
  return {
    model,
    count: (source, length) => kernels.histogramLowBits(source, length, bin, bins),
    finish: () => {
      packer.append(NO_BINS, NO_BINS);
      packer.append(u32At(kernels, bins, LOW_BINS), filledBins(context, scratch, bins, LOW_BINS));
      return 0;
    },
  };
}

function observe(context: UnitContext, input: TileView, requests: Requests | null): Observer {
  const view = input(context);
  const counters = context.merge.operands.map(({ model }) => {
    if (requests === null) return createCounter(context, model, null);
    const request = requests.get(model);
    return request === undefined ? undefined : createCounter(context, model, request);
  });
  return {
    observe(tile) {
      view(tile).operands.forEach((source, i) => {
        counters[i]?.count(source, tile.count);
      });
    },
    finish() {
      const active = counters.filter((counter) => counter !== undefined);
      const ties = active.map((counter) => counter.finish());
      return { models: active.map(({ model }) => model), ties, counts: packer.take() } satisfies UnitPartial;
    },
  };
}

class RankCollector implements Collector {
  readonly #searches = new Map<number, RankSearch>();

  constructor(options: RankThresholdOptions, { tensors, elements }: CollectorScope) {
    for (const operand of tensors.flatMap((tensor) => tensor.operands)) {
      if (this.#searches.has(operand.model)) continue;
      const keep = options.keptCount(operand, elements);
      this.#searches.set(operand.model, new RankSearch(keep, elements, options.ties, options.ledgerCapacity));
    }
  }

  add(position: UnitPosition, partial: unknown): void {
    const { models, ties, counts } = partial as UnitPartial;
    const histograms: SparseCounts[] = unpackCounts(counts);
    models.forEach((model, i) => {
      const [inexact, exact] = [histograms[2 * i]!, histograms[2 * i + 1]!];
      this.#searches.get(model)!.add(position, { exact, inexact, ties: ties[i]! });
    });
  }

  conclude(): Outcome {
    for (const search of this.#searches.values()) search.endPass();
    const entries = [...this.#searches];
    const open = entries.flatMap(([model, { request }]) => (request === undefined ? [] : [[model, request] as const]));
    if (open.length === 0) return { value: new Map(entries.map(([model, { result }]) => [model, result])) };
    const request: Requests = new Map(open);
    return { request, visits: (position) => entries.some(([, search]) => search.visits(position)) };
  }
}
