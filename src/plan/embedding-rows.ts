/** Which tensors have a row for each token of a model. */
import type { Checkpoint, TensorLocation } from '../checkpoint/checkpoint.js';
import { parseLayer } from '../checkpoint/layers.js';
import { hasTokenRows, isHeadBias, isTokenEmbedding } from '../checkpoint/tensor-roles.js';

const VOCABULARY = 'vocab_size';

/** Rows of the token embedding, or what the config says where several tensors may be that; undefined: not known. */
export function vocabularyRows({ tensors, config = {} }: Pick<Checkpoint, 'tensors' | 'config'>): number | undefined {
  const embeddings = [...tensors].filter(([name]) => parseLayer(name) === undefined && isTokenEmbedding(name));
  const [only] = embeddings;
  if (only !== undefined && embeddings.length === 1) return only[1].shape[0];
  const nested = Object.values(config).find(
    (value) => typeof value === 'object' && value !== null && VOCABULARY in value,
  ) as Record<string, unknown> | undefined;
  const written = config[VOCABULARY] ?? nested?.[VOCABULARY];
  return typeof written === 'number' ? written : undefined;
}

/** Whether the tensor of this model has a row (or, in a bias, an element) for each of its tokens. */
export function isByToken(
  name: string,
  { shape }: Pick<TensorLocation, 'shape'>,
  model: Pick<Checkpoint, 'tensors' | 'config'>,
): boolean {
  if (parseLayer(name) !== undefined) return false;
  const isOfKind = (shape.length === 2 && hasTokenRows(name)) || (shape.length === 1 && isHeadBias(name));
  return isOfKind && shape[0] === vocabularyRows(model);
}
