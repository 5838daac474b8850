/** What a tensor outside of the layers is for, from its name alone, for any architecture. */

/** The embedding of tokens: rows are tokens. */
const TOKEN_EMBEDDING =
  /(?:^|\.)(?:embed_tokens|wte|word_embeddings|tok_embeddings|token_embeddings?|embed_in|embd\.wte|shared|embeddings?)\.weight$/;

/** The head: rows are tokens as well. */
const HEAD = /(?:^|\.)(?:lm_head|embed_out|output|output_layer)(?:\.linear)?\.weight$/;

const HEAD_BIAS = /(?:^|\.)(?:lm_head|embed_out)\.bias$/;

/** Parts that come before the first layer. What only sounds like it: `embed_out` is a head, `embedding_norm` (LFM2) the final norm. */
const BEFORE_LAYERS =
  /(?:^|\.|_)(?:embed(?:ding)?s?|embd|wte|wpe|embed_\w+|\w+_embeddings?|\w+_embeddings?_layernorm|shared|patch_embed\w*|conv1|conv2|rotary_pos_emb)(?:\.|$)/i;
const AFTER_LAYERS = /(?:^|\.)(?:embed_out|embedding_norm|lm_head|unembed\w*)(?:\.|$)/i;

/** Numbers that are computed anew when a model is loaded, and biases: what variants of an architecture add or leave out. */
const OPTIONAL = /(?:\.|_)(?:bias|inv_freq|masked_bias|position_ids)$/;

export const isTokenEmbedding = (name: string): boolean => TOKEN_EMBEDDING.test(name) && !HEAD.test(name);

export const isHead = (name: string): boolean => HEAD.test(name);

/** The head's bias: elements are tokens. */
export const isHeadBias = (name: string): boolean => HEAD_BIAS.test(name);

/** Whether rows of the tensor are tokens, so that models of different vocabularies differ in its height. */
export const hasTokenRows = (name: string): boolean => isHead(name) || isTokenEmbedding(name);

/** Whether a tensor outside of the layers comes before the first of them; otherwise it comes after the last. */
export const isBeforeLayers = (name: string): boolean => BEFORE_LAYERS.test(name) && !AFTER_LAYERS.test(name);

export const isOptionalByName = (name: string): boolean => OPTIONAL.test(name);
