/** What the merged model's config must say otherwise than the donor's where layers were stacked. */
import { type ConfigField, sectionsOf, textSectionOf } from '../checkpoint/config.js';
import { type Warning, warning } from '../warnings.js';
import type { MergedLayer, ModelLayer, ModuleDrafts } from './drafts.js';
import { LAYER_COUNT_KEYS } from './main-stack.js';
import type { PlanModel } from './plan-models.js';

type Section = Readonly<Record<string, unknown>>;
type Stacked = NonNullable<ModuleDrafts['stacked']>;

/** Lists (or texts) with one entry for each layer: `layer_types`, `no_rope_layers`, `num_query_heads` (OpenELM), … */
const PER_LAYER =
  /layer|block|pattern|(?:attn|attention)_types?(?:_list)?$|_heads$|multipliers$|^(?:moe_)?intermediate_size$|^num_experts$|^moe_topk$|^num_shared_expert$/;

/** Lists of layer numbers, and texts of such lists. */
const LAYER_NUMBERS: readonly string[] = [
  'attn_layer_indices',
  'cross_attention_layers',
  'full_attn_idxs',
  'hybrid_layer_ids',
  'mlp_only_layers',
  'moe_layers',
  'moe_layers_enum',
];

/** Those that count layers from 1. */
const LAYER_NUMBERS_FROM_ONE: readonly string[] = ['full_attn_layers', 'kda_layers'];

/** Numbers of layers, counted from the first, that are all of them in most models. */
const LAYERS_AT_MOST: readonly string[] = ['max_window_layers'];

/** The number of the last layer. */
const LAST_LAYER: readonly string[] = ['moe_layer_end_index'];

/** What layers of one kind are apart, unless a list names the kind of each. */
const PERIODS: readonly string[] = [
  'attn_layer_period',
  'decoder_sparse_step',
  'expert_layer_period',
  'full_attention_interval',
  'interleave_moe_layer_step',
  'sliding_window_pattern',
];

/** How many layers from the first are of another kind. */
const FIRST_LAYERS: readonly string[] = ['first_k_dense_replace', 'num_dense_layers'];

/** Lists that say of each layer what periods say of all. */
const KINDS_OF_LAYERS: readonly string[] = ['layer_types', 'layers_block_type', 'attn_type_list', 'moe_layers'];

/** Sections of a config that describe the part whose layers have this prefix. */
const SECTIONS: readonly (readonly [prefix: RegExp, section: RegExp])[] = [
  [/vis(?:ion|ual)|(?:^|\.)(?:vit|vpm)(?:\.|$)/, /^vis(?:ion|ual)/],
  [/audio|speech/, /^(?:audio|speech)/],
];

const KEY_OF_DEPTH = 'num_hidden_layers';

export interface LayerFields {
  readonly fields: readonly ConfigField[];
  readonly warnings: readonly Warning[];
}

/** The fields that say how many layers there are, and what each of them is. */
export function layerFields(donor: PlanModel, config: Section, { prefix, layers }: Stacked): LayerFields {
  const sections = sectionsOfStack(config, prefix);
  const count = donor.layout.stacks.get(prefix)?.count;
  const fields = sections.flatMap(([section, values]) => {
    const keys = depthKeys(prefix, values);
    return Object.entries(values).flatMap(([key, value]) => {
      const isDepth = keys.includes(key) && value === count;
      const changed = isDepth ? layers.length : mergedValue(key, value, { section, count, layers });
      return changed === undefined ? [] : [{ section, key, value: changed }];
    });
  });
  const depth = depthField(config, sections, prefix, count, layers.length);
  return {
    fields: depth === undefined || !('field' in depth) ? fields : [...fields, depth.field],
    warnings: [
      ...(depth !== undefined && 'warning' in depth ? [depth.warning] : []),
      ...rulesBroken(sections, layers).map((facts) => warning('layer-rule-broken', facts)),
    ],
  };
}

type Sections = readonly (readonly [path: readonly string[], values: Section])[];

/** The sections that describe the part with these layers: its own where parts have some, else all but those of others. */
function sectionsOfStack(config: Section, prefix: string): Sections {
  const components = prefix.split('.');
  const sections = sectionsOf(config);
  const own = sections.find(([path]) => path.length === 1 && components.includes(path[0]!.replace(/_config$/, '')));
  const special = SECTIONS.find(([pattern]) => pattern.test(prefix))?.[1];
  return sections.filter(([path]) => {
    if (own !== undefined && path[0] !== own[0][0]) return false;
    const isSpecial = (pattern: RegExp): boolean => path.some((key) => pattern.test(key));
    return special === undefined ? !SECTIONS.some(([, section]) => isSpecial(section)) : isSpecial(special);
  });
}

