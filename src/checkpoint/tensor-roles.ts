/** What a tensor outside of the layers is for, from its name alone, for any architecture. */

import { parseLayer } from './layers.js';

/** The embedding of tokens: rows are tokens. */
const TOKEN_EMBEDDING =
  /(?:^|\.)(?:embed_tokens(?:_per_layer)?|wte|word_embeddings?|tok_embeddings|token_embeddings?|embed_in|embd\.wte|shared|embeddings?)\.weight$/;

/** Embeddings of what is no text. */
const OTHER_EMBEDDING = /(?:^|\.)embed_(?:vision|image|audio|speech)\./;

/** The head: rows are tokens as well. Some are only called so where nothing is around them. */
const HEAD =
  /(?:^|\.)(?:(?:lm_head|embed_out|output|output_layer)(?:\.linear)?|lm_head\.decoder|predictions\.decoder|transformer\.ff_out|vocab_projector|generator_lm_head|pred_layer\.proj|lm_loss)\.weight$|^(?:head|decoder|proj_out)\.weight$/;

const HEAD_BIAS =
  /(?:^|\.)(?:lm_head|embed_out|lm_head\.decoder|predictions|predictions\.decoder|vocab_projector|generator_lm_head|pred_layer\.proj|lm_loss)\.bias$|^decoder\.bias$/;

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

/** The model's own: that of a layer for further tokens is tied to nothing, and says nothing of the model. */
export const isHead = (name: string): boolean => HEAD.test(name) && !isInLayer(name);

/** The head's bias: elements are tokens. */
export const isHeadBias = (name: string): boolean => HEAD_BIAS.test(name) && !isInLayer(name);

/** Whether rows (of a bias: elements) are tokens, so that models of different vocabularies differ in the tensor's height. */
export function hasTokenRows(name: string): boolean {
  return isTokenEmbedding(name) || (isInLayer(name) ? HEAD_OF_LAYER.test(name) : isHead(name) || isHeadBias(name));
}

/** What comes between the last layer and the tokens, as BERT's `cls.predictions.transform`. */
export const isPartOfHead = (name: string): boolean =>
  isHead(name) || (/(?:^|\.)(?:lm_head|cls\.predictions)\./.test(name) && !isInLayer(name));

/** Whether the embedding is one that layers read besides, which stands for no head. */
export const isPerLayerEmbedding = (name: string): boolean => /_per_layer\.weight$/.test(name);

/** Whether a name says head only beside an embedding of tokens: image classifiers have such a one too. */
export const isVagueHead = (name: string): boolean => /^(?:head|decoder|proj_out)\./.test(name);

/** Whether a tensor outside of the layers comes before the first of them; otherwise it comes after the last. */
export const isBeforeLayers = (name: string): boolean => BEFORE_LAYERS.test(name) && !AFTER_LAYERS.test(name);

export const isOptionalByName = (name: string): boolean => OPTIONAL.test(name);
