/** SCE: select by variance, calculate weights, erase minority signs. */
import type { Kernels, Slot } from '../abi.js';
import { electStored } from '../consensus/election.js';
import type { Method } from '../method.js';
import { fillOperandTable, operandTable } from '../operand-table.js';
import { choiceOf, numberOf } from '../parameters.js';
import { mostVaried, varianceThresholds, variedSquares } from '../sparsify/variance.js';
import { energies } from '../statistics/energies.js';
import type { Combine, TensorMerge, Tile, UnitContext } from '../unit.js';
import { type TileView, untouched, vectorBytes } from '../view.js';
import { ownLambdaParameter } from './common-parameters.js';

const ENERGIES = 'energies';

/** Weights are scaled by this power of two, which cancels, so that the election's smallest divisor is out of reach. */
const LARGE = 2 ** 60;

export const sce: Method = {
  name: 'sce',
  title: 'SCE (select, calculate, erase)',
  paper: 'arXiv:2408.07990',
  equation: 'θ = θ₀ + λ Σ_{i∈A} wᵢτᵢ / Σ_{i∈A} wᵢ,  wᵢ ∝ mean τᵢ²,  A = {i : sign τᵢ = sign Σ τⱼ}',
  summary: 'Weighs experts by how much they changed a tensor, and leaves out those that disagree on the sign.',
  space: 'taskVectors',
  parameters: [
    {
      name: 'select_topk',
      scope: 'merge',
      kind: 'number',
      default: 1,
      minimum: 0,
      maximum: 1,
      summary: 'share of the elements that vary between experts that is selected, by variance',
    },
    {
      name: 'selection_for',
      scope: 'merge',
      kind: 'choice',
      choices: ['merge', 'weights'],
      default: 'merge',
      summary: 'what the selection is for: weights, signs and merge (mergekit), or only the weights (the papers’ code)',
    },
    {
      name: 'least_energy',
      scope: 'merge',
      kind: 'number',
      default: 0,
      minimum: 0,
      summary:
        'experts weigh alike where their mean squares add up to less, and no sum of weights counts as less: 1e-6 in mergekit, 0 in the papers’ code',
    },
    ownLambdaParameter,
  ],
  elsewhere: {
    mergekit:
      'the selection counts for weights, signs and merge; experts weigh alike below a mean square of 1e-6 in sum, which RL updates never reach; tensors that no expert changed are written wrongly when selecting; a lambda is ignored',
    m2rl: 'the selection counts for the weights only (preset m2rl); which of equal variances is selected is left to an unstable selection, here to the lowest index',
  },
  presets: { mergekit: { least_energy: 1e-6 }, m2rl: { selection_for: 'weights' } },
  statistics: (settings) => [...varianceThresholds(settings), energies(ENERGIES, variedSquares)],
  ignores: () => false,
  survivors: (context) => selected(context.merge)(context),
  combine: (context) => mergeMajority(context, energyWeights(context.merge, context.statistics[ENERGIES] as number[])),
};

/** The share of each operand in the mean squares of the tensor; equal shares where there is next to nothing. */
function energyWeights({ elements, settings, operands }: TensorMerge, squares: ArrayLike<number>): number[] {
  const means = operands.map((_, i) => squares[i]! / elements);
  const sum = means.reduce((total, mean) => total + mean, 0);
  const isNothing = sum === 0 || sum < numberOf(settings, 'least_energy');
  return means.map((mean) => (isNothing ? 1 / means.length : mean / sum));
}

/** What is merged: the selection, or everything where it is for the weights alone. */
function selected({ settings }: TensorMerge): TileView {
  return choiceOf(settings, 'selection_for') === 'merge' ? mostVaried : untouched;
}

function mergeMajority(context: UnitContext, weights: readonly number[]): Combine {
  const { kernels, merge } = context;
  const lambda = numberOf(merge.settings, 'lambda');
  const ones = weights.map(() => 1);
  const floor = numberOf(merge.settings, 'least_energy');
  const large = weights.map((weight) => weight * LARGE);
  const prepare = selected(merge)(context);
  const table = operandTable(context);
  const sum = context.allocate(vectorBytes(context));
  const agreeing = weights.map(() => context.allocate(vectorBytes(context)));
  const shrinks = weights.some((weight) => weight < floor);
  const combine = (tile: Tile, destination: Slot): void => {
    const { operands } = prepare(tile);
    fillOperandTable(kernels, table, operands, ones, ones);
    kernels.weightedSum(table, ones.length, sum, tile.count);
    operands.forEach((operand, i) => {
      kernels.keepAgreeing(operand, sum, agreeing[i]!, tile.count);
    });
    // What is left has one sign, so the election by weight cannot go another way.
    fillOperandTable(kernels, table, agreeing, large, large);
    kernels.electedSum(table, weights.length, destination, tile.count, 1, true, lambda);
    if (shrinks) shrink(kernels, agreeing, weights, floor, destination, tile.count);
  };
  const ballot = { weights: large, scales: large, table, zeroSign: 1, divide: true, byValues: true };
  return Object.assign(combine, {
    stored: shrinks ? undefined : electStored(context, prepare.stored, ballot, lambda),
  });
}

/** Where the weights of those that agree add up to less than `floor`, the mean is as if they added up to it. */
function shrink(
  kernels: Kernels,
  agreeing: readonly Slot[],
  weights: readonly number[],
  floor: number,
  destination: Slot,
  count: number,
): void {
  const { buffer } = kernels.memory;
  const to = new Float32Array(buffer, destination, count);
  const vectors = agreeing.map((slot) => new Float32Array(buffer, slot, count));
  for (let i = 0; i < count; i++) {
    let sum = 0;
    vectors.forEach((vector, k) => {
      if (vector[i] !== 0) sum += weights[k]!;
    });
    if (sum < floor) to[i]! *= sum / floor;
  }
}
