/** The sparsifiers by name: the statistics they need, and the view of what they leave, rescaled. */

import { OPERAND_BYTES } from '../abi.js';
import { fillOperandTable } from '../operand-table.js';
import type { Settings } from '../parameters.js';
import type { Statistic } from '../statistic.js';
import { type MagnitudeMeter, magnitudesOf } from '../statistics/magnitude-sums.js';
import { type TileView, vectorBytes } from '../view.js';
import { crumbs, crumbThresholds } from './breadcrumbs.js';
import { dropped, droppedMagnitudes } from './dare.js';
import { thinned, thinnedMagnitudes } from './della.js';
import { rescaleFactors, rescaleStatistics } from './rescale.js';
import { trimmed, trimThresholds } from './trim.js';

export const SPARSIFIERS = ['dare', 'magnitude', 'breadcrumbs', 'della'] as const;
export type SparsifierName = (typeof SPARSIFIERS)[number];

/** Names of the parameters that each reads, as they stand within `sparsify`. */
export const PARAMETERS_OF_SPARSIFIERS: Readonly<Record<SparsifierName, readonly string[]>> = {
  dare: ['density', 'rescale'],
  magnitude: ['density', 'rescale'],
  breadcrumbs: ['density', 'gamma', 'rescale'],
  della: ['density', 'epsilon', 'rescale'],
};

/** Reads `density` of each operand (`gamma`, `epsilon` where it has them) and `rescale` of the merge. */
export interface Sparsifier {
  statistics(settings: Settings): readonly Statistic[];
  readonly view: TileView;
}

interface Parts {
  readonly thresholds: () => readonly Statistic[];
  readonly view: TileView;
  readonly meter: MagnitudeMeter;
}

const PARTS: Readonly<Record<SparsifierName, Parts>> = {
  dare: { thresholds: () => [], view: dropped, meter: droppedMagnitudes },
  magnitude: { thresholds: () => [trimThresholds('tensor', 'exact')], view: trimmed, meter: magnitudesOf(trimmed) },
  breadcrumbs: { thresholds: () => [crumbThresholds()], view: crumbs, meter: magnitudesOf(crumbs) },
  della: { thresholds: () => [], view: thinned, meter: thinnedMagnitudes },
};

export function sparsifierOf(name: SparsifierName): Sparsifier {
  const { thresholds, view, meter } = PARTS[name];
  return {
    statistics: (settings) => [...thresholds(), ...rescaleStatistics(settings, meter)],
    view: rescaled(view),
  };
}

/** What `view` leaves, each operand times its factor. */
function rescaled(view: TileView): TileView {
  return (context) => {
    const { kernels } = context;
    const prepare = view(context);
    const factors = rescaleFactors(context);
    const table = context.allocate(OPERAND_BYTES);
    const scaled = factors.map((factor) => (factor === 1 ? undefined : context.allocate(vectorBytes(context))));
    return (tile) => {
      const seen = prepare(tile);
      const operands = seen.operands.map((operand, i) => {
        const destination = scaled[i];
        if (destination === undefined) return operand;
        fillOperandTable(kernels, table, [operand], [factors[i]!], [1]);
        kernels.weightedSum(table, 1, destination, tile.count);
        return destination;
      });
      return { ...seen, operands };
    };
  };
}
