/** Breadcrumbs: drop the smallest changes and the largest ones (arXiv 2312.06795). */
import type { Slot } from '../abi.js';
import { type NumberParameter, numberOf, type Settings } from '../parameters.js';
import type { Statistic } from '../statistic.js';
import { type RankCut, rankThreshold } from '../statistics/rank-threshold.js';
import type { UnitContext } from '../unit.js';
import { type TileView, untouched, vectorBytes } from '../view.js';
import { cutter, selectorOf } from './trim.js';

/** The parameter as methods declare it. */
export const gammaParameter: NumberParameter = {
  name: 'gamma',
  scope: 'model',
  kind: 'number',
  default: 0.01,
  minimum: 0,
  maximum: 1,
  summary: 'share of the largest changes that is dropped as outliers',
};

const CRUMBS = 'breadcrumbs';

/** Bits of an f32, of which a mask takes one. */
const ELEMENT_BITS = 32;

/** How many of the largest are dropped, and how many after them are kept. Outliers give way when both do not fit. */
function shares(settings: Settings, elements: number): { readonly dropped: number; readonly kept: number } {
  const kept = Math.floor(numberOf(settings, 'density') * elements);
  return { dropped: Math.min(Math.floor(numberOf(settings, 'gamma') * elements), elements - kept), kept };
}

/** The statistic behind `crumbs`: for each operand and tensor, what the largest are, and what those and the kept are. */
export function crumbThresholds(): Statistic {
  return rankThreshold({
    name: CRUMBS,
    scope: 'tensor',
    input: untouched,
    ties: 'first',
    cuts: [
      ({ settings }, elements) => {
        const { dropped, kept } = shares(settings, elements);
        return dropped + kept;
      },
      ({ settings }, elements) => shares(settings, elements).dropped,
    ],
  });
}

/** Operands without their smallest and their largest elements. */
export const crumbs: TileView = (context) => {
  const [upper, outliers] = context.statistics[CRUMBS] as readonly [readonly RankCut[], readonly RankCut[]];
  const cut = context.merge.operands.map((_, i) => between(context, upper[i]!, outliers[i]!));
  return (tile) => ({ ...tile, operands: tile.operands.map((source, i) => cut[i]!(source, tile.count)) });
};

/** Prepares one operand of a unit: what `upper` keeps and `outliers` does not. */
function between(context: UnitContext, upper: RankCut, outliers: RankCut): (source: Slot, count: number) => Slot {
  const { kernels } = context;
  const [low, high] = [upper, outliers].map((cut) => selectorOf(cut, context.count));
  const rest = context.allocate(vectorBytes(context));
  if (low !== undefined && high !== undefined) {
    return (source, count) => {
      kernels.keepBetween(source, low, high, rest, count);
      return rest;
    };
  }
  // Ties that only some of stay have to be counted.
  const [upperOf, outliersOf] = [cutter(context, upper), cutter(context, outliers)];
  const mask = context.allocate(vectorBytes(context) / ELEMENT_BITS);
  return (source, count) => {
    kernels.markNonZero(outliersOf(source, count), mask, count);
    const others = new Uint8Array(kernels.memory.buffer, mask, Math.ceil(count / 8));
    for (let i = 0; i < others.length; i++) others[i] = ~others[i]!;
    kernels.keepMasked(upperOf(source, count), mask, rest, count);
    return rest;
  };
}
