/** What the merged model's config must say otherwise than the donor's: layers, vocabulary, tied head. */
import type { ConfigField } from '../checkpoint/config.js';
import { isHead, isTokenEmbedding } from '../checkpoint/tensor-roles.js';
import type { MergedLayer, ModelLayer, ModuleDrafts } from './drafts.js';
import { LAYER_COUNT_KEYS } from './main-stack.js';
import type { Plan } from './plan.js';
import type { PlanModel } from './plan-models.js';

type Section = Readonly<Record<string, unknown>>;

const TIE = 'tie_word_embeddings';
const VOCABULARY = 'vocab_size';

/** Lists (or texts) with one entry for each layer: `layer_types`, `no_rope_layers`, `num_query_heads` (OpenELM), … */
const PER_LAYER = /layer|block|pattern|attn_types?$|attention_types?$|_heads$|multipliers$|^intermediate_size$/;

/** Lists of layer numbers. */
const LAYER_NUMBERS: readonly string[] = [
  'attn_layer_indices',
  'cross_attention_layers',
  'full_attn_idxs',
  'mlp_only_layers',
];

/** Numbers of layers, counted from the first, that are all of them in most models. */
const LAYERS_AT_MOST: readonly string[] = ['max_window_layers'];

/** Sections of a config that describe the part whose layers have this prefix. */
const SECTIONS: readonly (readonly [prefix: RegExp, section: RegExp])[] = [
  [/vis(?:ion|ual)|(?:^|\.)vit/, /^vis(?:ion|ual)/],
  [/audio|speech/, /^(?:audio|speech)/],
];

/** The fields to change in the donor's config. */
export function configFields(
  donor: PlanModel,
  inputs: readonly PlanModel[],
  plan: Plan,
  stacks: readonly NonNullable<ModuleDrafts['stacked']>[],
): ConfigField[] {
  const { config } = donor.checkpoint;
  if (config === undefined) return [];
  return [
    ...stacks.flatMap(({ prefix, layers }) => layerFields(donor, config, prefix, layers)),
    ...vocabularyFields(donor, config, plan),
    ...tieFields(config, donor, inputs, plan),
  ];
}

/** The config itself and the objects in it, by key. */
function sectionsOf(config: Section): (readonly [key: string | undefined, section: Section])[] {
  const nested = Object.entries(config).filter(([, value]) => isObject(value)) as [string, Section][];
  return [[undefined, config], ...nested];
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

function layerFields(donor: PlanModel, config: Section, prefix: string, layers: readonly MergedLayer[]): ConfigField[] {
  const count = donor.layout.stacks.get(prefix)?.count;
  const special = SECTIONS.find(([pattern]) => pattern.test(prefix))?.[1];
  const sections = sectionsOf(config).filter(([key]) =>
    special === undefined ? !SECTIONS.some(([, section]) => section.test(key ?? '')) : special.test(key ?? ''),
  );
  return sections.flatMap(([section, values]) =>
    Object.entries(values).flatMap(([key, value]) => {
      const changed = mergedValue(key, value, { section, count, layers, donor });
      return changed === undefined ? [] : [{ section, key, value: changed }];
    }),
  );
}

interface Stacking {
  readonly section: string | undefined;
  /** Layers of the donor. */
  readonly count: number | undefined;
  readonly layers: readonly MergedLayer[];
  readonly donor: PlanModel;
}

/** The value after stacking, undefined where it has nothing to do with the number of layers. */
function mergedValue(key: string, value: unknown, stacking: Stacking): unknown {
  const { count, layers } = stacking;
  if (typeof value === 'number') {
    const counts = LAYER_COUNT_KEYS.includes(key) || (LAYERS_AT_MOST.includes(key) && value === count);
    return counts && value === count ? layers.length : undefined;
  }
  const isList = Array.isArray(value);
  if (isList && LAYER_NUMBERS.includes(key)) {
    return layers.flatMap(([layer], index) => (listOf(key, layer, stacking).includes(layer.index) ? [index] : []));
  }
  if (!PER_LAYER.test(key) || !(isList || typeof value === 'string') || value.length !== count) return undefined;
  const entries = layers.map(([layer]) => {
    const own = listOf(key, layer, stacking);
    return own[layer.index] ?? value[layer.index] ?? value.at(-1);
  });
  return isList ? entries : entries.join('');
}

/** The list of the model that the layer comes from. */
function listOf(
  key: string,
  { model }: ModelLayer,
  { section }: Stacking,
): ArrayLike<unknown> & { includes(item: unknown): boolean } {
  const config = model.checkpoint.config ?? {};
  const values = section === undefined ? config : (config[section] as Section | undefined);
  const value = values?.[key];
  return Array.isArray(value) ? value : typeof value === 'string' ? [...value] : [];
}

/** The rows of the merged embedding, where they are not the donor's. */
function vocabularyFields(donor: PlanModel, config: Section, { jobs }: Plan): ConfigField[] {
  const embeddings = jobs.filter(({ tensor }) => isTokenEmbedding(tensor));
  const rows = embeddings[0]?.shape[0];
  const own = donor.checkpoint.tensors.get(embeddings[0]?.tensor ?? '')?.shape[0];
  // Several (as those of an encoder and a decoder) have one vocabulary when they are of one height.
  const isOne = embeddings.every(({ shape }) => shape[0] === rows);
  if (!isOne || rows === undefined || rows === own) return [];
  const sections = sectionsOf(config).filter(([, section]) => section[VOCABULARY] === own || section === config);
  return sections
    .filter(([key, section]) => (key === undefined ? VOCABULARY in section || sections.length === 1 : true))
    .map(([section]) => ({ section, key: VOCABULARY, value: rows }));
}

/**
 * Whether the head is the embedding: not when the merged model has a head of its own and some model did not have one,
 * or the models' configs do not agree; and it is when only the donor, of which nothing was merged, has a head.
 */
function tieFields(config: Section, donor: PlanModel, inputs: readonly PlanModel[], { jobs }: Plan): ConfigField[] {
  const hasHead = jobs.some(({ tensor }) => isHead(tensor));
  const tied = inputs.map(isTied);
  if (tied.every((own) => own === tied[0])) return [];
  const isLost =
    [...donor.checkpoint.tensors.keys()].some(isHead) && jobs.some(({ tensor }) => isTokenEmbedding(tensor));
  if (!hasHead && !isLost) return [];
  const sections = sectionsOf(config).filter(([key, section]) => key === undefined || TIE in section);
  return sections.map(([section]) => ({ section, key: TIE, value: !hasHead }));
}

function isTied({ checkpoint }: PlanModel): boolean {
  const config = checkpoint.config ?? {};
  const written = sectionsOf(config).find(([, section]) => typeof section[TIE] === 'boolean')?.[1][TIE];
  return typeof written === 'boolean' ? written : ![...checkpoint.tensors.keys()].some(isHead);
}
