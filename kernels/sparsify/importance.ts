/** Importance of a change: its size times how far its row's distribution moved (Arcee Fusion). */
import type { Kernels, Slot } from '../abi.js';
import type { Statistic } from '../statistic.js';
import { type RankCut, rankThreshold } from '../statistics/rank-threshold.js';
import { rowDivergences } from '../statistics/row-divergences.js';
import type { Tile, UnitContext } from '../unit.js';
import { rowElementsOf, type TileView, vectorBytes } from '../view.js';

const DIVERGENCES = 'row_divergences';
const QUARTILES = 'importance_quartiles';

const { fround } = Math;

/** Quartiles are elements of the ascending order at these shares of the last index, rounded down. */
const SHARES = [0.25, 0.5, 0.75];
/** How many interquartile ranges above the median importance begins. */
const RANGES_ABOVE = 1.5;
/** Tensors of fewer elements are sorted where they are merged; they fit in a tile. */
const FEWEST_RANKED = 5;

const place = (share: number, elements: number): number => Math.floor(fround(share * (elements - 1)));

/** What the kernels ask for: factors of a tile's rows (f32), elements of a row, rows. */
type Rows = readonly [factors: Slot, rowElements: number, rows: number];

/** A row's divergence is its factor; it may round to less than zero, and so may an importance. */
function rowsOf(context: UnitContext): (tile: Tile) => Rows {
  const { kernels, allocate, statistics, firstIndex } = context;
  const divergences = statistics[DIVERGENCES] as Float32Array;
  const rowElements = rowElementsOf(context);
  const factors = allocate(divergences.byteLength);
  new Float32Array(kernels.memory.buffer, factors, divergences.length).set(divergences);
  return (tile) => {
    const firstRow = (tile.firstIndex - firstIndex) / rowElements;
    return [factors + 4 * firstRow, rowElements, tile.count / rowElements];
  };
}

/** Two operands: importances above zero, and the others with their sign turned. */
const halves: TileView = (context) => {
  const of = rowsOf(context);
  const [above, below] = [0, 1].map(() => context.allocate(vectorBytes(context)));
  return (tile) => {
    context.kernels.importances(tile.operands[0]!, ...of(tile), above!, below!);
    return { ...tile, operands: [above!, below!] };
  };
};

/** The divergences of all rows, which the other statistic and the view need. */
export const importanceRows = (): Statistic => rowDivergences(DIVERGENCES);

/** The statistic behind `important`: each quartile, looked for from both ends. */
export function fusionThresholds(): Statistic {
  return rankThreshold({
    name: QUARTILES,
    scope: 'tensor',
    input: halves,
    typicalPasses: 2,
    ties: 'all',
    cuts: SHARES.map(
      (share) =>
        ({ model: half }, elements) =>
          half === 0 ? elements - place(share, elements) : place(share, elements) + 1,
    ),
    operandsOf: ({ operands: [operand] }) => [0, 1].map((model) => ({ ...operand!, model })),
  });
}

/** The operand with all but its important elements set to zero. */
export const important: TileView = (context) => {
  const { kernels, merge } = context;
  const of = rowsOf(context);
  const kept = context.allocate(vectorBytes(context));
  const isTiny = merge.elements < FEWEST_RANKED;
  const known = isTiny ? undefined : threshold(quartilesOf(context));
  const sizesOf = isTiny ? halves(context) : undefined;
  return (tile) => {
    const limit = known ?? threshold(sortedQuartiles(kernels, sizesOf!(tile)));
    kernels.keepImportant(tile.operands[0]!, ...of(tile), limit, kept);
    return { ...tile, operands: [kept] };
  };
};

function threshold([lower, median, upper]: readonly number[]): number {
  return fround(median! + fround(RANGES_ABOVE * fround(upper! - lower!)));
}

function quartilesOf({ statistics }: UnitContext): number[] {
  const cuts = statistics[QUARTILES] as readonly (readonly [RankCut, RankCut])[];
  return cuts.map(([above, below]) => magnitudeOf(above) || -magnitudeOf(below));
}

/** Quartiles of the importances in a tile that `halves` shows. */
function sortedQuartiles({ memory }: Kernels, { operands, count }: Tile): number[] {
  const [above, below] = operands.map((slot) => new Float32Array(memory.buffer, slot, count));
  const values = above!.map((size, i) => size - below![i]!).sort();
  return SHARES.map((share) => values[place(share, count)]!);
}

const word = new Uint32Array(1);
const single = new Float32Array(word.buffer);

function magnitudeOf(cut: RankCut): number {
  word[0] = cut === 'all' ? 0 : cut.threshold;
  return single[0]!;
}
