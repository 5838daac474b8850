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
import type { Operand, StoredTile, TensorMerge, Tile, UnitContext } from '../unit.js';
import { inSteps, type TileView, untouched, vectorBytes } from '../view.js';
import { LOW_BINS, RankSearch, type SearchRequest, type Threshold, type TieRule } from './rank-search.js';
import { CountsPacker, type SparseCounts, unpackCounts } from './sparse-counts.js';

/**
 * What one unit keeps of an operand: everything, or elements with bits(|x|) above `threshold` and the first
 * `allowance` of those equal to it (in the whole unit).
 */
export type RankCut = 'all' | { readonly threshold: number; readonly allowance: number };

export type KeptCount = (operand: Operand, elements: number) => number | ((nonZero: number) => number);

export interface RankThresholdOptions {
  readonly name: string;
  readonly scope: StatisticScope;
  /** What the histogram is taken of. */
  readonly input: TileView;
  readonly ties: TieRule;
  /**
   * For each cut wanted, how many elements of the scope an operand keeps: a number, or what follows from how many are
   * not 0. All cuts share the histograms of the first pass.
   */
  readonly cuts: readonly KeptCount[];
  /** Whose elements the input shows; the operands of the merge unless given. */
  operandsOf?(merge: TensorMerge): readonly Operand[];
  /** Passes that this usually takes: 1 unless given, which is enough where what the input shows are mostly bf16 values. */
  readonly typicalPasses?: number;
  /** Bounds the memory of the ledger of ties, for tests; see `CountLedger`. */
  readonly ledgerCapacity?: number;
}

/** By search: the model times the number of cuts, plus the cut. */
type Thresholds = ReadonlyMap<number, 'all' | Threshold>;
type Requests = ReadonlyMap<number, SearchRequest>;

/** What one unit counted: in the first pass for each operand, later for each search that goes on, in their order. */
interface UnitPartial {
  /** Models in the first pass, then searches. */
  readonly keys: readonly number[];
  /** Elements equal to the threshold, by key. */
  readonly ties: readonly number[];
  /** An inexact and an exact histogram for each key, packed. */
  readonly counts: Uint32Array;
}

/** Shared by the units of a worker, one after the other. */
const packer = new CountsPacker();

/** The statistic whose value for a unit is, for each cut, one `RankCut` for each operand. */
export function rankThreshold(options: RankThresholdOptions): Statistic {
  return {
    name: options.name,
    scope: options.scope,
    ...(options.input === untouched ? { observation: 'magnitude histogram' } : {}),
    typicalPasses: options.typicalPasses ?? 1,
    observer: (context, request) => observe(context, options, request as Requests | null),
    collector: (scope) => new RankCollector(options, scope),
    valueForUnit: (value, position, merge) =>
      options.cuts.map((_, cut) =>
        operandsOf(options, merge).map(({ model }) =>
          cutForUnit((value as Thresholds).get(model * options.cuts.length + cut)!, position),
        ),
      ),
  };
}

const operandsOf = (options: RankThresholdOptions, merge: TensorMerge): readonly Operand[] =>
  options.operandsOf?.(merge) ?? merge.operands;

function cutForUnit(threshold: 'all' | Threshold, { ordinal }: UnitPosition): RankCut {
  if (threshold === 'all') return 'all';
  const { bits, cutoff } = threshold;
  if (ordinal === cutoff.ordinal) return { threshold: bits, allowance: cutoff.allowance };
  return { threshold: bits, allowance: ordinal < cutoff.ordinal ? Number.MAX_SAFE_INTEGER : 0 };
}

/** Counts one operand over a unit. */
interface Counter {
  readonly operand: number;
  /** The model in the first pass, then the search. */
  readonly key: number;
  count(source: Slot, length: number): void;
  /** The same for the differences between stored bf16; undefined after the first pass. */
  readonly countStored?: (source: Slot, base: Slot, length: number) => void;
  /** Packs its inexact and its exact histogram and returns the number of ties. */
  finish(): number;
}

type Counting = Omit<Counter, 'operand' | 'key'>;

