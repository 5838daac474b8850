/** Which tensors have a row for each token of a model. */
import type { Checkpoint, TensorLocation } from '../checkpoint/checkpoint.js';
import { sectionsOf } from '../checkpoint/config.js';
import { parseLayer } from '../checkpoint/layers.js';
import { hasTokenRows, isHeadBias, isTokenEmbedding } from '../checkpoint/tensor-roles.js';

const VOCABULARY = /^(?:padded_)?vocab_size(?:_per_layer_input)?$/;

/** Sections of a config whose vocabulary is not that of the text. */
const OTHER_SECTION = /^(?:vis(?:ion|ual)|audio|speech|talker|token2wav|codec)/;

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
  return sectionsOf(config)
    .filter(([path]) => !path.some((key) => OTHER_SECTION.test(key)))
    .flatMap(([, section]) => Object.entries(section))
    .flatMap(([key, value]) => (VOCABULARY.test(key) && typeof value === 'number' ? [value] : []));
}

/** Whether the tensor of this model has a row (or, in a bias, an element) for each of its tokens. */
export function isByToken(name: string, { shape }: Pick<TensorLocation, 'shape'>, model: Tokens): boolean {
  if (!hasTokenRows(name) || shape.length !== (isHeadBias(name) ? 1 : 2)) return false;
  return shape[0] === vocabularyRows(model) || statedRows(model.config).includes(shape[0]!);
}
