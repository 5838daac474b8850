/** TSV merging: the leading singular vectors of every expert, kept out of each other's way. */
import { mergeSingularVectors } from '../consensus/singular-vectors.js';
import type { Method } from '../method.js';
import { lambdaParameter } from './common-parameters.js';
import { decomposeParameter, isDecomposed, isMatrixToDecompose, scaledMean } from './decompose.js';

export const tsv: Method = {
  name: 'tsv',
  aliases: ['tsv_merging', 'tsv_m'],
  title: 'Task singular vectors (TSV-M)',
  paper: 'arXiv:2412.00081',
  equation:
    'θ = θ₀ + λ U′ Σ V′ᵀ,  the ⌊r/N⌋ leading singular triplets of each τᵢ, U and V made orthonormal; vectors: λ · mean τᵢ',
  summary:
    'Compresses each expert’s matrices and removes the interference between them. Slow, for its decompositions of every matrix: half a minute on two cores for one layer (17 million parameters) of four experts, and whole matrices in memory, so that embeddings and heads need decompose: false by a filter; below task arithmetic for RL experts in the published tables.',
  space: 'taskVectors',
  elsewhere: {
    m2rl: 'the same in f32, embeddings included; of a matrix that an expert left alone it takes arbitrary vectors, here none',
  },
  parameters: [decomposeParameter('for embeddings and heads, which are too large to be decomposed'), lambdaParameter],
  presets: { mergekit: {}, m2rl: {} },
  statistics: () => [],
  ignores: () => false,
  wholeTensors: isMatrixToDecompose,
  combine: (context) => (isDecomposed(context.merge) ? mergeSingularVectors(context) : scaledMean(context)),
};
