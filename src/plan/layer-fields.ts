/** What the merged model's config must say otherwise than the donor's where layers were stacked. */
import { type ConfigField, type Section, sectionsOf, textSectionsOf, valueAt } from '../checkpoint/config.js';
import { type Warning, warning } from '../warnings.js';
import type { MergedLayer, ModelLayer, ModuleDrafts } from './drafts.js';
import { brokenRules } from './layer-rules.js';
import { LAYER_COUNT_KEYS } from './main-stack.js';
import type { LayerStack } from './model-tensors.js';
import type { PlanModel } from './plan-models.js';

type Stacked = NonNullable<ModuleDrafts['stacked']>;

/** Lists (or texts) with one entry for each layer: `layer_types`, `no_rope_layers`, `num_query_heads` (OpenELM), … */
const PER_LAYER =
  /layer|block|pattern|(?:attn|attention)_types?(?:_list)?$|_heads$|^ffn_multipliers$|^(?:moe_)?intermediate_size$|^num_experts$|^moe_topk$|^num_shared_expert$/;

/** Lists of layer numbers, and texts of such lists. */
const LAYER_NUMBERS: readonly string[] = [
  'attn_layer_indices',
  'cross_attention_layers',
  'deepstack_visual_indexes',
  'full_attn_idxs',
  'fullatt_block_indexes',
  'hybrid_layer_ids',
  'mlp_only_layers',
  'moe_layers',
  'moe_layers_enum',
];

/** Those that count layers from 1. */
const LAYER_NUMBERS_FROM_ONE: readonly string[] = ['full_attn_layers', 'kda_layers'];

/** GPT-Neo's. */
const RUNS_OF_KINDS = 'attention_types';

/** Numbers of layers, counted from the first, that are all of them in most models. */
const LAYERS_AT_MOST: readonly string[] = ['max_window_layers'];

/** The number of the last layer. */
const LAST_LAYER: readonly string[] = ['moe_layer_end_index'];

/** Sections of a config that describe the part whose layers have this prefix. */
const SECTIONS: readonly (readonly [prefix: RegExp, section: RegExp])[] = [
  [/vis(?:ion|ual)|(?:^|\.)(?:vit|vpm)/, /^vis(?:ion|ual)/],
  [/audio|speech/, /^(?:audio|speech)/],
];

/** Those of parts that are no language model, whatever their layers are called. */
const OTHER_SECTIONS: readonly RegExp[] = [
  ...SECTIONS.map(([, section]) => section),
  /^(?:qformer|perceiver|resampler|talker|token2wav|codec)/,
];

const KEY_OF_DEPTH = 'num_hidden_layers';

export interface LayerFields {
  readonly fields: readonly ConfigField[];
  readonly warnings: readonly Warning[];
}

/** The fields that say how many layers there are, and what each of them is. */
export function layerFields(donor: PlanModel, config: Section, { prefix, layers }: Stacked): LayerFields {
  const sections = sectionsOfStack(config, prefix);
  const stack = donor.layout.stacks.get(prefix);
  const fields = sections.flatMap(([section, values]) => {
    const keys = depthKeys(prefix, values);
    return Object.entries(values).flatMap(([key, value]) => {
      const isDepth = keys.includes(key) && value === stack?.count;
      const changed = isDepth ? layers.length : mergedValue(key, value, { section, stack, layers });
      return changed === undefined ? [] : [{ section, key, value: changed }];
    });
  });
  const depth = depthField(config, sections, prefix, { count: stack?.count, depth: layers.length });
  const origins = layers.map(([{ index }]) => index);
  const broken = sections.flatMap(([path, values]) =>
    brokenRules(values, origins).map(({ key, value }) => ({ key: [...path, key].join('.'), value })),
  );
  return {
    fields: depth?.field === undefined ? fields : [...fields, depth.field],
    warnings: [
      ...(depth?.warning === undefined ? [] : [depth.warning]),
      ...broken.map((facts) => warning('layer-rule-broken', facts)),
    ],
  };
}

type Sections = readonly (readonly [path: readonly string[], values: Section])[];

/** The sections that describe the part with these layers: its own where parts have some, else all but those of others. */
function sectionsOfStack(config: Section, prefix: string): Sections {
  const sections = sectionsOf(config);
  const within = (key: string): Sections => sections.filter(([path]) => path[0] === key);
  const own = prefix
    .split('.')
    .flatMap((component) => [component, `${component}_config`])
    .find((key) => within(key).some(([, values]) => LAYER_COUNT_KEYS.some((depth) => depth in values)));
  const scope = own === undefined ? sections : within(own);
  const hasKey = (path: readonly string[], ...patterns: readonly RegExp[]): boolean =>
    path.slice(own === undefined ? 0 : 1).some((key) => patterns.some((pattern) => pattern.test(key)));
  const special = SECTIONS.find(([pattern]) => pattern.test(prefix))?.[1];
  const found = scope.filter(([path]) => special !== undefined && hasKey(path, special));
  return found.length > 0 ? found : scope.filter(([path]) => !hasKey(path, ...OTHER_SECTIONS));
}

