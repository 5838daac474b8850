/** Stacked models bring the embedding with the first of them and the head with the last: their rows must be the same tokens. */
import { isHead, isPerLayerEmbedding, isTokenEmbedding } from '../checkpoint/tensor-roles.js';
import { M2MergeError } from '../errors.js';
import { type FoundTensor, locate } from './parts.js';

/**
 * Throws `shape-mismatch` where the head has other rows than the embedding because their models differ in vocabulary: no
 * loader would take them. A model that is like that by itself stays as it is.
 */
export function checkStackedVocabulary(tensors: readonly FoundTensor[]): void {
  const embeddings = tensors.filter(({ tensor }) => isTokenEmbedding(tensor) && !isPerLayerEmbedding(tensor));
  const [embedding, ...others] = embeddings;
  // Of several (encoder and decoder) none is known to go with a head.
  if (embedding === undefined || others.length > 0) return;
  const [rows] = embedding.shape;
  for (const head of tensors.filter(({ tensor, shape }) => isHead(tensor) && shape[0] !== rows)) {
    // Where several models have a share in the embedding, it has the rows of one of them.
    const giver = partsOf(embedding).find(({ location }) => location.shape[0] === rows);
    for (const { model } of partsOf(head)) {
      const own = locate(model, embedding.tensor);
      if (own === undefined || giver === undefined || own.shape[0] === rows) continue;
      const facts = { tensor: embedding.tensor, model: model.name, shape: own.shape };
      throw new M2MergeError('shape-mismatch', { ...facts, expected: embedding.shape, expectedIn: giver.model.name });
    }
  }
}

const partsOf = ({ base, sources }: FoundTensor) => (base === undefined ? sources : [base, ...sources]);
