/** λ that makes the merged task vector as long as the experts' are on average: mean‖τᵢ‖ / ‖Σ wᵢτᵢ‖, over the whole model. */
import { weightsOf } from '../operand-table.js';
import { flagOf, numberOf, type Settings } from '../parameters.js';
import type { Collector, Statistic, UnitPosition } from '../statistic.js';
import { dot, productMeter } from '../statistics/gram.js';
import type { TensorMerge, UnitContext } from '../unit.js';
import { weightDivisor } from './normalize.js';

/** What `lambda` may be instead of a number. */
export const NORM_PRESERVING = 'norm_preserving';

/** What is added to λ: over the layers, β·l/(L−1) of LiNeS (arXiv 2410.17146), whose α is the norm-preserving λ. */
export const LAMBDA_INCREASE = 'lambda_increase';

const SCALE = 'norm_preserving_scale';

/** The statistics that λ needs: none where it is a number. */
export function lambdaStatistics({ lambda }: Settings): Statistic[] {
  return lambda === NORM_PRESERVING ? [preservingScale()] : [];
}

/** λ as a number, with its increase in methods that have one. */
export function lambdaOf({ merge: { settings }, statistics }: UnitContext): number {
  const lambda = settings.lambda === NORM_PRESERVING ? (statistics[SCALE] as number) : numberOf(settings, 'lambda');
  return lambda + (LAMBDA_INCREASE in settings ? numberOf(settings, LAMBDA_INCREASE) : 0);
}

/** Squared lengths of one unit: of each operand, and of their weighted sum. */
interface UnitSquares {
  readonly models: readonly number[];
  readonly squares: readonly number[];
  readonly ofSum: number;
}

function preservingScale(): Statistic {
  return {
    name: SCALE,
    scope: 'model',
    typicalPasses: 1,
    observer(context) {
      const { merge } = context;
      const size = merge.operands.length;
      const meter = productMeter(context, size);
      const shares = sharesOf(merge);
      return {
        observe: (tile) => meter.add(tile.operands, tile.count),
        finish(): UnitSquares {
          const gram = meter.take();
          const ofSum = shares.reduce(
            (total, a, i) => total + shares.reduce((inner, b, j) => inner + a * b * dot(gram, i, j), 0),
            0,
          );
          return {
            models: merge.operands.map(({ model }) => model),
            squares: shares.map((_, i) => dot(gram, i, i)),
            ofSum,
          };
        },
      };
    },
    collector: () => new ScaleCollector(),
    valueForUnit: (value) => value,
  };
}

/** What each operand is multiplied by in the sum, λ apart. */
function sharesOf(merge: TensorMerge): number[] {
  const weights = weightsOf(merge);
  const divisor = flagOf(merge.settings, 'normalize') ? weightDivisor(weights) : 1;
  return weights.map((weight) => weight / divisor);
}

/** Keeps the units' squares (a few numbers for a million elements) and adds them up in unit order. */
class ScaleCollector implements Collector {
  readonly #units: UnitSquares[] = [];

  add({ ordinal }: UnitPosition, partial: unknown): void {
    this.#units[ordinal] = partial as UnitSquares;
  }

  conclude(): { value: number } {
    const squares = new Map<number, number>();
    let ofSum = 0;
    for (const unit of this.#units) {
      unit.models.forEach((model, i) => {
        squares.set(model, (squares.get(model) ?? 0) + unit.squares[i]!);
      });
      ofSum += unit.ofSum;
    }
    const lengths = [...squares.values()].map(Math.sqrt);
    const mean = lengths.reduce((total, length) => total + length, 0) / lengths.length;
    return { value: ofSum > 0 ? mean / Math.sqrt(ofSum) : 1 };
  }
}
