/** Making up for what sparsification took away: implementations of DARE and TIES differ in how. */

import { type ChoiceParameter, choiceOf, numberOf, type Settings } from '../parameters.js';
import type { Statistic } from '../statistic.js';
import { type MagnitudeMeter, type MagnitudeSums, magnitudeSums } from '../statistics/magnitude-sums.js';
import type { UnitContext } from '../unit.js';

/** Name under which the L1 norms are found among a unit's statistics. */
const L1_NORMS = 'l1_norms';

/** L1 norms below this are not divided by (mergekit's constant). */
const SMALLEST_NORM = 1e-7;

/** The parameter as methods declare it. */
export function rescaleParameter(fallback: 'l1' | 'none'): ChoiceParameter {
  return {
    name: 'rescale',
    scope: 'merge',
    kind: 'choice',
    choices: ['l1', 'density', 'none'],
    default: fallback,
    synonyms: { true: 'l1', false: 'none' },
    summary:
      'what makes up for dropped elements: the L1 norm of each tensor (mergekit), 1/density (the paper), or nothing',
  };
}

/** The statistics that rescaling after what `meter` measures needs: none but for `l1`. */
export function rescaleStatistics(settings: Settings, meter: MagnitudeMeter): Statistic[] {
  return choiceOf(settings, 'rescale') === 'l1' ? [magnitudeSums(L1_NORMS, meter)] : [];
}

/** The factor of each operand in this unit's tensor. */
export function rescaleFactors(context: UnitContext): number[] {
  const { operands, settings } = context.merge;
  const mode = choiceOf(settings, 'rescale');
  if (mode === 'l1') {
    return (context.statistics[L1_NORMS] as readonly MagnitudeSums[]).map(({ before, after }) =>
      before < SMALLEST_NORM || after < SMALLEST_NORM ? 1 : before / after,
    );
  }
  return operands.map((operand) => {
    const density = numberOf(operand.settings, 'density');
    return mode === 'density' && density > 0 ? 1 / density : 1;
  });
}
