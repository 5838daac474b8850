/** What a config says of layers by their numbers instead of one by one, and whether stacked layers still follow it. */
import type { Section } from '../checkpoint/config.js';

/** Which of two kinds a layer is by a rule's number. */
type Kind = (layer: number, value: number, section: Section) => boolean;

interface LayerRule {
  readonly kind: Kind;
  /** Lists that name the kind of each layer, so that the rule is not asked. */
  readonly unless?: readonly string[];
  /** Whether the section makes use of it. */
  readonly when?: (section: Section) => boolean;
}

const every: Kind = (layer, value) => (layer + 1) % value === 0;
const everyFromFirst: Kind = (layer, value) => layer % value === 0;
const withOffset =
  (key: string): Kind =>
  (layer, value, section) =>
    layer % value === (typeof section[key] === 'number' ? section[key] : 0);
const first: Kind = (layer, value) => layer < value;

const ATTENTION_LISTS = ['layer_types', 'layers_block_type', 'attn_type_list'];
const MOE_LISTS = ['moe_layers', 'mlp_layer_types', 'moe_layers_enum'];

const RULES: Readonly<Record<string, LayerRule>> = {
  attn_layer_period: { kind: withOffset('attn_layer_offset'), unless: ATTENTION_LISTS },
  decoder_sparse_step: { kind: every, unless: MOE_LISTS, when: ({ num_experts: experts }) => experts !== 0 },
  expert_layer_period: { kind: withOffset('expert_layer_offset'), unless: MOE_LISTS },
  first_k_dense_replace: { kind: first, unless: MOE_LISTS },
  full_attention_interval: { kind: every, unless: ATTENTION_LISTS },
  global_attn_every_n_layers: { kind: everyFromFirst, unless: ATTENTION_LISTS },
  interleave_moe_layer_step: { kind: every, unless: MOE_LISTS },
  max_window_layers: {
    kind: first,
    unless: ATTENTION_LISTS,
    when: ({ use_sliding_window: slides }) => slides === true,
  },
  moe_layer_freq: { kind: everyFromFirst, unless: MOE_LISTS },
  moe_layer_start_index: { kind: first, unless: MOE_LISTS },
  no_rope_layer_interval: { kind: every, unless: ['no_rope_layers'] },
  num_dense_layers: { kind: first, unless: MOE_LISTS },
  sliding_window_pattern: {
    kind: every,
    unless: ATTENTION_LISTS,
    when: ({ sliding_window: window }) => window !== null,
  },
};

/**
 * The rules of a section that layers do not follow once they are where others were. `origins` has for each layer the number
 * it had in the model that it comes from.
 */
export function brokenRules(section: Section, origins: readonly number[]): { key: string; value: number }[] {
  return Object.entries(RULES).flatMap(([key, { kind, unless = [], when }]) => {
    const value = section[key];
    if (typeof value !== 'number' || value < 1 || unless.some((list) => Array.isArray(section[list]))) return [];
    if (when !== undefined && !when(section)) return [];
    const isBroken = origins.some((origin, now) => kind(origin, value, section) !== kind(now, value, section));
    return isBroken ? [{ key, value }] : [];
  });
}