function createCounting(context: UnitContext, request: SearchRequest | null): Counting {
  if (request === null) return createUpperCounting(context);
  if ('lowBitsOf' in request) return createLowerCounting(context, request.lowBitsOf);
  const { kernels } = context;
  const scratch = context.allocate(vectorBytes(context));
  let ties = 0;
  return {
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
function createUpperCounting(context: UnitContext): Counting {
  const { kernels } = context;
  const allBins = context.allocate(4 * MAGNITUDE_BINS);
  const inexactBins = context.allocate(4 * MAGNITUDE_BINS);
  const scratch = context.allocate(4 * (MAGNITUDE_BINS + 1));
  return {
    count: (source, length) => kernels.histogramMagnitude(source, length, allBins, inexactBins),
    countStored: (source, base, length) => kernels.histogramStoredBf16(source, base, length, allBins, inexactBins),
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
function createLowerCounting(context: UnitContext, bin: number): Counting {
  const { kernels } = context;
  const bins = context.allocate(4 * LOW_BINS);
  const scratch = context.allocate(4 * (LOW_BINS + 1));
  return {
    count: (source, length) => kernels.histogramLowBits(source, length, bin, bins),
    finish: () => {
      packer.append(NO_BINS, NO_BINS);
      packer.append(u32At(kernels, bins, LOW_BINS), filledBins(context, scratch, bins, LOW_BINS));
      return 0;
    },
  };
}

function countersOf(context: UnitContext, options: RankThresholdOptions, requests: Requests | null): Counter[] {
  const { cuts } = options;
  return operandsOf(options, context.merge).flatMap(({ model }, operand) => {
    if (requests === null) return [{ operand, key: model, ...createCounting(context, null) }];
    return cuts.flatMap((_, cut) => {
      const key = model * cuts.length + cut;
      const request = requests.get(key);
      return request === undefined ? [] : [{ operand, key, ...createCounting(context, request) }];
    });
  });
}

function observe(context: UnitContext, options: RankThresholdOptions, requests: Requests | null): Observer {
  const view = options.input(context);
  const counters = countersOf(context, options, requests);
  const countShown = ({ operands, count: length }: Tile): void => {
    for (const { operand, count } of counters) count(operands[operand]!, length);
  };
  const { ofStored } = view;
  const isUntouched = options.input === untouched && context.merge.space === 'taskVectors';
  const countStored = ({ operands, base, count: length }: StoredTile): void => {
    for (const { operand, countStored: count } of counters) count!(operands[operand]!, base!, length);
  };
  return {
    observeStored:
      isUntouched && requests === null
        ? countStored
        : ofStored && ((tile) => inSteps(context, tile, (part) => countShown(ofStored(part)))),
    observe: (tile) => countShown(view(tile)),
    finish() {
      const ties = counters.map((counter) => counter.finish());
      return { keys: counters.map(({ key }) => key), ties, counts: packer.take() } satisfies UnitPartial;
    },
  };
}

/** Each model as it first comes, and the elements of the tensors that it has a part in: few have one in all. */
function sharesOf(
  options: RankThresholdOptions,
  tensors: readonly TensorMerge[],
): Iterable<{ readonly operand: Operand; readonly elements: number }> {
  const shares = new Map<number, { operand: Operand; elements: number }>();
  for (const tensor of tensors) {
    for (const operand of operandsOf(options, tensor)) {
      const share = shares.get(operand.model) ?? { operand, elements: 0 };
      share.elements += tensor.elements;
      shares.set(operand.model, share);
    }
  }
  return shares.values();
}

class RankCollector implements Collector {
  readonly #cuts: number;
  readonly #searches = new Map<number, RankSearch>();
  #isFirstPass = true;

  constructor(options: RankThresholdOptions, { tensors }: CollectorScope) {
    this.#cuts = options.cuts.length;
    for (const { operand, elements } of sharesOf(options, tensors)) {
      options.cuts.forEach((keptCount, cut) => {
        const keep = keptCount(operand, elements);
        const search = new RankSearch(keep, elements, options.ties, options.ledgerCapacity);
        this.#searches.set(operand.model * this.#cuts + cut, search);
      });
    }
  }

  add(position: UnitPosition, partial: unknown): void {
    const { keys, ties, counts } = partial as UnitPartial;
    const histograms: SparseCounts[] = unpackCounts(counts);
    keys.forEach((key, i) => {
      const [inexact, exact] = [histograms[2 * i]!, histograms[2 * i + 1]!];
      for (const search of this.#searchesOf(key)) search.add(position, { exact, inexact, ties: ties[i]! });
    });
  }

  conclude(): Outcome {
    this.#isFirstPass = false;
    for (const search of this.#searches.values()) search.endPass();
    const entries = [...this.#searches];
    const open = entries.flatMap(([key, { request }]) => (request === undefined ? [] : [[key, request] as const]));
    if (open.length === 0) return { value: new Map(entries.map(([key, { result }]) => [key, result])) };
    const request: Requests = new Map(open);
    return { request, visits: (position) => entries.some(([, search]) => search.visits(position)) };
  }

  /** A histogram of the first pass serves all cuts of its model. */
  #searchesOf(key: number): RankSearch[] {
    if (!this.#isFirstPass) return [this.#searches.get(key)!];
    return Array.from({ length: this.#cuts }, (_, cut) => this.#searches.get(key * this.#cuts + cut)!);
  }
}
