/** The kind of module a tensor belongs to, from its name alone, for any architecture. */

/** Kinds in the order reports show them. */
export const MODULE_TYPES = [
  'embed',
  'q',
  'k',
  'v',
  'o',
  'qkv',
  'gate',
  'up',
  'down',
  'router',
  'norm',
  'head',
  'other',
] as const;
export type ModuleType = (typeof MODULE_TYPES)[number];

/** First match decides; names are matched with their dots, so that `q_norm` is a norm and not a query. */
const PATTERNS: readonly (readonly [RegExp, ModuleType])[] = [
  [/norm|\bln_|\.ln\d|layernorm/i, 'norm'],
  [/(^|\.)(embed_tokens|wte|wpe|word_embeddings|tok_embeddings|embed_in|embeddings?)(\.|$)/, 'embed'],
  [/(^|\.)(lm_head|embed_out|output)\.(weight|bias)$/, 'head'],
  [/(^|\.)(gate|router)\.(weight|bias|e_score_correction_bias)$/, 'router'],
  [/(^|\.)(qkv_proj|query_key_value|c_attn|Wqkv|wqkv|W_pack)(\.|$)/, 'qkv'],
  [/(^|\.)(q_proj|query|wq|q)(\.|$)/, 'q'],
  [/(^|\.)(k_proj|key|wk|k)(\.|$)/, 'k'],
  [/(^|\.)(v_proj|value|wv|v)(\.|$)/, 'v'],
  [/(^|\.)(o_proj|out_proj|wo|dense)(\.|$)|attn\.c_proj/, 'o'],
  [/(^|\.)(gate_proj|w1)(\.|$)/, 'gate'],
  [/(^|\.)(up_proj|gate_up_proj|w3|c_fc|fc1|fc_in|dense_h_to_4h)(\.|$)/, 'up'],
  [/(^|\.)(down_proj|w2|fc2|fc_out|dense_4h_to_h)(\.|$)|mlp\.c_proj/, 'down'],
];

export function moduleTypeOf(tensor: string): ModuleType {
  return PATTERNS.find(([pattern]) => pattern.test(tensor))?.[1] ?? 'other';
}
