/** TSV merging: the leading singular vectors of every expert, kept out of each other's way. */
import { combination } from '../consensus/combination.js';
import { mergeSingularVectors } from '../consensus/singular-vectors.js';
import type { Method } from '../method.js';
import { numberOf } from '../parameters.js';
import { lambdaParameter } from './common-parameters.js';

export const tsv: Method = {
  name: 'tsv',
  aliases: ['tsv_merging', 'tsv_m'],
  title: 'Task singular vectors (TSV-M)',
  paper: 'arXiv:2412.00081',
  equation:
    'θ = θ₀ + λ U′ Σ V′ᵀ,  the ⌊r/N⌋ leading singular triplets of each τᵢ, U and V made orthonormal; vectors: λ · mean τᵢ',
  summary:
    'Compresses each expert’s matrices and removes the interference between them. Slow, for its decompositions of every matrix: half a minute on two cores for one layer (17 million parameters) of four experts, and whole matrices in memory; below task arithmetic for RL experts in the published tables.',
  space: 'taskVectors',
  elsewhere: {
    m2rl: 'the same in f32, embeddings included; of a matrix that an expert left alone it takes arbitrary vectors, here none',
  },
  parameters: [lambdaParameter],
  presets: { mergekit: {}, m2rl: {} },
  statistics: () => [],
  ignores: () => false,
  wholeTensors: () => true,
  combine(context) {
    const { operands, shape, settings } = context.merge;
    if (shape.length === 2) return mergeSingularVectors(context);
    return combination(
      context,
      operands.map(() => numberOf(settings, 'lambda') / operands.length),
    );
  },
};
