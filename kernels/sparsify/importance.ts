/** Importance of a change: its size times how far its row's distribution moved (Arcee Fusion). */
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

/** Importance by element, f32; a row's divergence, and so the importance, may round to less than zero. */
function importances(context: UnitContext): (tile: Tile, use: (i: number, importance: number) => void) => void {
  const { kernels, statistics, firstIndex } = context;
  const divergences = statistics[DIVERGENCES] as Float32Array;
  const rowElements = rowElementsOf(context);
  return (tile, use) => {
    const changes = new Float32Array(kernels.memory.buffer, tile.operands[0]!, tile.count);
    const firstRow = (tile.firstIndex - firstIndex) / rowElements;
    for (let i = 0; i < tile.count; i++) {
      use(i, fround(Math.abs(changes[i]!) * divergences[firstRow + Math.floor(i / rowElements)]!));
    }
  };
}

/** Two operands: importances above zero, and the others with their sign turned. */
const halves: TileView = (context) => {
  const of = importances(context);
  const slots = [0, 1].map(() => context.allocate(vectorBytes(context)));
  return (tile) => {
    const [above, below] = slots.map((slot) => new Float32Array(context.kernels.memory.buffer, slot, tile.count));
    of(tile, (i, importance) => {
      above![i] = Math.max(importance, 0);
      below![i] = Math.max(-importance, 0);
    });
    return { ...tile, operands: slots };
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
  const of = importances(context);
  const slot = context.allocate(vectorBytes(context));
  const isTiny = context.merge.elements < FEWEST_RANKED;
  const known = isTiny ? undefined : threshold(quartilesOf(context));
  return (tile) => {
    const { buffer } = context.kernels.memory;
    const changes = new Float32Array(buffer, tile.operands[0]!, tile.count);
    const kept = new Float32Array(buffer, slot, tile.count);
    const limit = known ?? threshold(sortedQuartiles(tile, of));
    of(tile, (i, importance) => {
      kept[i] = importance >= limit ? changes[i]! : 0;
    });
    return { ...tile, operands: [slot] };
  };
};

function threshold([lower, median, upper]: readonly number[]): number {
  return fround(median! + fround(RANGES_ABOVE * fround(upper! - lower!)));
}

function quartilesOf({ statistics }: UnitContext): number[] {
  const cuts = statistics[QUARTILES] as readonly (readonly [RankCut, RankCut])[];
  return cuts.map(([above, below]) => magnitudeOf(above) || -magnitudeOf(below));
}

function sortedQuartiles(tile: Tile, of: ReturnType<typeof importances>): number[] {
  const values = new Float32Array(tile.count);
  of(tile, (i, importance) => {
    values[i] = importance;
  });
  values.sort();
  return SHARES.map((share) => values[place(share, tile.count)]!);
}

const word = new Uint32Array(1);
const single = new Float32Array(word.buffer);

function magnitudeOf(cut: RankCut): number {
  word[0] = cut === 'all' ? 0 : cut.threshold;
  return single[0]!;
}
