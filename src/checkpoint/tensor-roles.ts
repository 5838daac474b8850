/** What a tensor outside of the layers is for, from its name alone, for any architecture. */

import { parseLayer } from './layers.js';

/** The embedding of tokens: rows are tokens. */
const TOKEN_EMBEDDING =
  /(?:^|\.)(?:embed_tokens(?:_per_layer)?|wte|word_embeddings?|tok_embeddings|token_embeddings?|embed_in|embd\.wte|shared|embeddings?)\.weight$/;

/** Embeddings of what is no text. */
const OTHER_EMBEDDING = /(?:^|\.)embed_(?:vision|image|audio|speech)\./;

/** What heads are called: modules that lead to tokens. */
const HEADS: readonly string[] = [
  'embed_out',
  'generator_lm_head',
  'lm_head',
  'lm_head.decoder',
  'lm_head.linear',
  'lm_loss',
  'output',
  'output_layer',
  'pred_layer.proj',
  'predictions.decoder',
  'transformer.ff_out',
  'vocab_projector',
];

/** Those that are called so where nothing is around them; image classifiers have such heads too. */
const VAGUE_HEADS: readonly string[] = ['decoder', 'head', 'proj_out'];

/** What has the head's bias: BERT's is beside its head. */
const HEADS_OF_BIAS: readonly string[] = [...HEADS, 'predictions'];

/** Those of layers that predict further tokens. */
const EMBEDDING_OF_LAYER = /\.embed_tokens\.weight$/;
const HEAD_OF_LAYER = /\.shared_head\.head\.weight$/;

/** Parts that come before the first layer. What only sounds like it: `embed_out` is a head, `embedding_norm` (LFM2) the final norm. */
const BEFORE_LAYERS =
  /(?:^|\.|_)(?:embed(?:ding)?s?|embd|wte|wpe|embed_\w+|\w+_embeddings?|\w+_embeddings?_layernorm|shared|patch_embed\w*|conv1|conv2|rotary_pos_emb)(?:\.|$)/i;
const AFTER_LAYERS = /(?:^|\.)(?:embed_out|embedding_norm|lm_head|unembed\w*|mtp\w*)(?:\.|$)/i;

/** Numbers that are computed anew when a model is loaded, and biases: what variants of an architecture add or leave out. */
const OPTIONAL = /(?:\.|_)(?:bias|inv_freq|masked_bias|position_ids)$/;

const isInLayer = (name: string): boolean => parseLayer(name) !== undefined;

export function isTokenEmbedding(name: string): boolean {
  if (isInLayer(name)) return EMBEDDING_OF_LAYER.test(name);
  return TOKEN_EMBEDDING.test(name) && !OTHER_EMBEDDING.test(name);
}

/** Whether a parameter is one of these modules', which may lie anywhere outside of layers, or of a vague head. */
function isOf(modules: readonly string[], name: string, parameter: string): boolean {
  if (!name.endsWith(parameter) || isInLayer(name)) return false;
  const module = name.slice(0, -parameter.length);
  return VAGUE_HEADS.includes(module) || modules.some((head) => module === head || module.endsWith(`.${head}`));
}

/** The model's own: that of a layer for further tokens is tied to nothing, and says nothing of the model. */
export const isHead = (name: string): boolean => isOf(HEADS, name, '.weight');

/** The head's bias: elements are tokens. */
export const isHeadBias = (name: string): boolean => isOf(HEADS_OF_BIAS, name, '.bias');

/** Whether rows (of a bias: elements) are tokens, so that models of different vocabularies differ in the tensor's height. */
export function hasTokenRows(name: string): boolean {
  return isTokenEmbedding(name) || (isInLayer(name) ? HEAD_OF_LAYER.test(name) : isHead(name) || isHeadBias(name));
}

/** What comes between the last layer and the tokens, as BERT's `cls.predictions.transform`. */
export const isPartOfHead = (name: string): boolean =>
  isHead(name) || (/(?:^|\.)(?:lm_head|cls\.predictions)\./.test(name) && !isInLayer(name));

/** Whether the embedding is one that layers read besides, which stands for no head. */
export const isPerLayerEmbedding = (name: string): boolean => /_per_layer\.weight$/.test(name);

/** A norm outside of the layers: the final one, or that of an embedding. */
const OUTER_NORM = /(?:^|[._])(?:\w*norm\w*|ln_f|ln_final)\.weight$/i;

/** What no model of its architecture is without: embedding of tokens, final norm, head. */
export const isOfEveryModel = (name: string): boolean =>
  isHead(name) || isTokenEmbedding(name) || (OUTER_NORM.test(name) && !isInLayer(name));

/** Whether a name says head only beside an embedding of tokens. */
export const isVagueHead = (name: string): boolean => VAGUE_HEADS.some((head) => name.startsWith(`${head}.`));

/** Whether a tensor outside of the layers comes before the first of them; otherwise it comes after the last. */
export const isBeforeLayers = (name: string): boolean => BEFORE_LAYERS.test(name) && !AFTER_LAYERS.test(name);

export const isOptionalByName = (name: string): boolean => OPTIONAL.test(name);