/** The keys that count the layers of a stack; where encoder and decoder have their own, those of one are not the other's. */
function depthKeys(prefix: string, section: Section): readonly string[] {
  const ofSides = LAYER_COUNT_KEYS.filter((key) => key in section && /(?:en|de)coder/.test(key));
  const side = prefix.split('.').find((component) => component === 'encoder' || component === 'decoder');
  if (ofSides.length === 0 || side === undefined) return LAYER_COUNT_KEYS;
  const isOfDecoder = (key: string): boolean => /decoder/.test(key);
  return LAYER_COUNT_KEYS.filter((key) => isOfDecoder(key) === (side === 'decoder'));
}

/** Where no field has the old depth: a new field where there is none at all, which stood for a default, else a warning. */
function depthField(
  config: Section,
  sections: Sections,
  prefix: string,
  count: number | undefined,
  depth: number,
): { readonly field: ConfigField } | { readonly warning: Warning } | undefined {
  if (count === depth) return undefined;
  const stated = sections.flatMap(([path, values]) =>
    depthKeys(prefix, values).flatMap((key) =>
      typeof values[key] === 'number' ? [{ path, key, value: values[key] }] : [],
    ),
  );
  if (stated.some(({ value }) => value === count)) return undefined;
  const [first] = stated;
  if (first !== undefined) {
    const facts = { key: [...first.path, first.key].join('.'), written: first.value as number, depth };
    return { warning: warning('depth-unwritten', facts) };
  }
  const text = textSectionOf(config);
  const [section] = sections.find(([path]) => path.join() === text.join()) ?? sections[0] ?? [];
  return section && { field: { section, key: KEY_OF_DEPTH, value: depth } };
}

interface Stacking {
  readonly section: readonly string[];
  /** Layers of the donor. */
  readonly count: number | undefined;
  readonly layers: readonly MergedLayer[];
}

/** The value after stacking, undefined where it has nothing to do with the layers. */
function mergedValue(key: string, value: unknown, stacking: Stacking): unknown {
  const { count, layers } = stacking;
  if (typeof value === 'number') return mergedNumber(key, value, stacking);
  if (LAYER_NUMBERS.includes(key)) return mergedNumbers(key, value, 0, stacking);
  if (LAYER_NUMBERS_FROM_ONE.includes(key)) return mergedNumbers(key, value, 1, stacking);
  const isList = Array.isArray(value);
  if (!PER_LAYER.test(key) || !(isList || typeof value === 'string') || value.length !== count) return undefined;
  const entries = layers.map(([layer]) => {
    const own = valueIn(key, layer, stacking);
    const list = Array.isArray(own) || typeof own === 'string' ? own : [];
    return list[layer.index] ?? value[layer.index] ?? value.at(-1);
  });
  return isList ? entries : entries.join('');
}

function mergedNumber(key: string, value: number, { count, layers }: Stacking): number | undefined {
  if (count === undefined) return undefined;
  if (LAYERS_AT_MOST.includes(key) && value === count) return layers.length;
  return LAST_LAYER.includes(key) && value === count - 1 ? layers.length - 1 : undefined;
}

/** A list of layer numbers, or its text, for the layers as they are numbered now. */
function mergedNumbers(key: string, value: unknown, first: number, stacking: Stacking): unknown {
  if (!Array.isArray(value) && typeof value !== 'string') return undefined;
  const numbers = stacking.layers.flatMap(([layer], index) => {
    const own = valueIn(key, layer, stacking);
    const list = typeof own === 'string' ? own.split(',').map(Number) : Array.isArray(own) ? own : [];
    return list.includes(layer.index + first) ? [index + first] : [];
  });
  return Array.isArray(value) ? numbers : numbers.join(',');
}

/** The value in the model that the layer comes from. */
function valueIn(key: string, { model }: ModelLayer, { section }: Stacking): unknown {
  let values: unknown = model.checkpoint.config;
  for (const step of section) values = (values as Section | undefined)?.[step];
  return (values as Section | undefined)?.[key];
}

/** Rules by layer number that the stacked layers do not follow, since each was trained at another place. */
function rulesBroken(sections: Sections, layers: readonly MergedLayer[]): { key: string; value: number }[] {
  return sections.flatMap(([path, values]) => {
    const hasKinds = KINDS_OF_LAYERS.some((key) => Array.isArray(values[key]));
    return Object.entries(values).flatMap(([key, value]) => {
      if (typeof value !== 'number' || value < 1) return [];
      const kindOf = kindByRule(key, value, hasKinds);
      const isBroken = kindOf !== undefined && layers.some(([{ index }], now) => kindOf(index) !== kindOf(now));
      return isBroken ? [{ key: [...path, key].join('.'), value }] : [];
    });
  });
}

function kindByRule(key: string, value: number, hasKinds: boolean): ((layer: number) => unknown) | undefined {
  if (FIRST_LAYERS.includes(key)) return (layer) => layer < value;
  return PERIODS.includes(key) && !hasKinds ? (layer) => layer % value : undefined;
}
