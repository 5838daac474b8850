/** Passthrough: a model as it is, or scaled. */
import { combination } from '../consensus/combination.js';
import type { Method } from '../method.js';
import { numberOf } from '../parameters.js';

export const passthrough: Method = {
  name: 'passthrough',
  title: 'Passthrough',
  equation: 'θ = scale · θ₁',
  summary: 'Copies one model, tensor by tensor; `scale` with filters turns parts of it down or off.',
  space: 'weights',
  operandCount: { minimum: 1, maximum: 1 },
  parameters: [{ name: 'scale', scope: 'model', kind: 'number', default: 1, summary: 'factor of every value' }],
  elsewhere: {
    mergekit: 'the same',
  },
  presets: { mergekit: {} },
  statistics: () => [],
  ignores: () => false,
  combine: (context) =>
    combination(
      context,
      context.merge.operands.map(({ settings }) => numberOf(settings, 'scale')),
    ),
};
