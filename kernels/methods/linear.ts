/** Weighted average of the models' weights. */
import { storedSum } from '../consensus/stored-sum.js';
import type { Method } from '../method.js';
import { fillOperandTable, operandTable, weightsOf } from '../operand-table.js';
import { flagOf } from '../parameters.js';
import type { Slot } from '../slot.js';
import type { StoredTile, Tile } from '../unit.js';
import { untouched } from '../view.js';
import { normalizeParameter, weighsNothing, weightParameter } from './common-parameters.js';

export const linear: Method = {
  name: 'linear',
  aliases: ['average', 'weighted_average'],
  title: 'Weighted average (model soup)',
  paper: 'arXiv:2203.05482',
  equation: 'θ = Σ wᵢθᵢ / Σ wᵢ',
  summary: 'The mean of the models. Safe and small: with N experts each keeps about 1/N of its change.',
  space: 'weights',
  parameters: [weightParameter, normalizeParameter(true)],
  elsewhere: {
    mergekit:
      'the same sum in the work dtype: in bf16, averaging equal models changes up to a third of the values; a base that is named but not listed needs a global weight',
    m2rl: 'mean of the weights in the loaded dtype',
  },
  presets: { mergekit: {}, m2rl: { weight: 1 } },
  statistics: () => [],
  ignores: weighsNothing,
  check(tensors) {
    const without = tensors.filter(({ operands }) => operands.length === 0);
    if (without.length > 0)
      return without.length === tensors.length
        ? 'every model has weight 0, so nothing is left to merge'
        : 'every model has weight 0 in some tensors, so nothing is left to merge there';
    const divided = tensors.filter(({ settings }) => flagOf(settings, 'normalize'));
    const hopeless = divided.some((tensor) => weightsOf(tensor).reduce((sum, weight) => sum + weight, 0) === 0);
    return hopeless
      ? 'the weights add up to 0, so they cannot be normalized (set normalize: false to sum them)'
      : undefined;
  },
  anchored: true,
  /**
   * Computed around the first model, C·θ₀ + Σ cᵢ(θᵢ − θ₀) with cᵢ = wᵢ/Σw and C = Σ cᵢ: differences of fine-tunes are
   * small and mostly exact in f32, and equal models give themselves, bit for bit.
   */
  combine(context) {
    const { kernels, merge } = context;
    const weights = weightsOf(merge);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const normalize = flagOf(merge.settings, 'normalize');
    const shares = weights.slice(1).map((weight) => (normalize ? weight / sum : weight));
    const total = normalize ? 1 : sum;
    const scales = [...shares, total];
    const table = operandTable(context);
    const combine = (tile: Tile, destination: Slot): void => {
      const [anchor, ...differences] = tile.operands;
      fillOperandTable(kernels, table, [...differences, anchor!], scales, scales);
      kernels.weightedSum(table, scales.length, destination, tile.count);
    };
    const stored = storedSum(context, untouched(context).stored, shares, total);
    return Object.assign(combine, {
      stored:
        stored &&
        (({ operands: [anchor, ...operands], firstIndex, count }: StoredTile, destination: Slot) =>
          stored({ firstIndex, count, base: anchor, operands }, destination)),
    });
  },
};
