/** Arcee Fusion: take over what changed much in rows whose distribution changed. */

import { passOn } from '../consensus/combination.js';
import type { Method } from '../method.js';
import { fusionThresholds, importanceRows, important } from '../sparsify/importance.js';

export const arceeFusion: Method = {
  name: 'arcee_fusion',
  title: 'Arcee Fusion',
  paper: 'https://arcee.ai',
  equation: 'θ = θ₀ + m ⊙ τ,  m = |τ|·KL(softmax θ₁ ‖ softmax θ₀) ≥ median + 1.5·IQR,  KL row by row',
  summary:
    'Takes over only the changes that stand out, by size and by what they do to their row. RL updates are so small that f32 arithmetic of the divergence is mostly rounding: it is repeated here bit for bit, which takes several times as long as a method that only adds.',
  space: 'taskVectors',
  operandCount: { minimum: 1, maximum: 1 },
  commonRows: true,
  copiesAlone: true,
  elsewhere: {
    mergekit:
      'the same f32 arithmetic (as on processors with AVX-512); above 10⁶ elements its quartiles come from a random sample, here from all elements; its output is f32 whatever dtype says',
  },
  parameters: [],
  presets: { mergekit: {} },
  statistics: () => [importanceRows(), fusionThresholds()],
  ignores: () => false,
  wholeRows: () => true,
  survivors: important,
  combine: (context) => passOn(context, important),
};
