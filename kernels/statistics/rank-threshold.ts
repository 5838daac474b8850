/**
 * Exact order statistics of |x| without sorting. Non-negative f32 sort like their bit patterns, so a histogram of the
 * upper 16 bits finds the bin of the k-th largest value in one pass. Differences of bf16 values nearly always are bf16
 * values themselves (lower 16 bits zero), so that bin usually holds one value and the threshold is exact at once;
 * otherwise a second pass looks at the lower bits of that bin alone. Where nobody else needs the histogram, most of it can be
 * left out (see `rank-guess.ts`). Ties at the threshold are kept by lowest flat
 * index: a ledger of the counts of each unit tells where the last kept tie lies.
 */
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
import { inSteps, type TileView, untouched } from '../view.js';
import { type Counting, createCounting, packer } from './rank-counting.js';
import type { BinRange } from './rank-guess.js';
import { RankSearch, type SearchRequest, type Threshold, type TieRule } from './rank-search.js';
import { type SparseCounts, unpackCounts } from './sparse-counts.js';
import type { Opening } from './upper-counts.js';

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

/** What one unit counted: without a request for each operand, else for each search that goes on, in their order. */
interface UnitPartial {
  /** Models without a request, else searches. */
  readonly keys: readonly number[];
  /** Elements equal to the threshold, by key. */
  readonly ties: readonly number[];
  /** See `UpperPartial.guess`, by key. */
  readonly guesses: readonly (BinRange | undefined)[];
  /** An inexact and an exact histogram for each key, packed. */
  readonly counts: Uint32Array;
}

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
interface Counter extends Counting {
  readonly operand: number;
  /** The model without a request, else the search. */
  readonly key: number;
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

/** Whether the differences to the base are counted as they are. */
const isOfDifferences = ({ input }: RankThresholdOptions, { space }: TensorMerge): boolean =>
  input === untouched && space === 'taskVectors';

function observe(context: UnitContext, options: RankThresholdOptions, requests: Requests | null): Observer {
  const view = options.input(context);
  const counters = countersOf(context, options, requests);
  const countShown = ({ operands, count: length }: Tile): void => {
    for (const { operand, count } of counters) count(operands[operand]!, length);
  };
  const { ofStored } = view;
  const countsStored = isOfDifferences(options, context.merge) && counters.every((counter) => counter.countStored);
  const countStored = ({ operands, base, count: length }: StoredTile): void => {
    for (const { operand, countStored: count } of counters) count!(operands[operand]!, base!, length);
  };
  return {
    observeStored: countsStored
      ? countStored
      : ofStored && ((tile) => inSteps(context, tile, (part) => countShown(ofStored(part)))),
    observe: (tile) => countShown(view(tile)),
    finish() {
      const counted = counters.map((counter) => counter.finish());
      return {
        keys: counters.map(({ key }) => key),
        ties: counted.map(({ ties }) => ties),
        guesses: counted.map(({ guess }) => guess),
        counts: packer.take(),
      } satisfies UnitPartial;
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
  readonly #options: RankThresholdOptions;
  readonly #scope: CollectorScope;
  #searches: ReadonlyMap<number, RankSearch>;
  /** Whether partial results are by model, each for all cuts of it. */
  #areByModel = true;

  constructor(options: RankThresholdOptions, scope: CollectorScope) {
    this.#options = options;
    this.#scope = scope;
    this.#searches = searchesOf(options, scope, 'histogram');
  }

  /** By guesses, where what is counted are differences and one number of them is kept. */
  begin(): Outcome | undefined {
    const [tensor] = this.#scope.tensors;
    const { cuts, scope } = this.#options;
    if (tensor === undefined || cuts.length > 1 || !isOfDifferences(this.#options, tensor)) return undefined;
    for (const { operand, elements } of sharesOf(this.#options, this.#scope.tensors)) {
      if (typeof cuts[0]!(operand, elements) !== 'number') return undefined;
    }
    this.#searches = searchesOf(this.#options, this.#scope, scope === 'tensor' ? 'probe' : 'sample');
    this.#areByModel = false;
    return this.#outcome();
  }

  add(position: UnitPosition, partial: unknown): void {
    const { keys, ties, guesses, counts } = partial as UnitPartial;
    const histograms: SparseCounts[] = unpackCounts(counts);
    keys.forEach((key, i) => {
      const [inexact, exact] = [histograms[2 * i]!, histograms[2 * i + 1]!];
      const counted = { exact, inexact, ties: ties[i]!, guess: guesses[i] };
      for (const search of this.#searchesOf(key)) search.add(position, counted);
    });
  }

  conclude(): Outcome {
    this.#areByModel = false;
    for (const search of this.#searches.values()) search.endPass();
    return this.#outcome();
  }

  #outcome(): Outcome {
    const entries = [...this.#searches];
    const open = entries.flatMap(([key, { request }]) => (request === undefined ? [] : [[key, request] as const]));
    if (open.length === 0) return { value: new Map(entries.map(([key, { result }]) => [key, result])) };
    const request: Requests = new Map(open);
    return { request, visits: (position) => entries.some(([, search]) => search.visits(position)) };
  }

  /** A histogram by model serves all of its cuts. */
  #searchesOf(key: number): RankSearch[] {
    if (!this.#areByModel) return [this.#searches.get(key)!];
    const { length } = this.#options.cuts;
    return Array.from({ length }, (_, cut) => this.#searches.get(key * length + cut)!);
  }
}

function searchesOf(
  options: RankThresholdOptions,
  { tensors }: CollectorScope,
  opening: Opening,
): ReadonlyMap<number, RankSearch> {
  const { cuts, ties, ledgerCapacity } = options;
  const searches = new Map<number, RankSearch>();
  for (const { operand, elements } of sharesOf(options, tensors)) {
    cuts.forEach((keptCount, cut) => {
      const search = new RankSearch(keptCount(operand, elements), elements, { ties, opening, ledgerCapacity });
      searches.set(operand.model * cuts.length + cut, search);
    });
  }
  return searches;
}
