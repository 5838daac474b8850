/** Which tensors have a row for each token of a model. */
import type { Checkpoint, TensorLocation } from '../checkpoint/checkpoint.js';
import { textSectionsOf } from '../checkpoint/config.js';
import { parseLayer } from '../checkpoint/layers.js';
import { hasTokenRows, isHeadBias, isTokenEmbedding } from '../checkpoint/tensor-roles.js';

/** Keys of a config that give the rows of the embedding, and of one that layers read besides. */
export const VOCABULARY_KEYS: readonly string[] = ['vocab_size', 'padded_vocab_size', 'embedding_size'];
export const PER_LAYER_VOCABULARY_KEYS: readonly string[] = ['vocab_size_per_layer_input'];

type Tokens = Pick<Checkpoint, 'tensors' | 'config'>;

/**
 * Rows of the token embedding; where several of different heights may be that, those that the config says, or else most.
 * Undefined: not known.
 */
export function vocabularyRows({ tensors, config }: Tokens): number | undefined {
  const heights = [...tensors].flatMap(([name, { shape }]) =>
    parseLayer(name) === undefined && isTokenEmbedding(name) ? (shape[0] ?? []) : [],
  );
  const stated = statedRows(config);
  if (heights.length === 0) return stated[0];
  return new Set(heights).size === 1
    ? heights[0]
    : (stated.find((rows) => heights.includes(rows)) ?? Math.max(...heights));
}

/** What a config says of the vocabulary of text, from the outside in. */
function statedRows(config: Tokens['config'] = {}): number[] {
  return textSectionsOf(config).flatMap(([, section]) =>
    [...VOCABULARY_KEYS, ...PER_LAYER_VOCABULARY_KEYS].flatMap((key) =>
      typeof section[key] === 'number' ? [section[key]] : [],
    ),
  );
}

/** Whether the tensor of this model has a row (or, in a bias, an element) for each of its tokens. */
export function isByToken(name: string, { shape }: Pick<TensorLocation, 'shape'>, model: Tokens): boolean {
  if (!hasTokenRows(name) || shape.length !== (isHeadBias(name) ? 1 : 2)) return false;
  return shape[0] === vocabularyRows(model) || statedRows(model.config).includes(shape[0]!);
}