/** The keys that count the layers of a stack; where encoder and decoder have their own, those of one are not the other's. */
function depthKeys(prefix: string, section: Section): readonly string[] {
  const ofSides = LAYER_COUNT_KEYS.filter((key) => key in section && /(?:en|de)coder/.test(key));
  const side = prefix.split('.').find((component) => component === 'encoder' || component === 'decoder');
  if (ofSides.length === 0 || side === undefined) return LAYER_COUNT_KEYS;
  const isOfDecoder = (key: string): boolean => /decoder/.test(key);
  return LAYER_COUNT_KEYS.filter((key) => isOfDecoder(key) === (side === 'decoder'));
}

interface Depths {
  /** Layers of the donor. */
  readonly count: number | undefined;
  /** Layers of the merged model. */
  readonly depth: number;
}

/**
 * Where no field has the old depth: a new field in a section of the language model that states none, which stood for a
 * default, else a warning.
 */
function depthField(
  config: Section,
  sections: Sections,
  prefix: string,
  { count, depth }: Depths,
): { readonly field?: ConfigField; readonly warning?: Warning } | undefined {
  if (count === depth) return undefined;
  const stated = sections.flatMap(([path, values]) =>
    depthKeys(prefix, values).flatMap((key) => {
      const value = values[key];
      return typeof value === 'number' ? [{ key: [...path, key].join('.'), value }] : [];
    }),
  );
  if (stated.some(({ value }) => value === count || value === depth)) return undefined;
  const isOfText = sections.some(([path]) => path.length === 0);
  const [section] = isOfText ? (textSectionsOf(config).findLast(([path]) => path.length > 0) ?? []) : [];
  if (stated.length === 0 && section !== undefined) return { field: { section, key: KEY_OF_DEPTH, value: depth } };
  const [first] = stated;
  const written = first === undefined ? {} : { written: `"${first.key}" is ${first.value}` };
  return { warning: warning('depth-unwritten', { ...written, depth }) };
}

interface Stacking {
  readonly section: readonly string[];
  /** The donor's. */
  readonly stack: LayerStack | undefined;
  readonly layers: readonly MergedLayer[];
}

/** The value after stacking, undefined where it has nothing to do with the layers. */
function mergedValue(key: string, value: unknown, stacking: Stacking): unknown {
  const { stack, layers } = stacking;
  if (stack === undefined) return undefined;
  const { count, further } = stack;
  if (typeof value === 'number') {
    if (LAYERS_AT_MOST.includes(key) && value === count) return layers.length;
    return LAST_LAYER.includes(key) && value === count - 1 ? layers.length - 1 : undefined;
  }
  if (LAYER_NUMBERS.includes(key)) return mergedNumbers(key, value, 0, stacking);
  if (LAYER_NUMBERS_FROM_ONE.includes(key)) return mergedNumbers(key, value, 1, stacking);
  if (key === RUNS_OF_KINDS) return mergedRuns(value, count, layers);
  const isList = Array.isArray(value);
  if (!PER_LAYER.test(key) || !(isList || typeof value === 'string')) return undefined;
  if (value.length !== count && value.length !== count + further) return undefined;
  const entries = layers.map(([layer]) => {
    const own = valueIn(key, layer, stacking);
    const list = Array.isArray(own) || typeof own === 'string' ? own : [];
    return list[layer.index] ?? value[layer.index] ?? value.at(-1);
  });
  // Those of layers for further tokens, which come after the others as before.
  const all = [...entries, ...value.slice(count)];
  return isList ? all : all.join('');
}

/** Kinds of layers as runs of them, `[[[global, local], 6]]`, written anew as one run for each layer. */
function mergedRuns(value: unknown, count: number, layers: readonly MergedLayer[]): unknown {
  if (!Array.isArray(value)) return undefined;
  // No run is taken to be longer than all layers are.
  const kinds = value.flatMap((run: unknown) => {
    const [names, times] = Array.isArray(run) ? (run as unknown[]) : [];
    const isRun = Array.isArray(names) && names.length > 0 && typeof times === 'number' && times <= count;
    return isRun ? Array.from({ length: Math.max(0, times) }, () => names as unknown[]).flat() : [];
  });
  return kinds.length === count ? layers.map(([{ index }]) => [[kinds[index]], 1]) : undefined;
}

/** A list of layer numbers, or its text, for the layers as they are numbered now. */
function mergedNumbers(key: string, value: unknown, first: number, stacking: Stacking): unknown {
  if (!Array.isArray(value) && (typeof value !== 'string' || value === '')) return undefined;
  const numbers = stacking.layers.flatMap(([layer], index) => {
    const own = valueIn(key, layer, stacking);
    const list = typeof own === 'string' ? own.split(',').map(Number) : Array.isArray(own) ? own : [];
    return list.includes(layer.index + first) ? [index + first] : [];
  });
  return Array.isArray(value) ? numbers : numbers.join(',');
}

/** The value in the model that the layer comes from. */
const valueIn = (key: string, { model }: ModelLayer, { section }: Stacking): unknown =>
  valueAt(model.checkpoint.config, section, key);
