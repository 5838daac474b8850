/** Consensus merging: leave out what at most one expert cares about (TALL masks). */

import { weightedSum } from '../consensus/weighted-sum.js';
import type { Method } from '../method.js';
import { fillOperandTable, operandTable } from '../operand-table.js';
import { type NumberParameter, numberOf } from '../parameters.js';
import { untouched } from '../view.js';
import { lambdaParameter, normalizeParameter, weighsNothing, weightParameter } from './common-parameters.js';

const maskParameter: NumberParameter = {
  name: 'mask_lambda',
  scope: 'model',
  kind: 'number',
  default: 0.4,
  minimum: 0,
  summary: 'how large a change must be against what the others add to it, for the expert to care about the element',
};

export const consensus: Method = {
  name: 'consensus',
  aliases: ['consensus_ta', 'tall_masks'],
  title: 'Consensus merging (TALL masks)',
  paper: 'arXiv:2405.07813',
  equation: 'θ = θ₀ + λ · [Σ mᵢ ≥ k] · Σ wᵢτᵢ,  mᵢ = [|τᵢ| > λᵢ |Σ τⱼ − τᵢ|]',
  summary:
    'Task arithmetic without the elements that fewer than k experts care about. It deletes what one expert changed alone, which RAM keeps.',
  space: 'taskVectors',
  elsewhere: { mergekit: 'had consensus_ta and consensus_ties up to version 0.0.6' },
  parameters: [
    weightParameter,
    maskParameter,
    {
      name: 'agreement',
      scope: 'merge',
      kind: 'number',
      default: 2,
      minimum: 0,
      summary: 'experts that must care about an element, k',
    },
    lambdaParameter,
    normalizeParameter(false),
  ],
  presets: { mergekit: {}, m2rl: { weight: 1 } },
  statistics: () => [],
  ignores: weighsNothing,
  combine(context) {
    const { kernels, merge } = context;
    const ones = merge.operands.map(() => 1);
    const sum = weightedSum(context, untouched, ones);
    const table = operandTable(context);
    const limits = merge.operands.map(({ settings }) => numberOf(settings, 'mask_lambda'));
    const agreement = numberOf(merge.settings, 'agreement');
    return (tile, destination) => {
      sum(tile, destination);
      fillOperandTable(kernels, table, tile.operands, ones, limits);
      kernels.eraseUnshared(table, ones.length, destination, tile.count, agreement);
    };
  },
};
