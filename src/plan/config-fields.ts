/** What the merged model's config must say otherwise than the donor's: layers, vocabulary, tied head. */
import {
  type ConfigField,
  type Section,
  sectionsOf,
  statedTie,
  TIE,
  textSectionsOf,
  valueAt,
} from '../checkpoint/config.js';
import { isHead, isPerLayerEmbedding, isTokenEmbedding } from '../checkpoint/tensor-roles.js';
import { type Warning, warning } from '../warnings.js';
import type { MergedLayer, ModuleDrafts } from './drafts.js';
import { PER_LAYER_VOCABULARY_KEYS, VOCABULARY_KEYS, vocabularyRows } from './embedding-rows.js';
import { layerFields } from './layer-fields.js';
import type { Job, MergeJob, Plan } from './plan.js';
import type { PlanModel } from './plan-models.js';

type Stacked = NonNullable<ModuleDrafts['stacked']>;

export interface ConfigFields {
  readonly fields: readonly ConfigField[];
  readonly warnings: readonly Warning[];
}

/** The fields to change in the donor's config. */
export function configFields(
  donor: PlanModel,
  inputs: readonly PlanModel[],
  plan: Plan,
  stacks: readonly Stacked[],
): ConfigFields {
  const { config } = donor.checkpoint;
  if (config === undefined) return { fields: [], warnings: [] };
  const ofLayers = stacks.map((stacked) => layerFields(donor, config, stacked));
  const ofOthers = otherSides(donor, stacks).map((stack) => layerFields(donor, config, stack));
  const { agreed, contested } = agreeOn([...ofLayers, ...ofOthers].flatMap(({ fields }) => fields));
  return {
    fields: [
      ...agreed.filter((field) => isNew(field, config)),
      ...vocabularyFields(donor, config, plan),
      ...tieFields(config, donor, inputs, plan, stacks),
    ],
    warnings: [
      ...ofLayers.flatMap(({ warnings }) => warnings),
      ...contested.map(({ section, key }) => warning('field-contested', { key: [...section, key].join('.') })),
    ],
  };
}

/** Encoders and decoders beside those that were stacked, as they are: they have a say in the fields that they share. */
function otherSides(donor: PlanModel, stacks: readonly Stacked[]): Stacked[] {
  const isSide = (prefix: string): boolean => /(?:^|\.)(?:en|de)coder(?:\.|$)/.test(prefix);
  if (!stacks.some(({ prefix }) => isSide(prefix))) return [];
  const others = [...donor.layout.stacks.values()].filter(
    ({ prefix }) => isSide(prefix) && !stacks.some((stacked) => stacked.prefix === prefix),
  );
  return others.map(({ prefix, count }) => {
    const layers = Array.from({ length: count }, (_, index): MergedLayer => [{ model: donor, index }]);
    return { prefix, layers };
  });
}

/** Whether a field says something else than the config. */
const isNew = ({ section, key, value }: ConfigField, config: Section): boolean =>
  JSON.stringify(valueAt(config, section, key)) !== JSON.stringify(value);

/** What several stacks (an encoder and a decoder) say of a field that they share: the same, or else nothing can be said. */
function agreeOn(fields: readonly ConfigField[]): {
  agreed: readonly ConfigField[];
  contested: readonly ConfigField[];
} {
  const byPlace = new Map<string, ConfigField[]>();
  for (const field of fields) {
    const place = JSON.stringify([...field.section, field.key]);
    byPlace.set(place, [...(byPlace.get(place) ?? []), field]);
  }
  const groups = [...byPlace.values()];
  const isOne = ([first, ...others]: readonly ConfigField[]): boolean =>
    others.every(({ value }) => JSON.stringify(value) === JSON.stringify(first!.value));
  const firstOf = (found: readonly ConfigField[][]): ConfigField[] => found.map(([first]) => first!);
  return { agreed: firstOf(groups.filter(isOne)), contested: firstOf(groups.filter((group) => !isOne(group))) };
}

/** The rows of the merged embeddings, where they are not the donor's. */
function vocabularyFields(donor: PlanModel, config: Section, { jobs }: Plan): ConfigField[] {
  const own = vocabularyRows(donor.checkpoint);
  const embeddings = jobs.filter(({ tensor }) => isTokenEmbedding(tensor) && heightIn(donor, tensor) !== undefined);
  const ofLayers = embeddings.filter(({ tensor }) => isPerLayerEmbedding(tensor));
  const main = embeddings.filter((job) => !ofLayers.includes(job) && heightIn(donor, job.tensor) === own);
  return [
    ...rowFields(donor, config, main, VOCABULARY_KEYS, true),
    ...rowFields(donor, config, ofLayers, PER_LAYER_VOCABULARY_KEYS, false),
  ];
}

const heightIn = ({ checkpoint }: PlanModel, tensor: string): number | undefined =>
  checkpoint.tensors.get(tensor)?.shape[0];

/** Keys that give the height of these embeddings; one is added where none does and `isNeeded`. */
function rowFields(
  donor: PlanModel,
  config: Section,
  embeddings: readonly Pick<Job, 'tensor' | 'shape'>[],
  keys: readonly string[],
  isNeeded: boolean,
): ConfigField[] {
  const [first] = embeddings;
  const rows = first?.shape[0];
  const own = first && heightIn(donor, first.tensor);
  // Several (as those of an encoder and a decoder) have one vocabulary when they are of one height.
  const isOne = embeddings.every(({ shape }) => shape[0] === rows);
  if (!isOne || rows === undefined || rows === own) return [];
  const stated = textSectionsOf(config).flatMap(([section, values]) =>
    keys.flatMap((key) => (values[key] === own ? [{ section, key, value: rows }] : [])),
  );
  if (stated.length > 0 || !isNeeded) return stated;
  const [section] = textSectionsOf(config).at(-1)!;
  return [{ section, key: keys[0]!, value: rows }];
}

/**
 * Whether the head is the embedding: not when the merged model has a head of its own and some model did not have one,
 * the models' configs do not agree, or the recipe merges it otherwise than the embedding; and it is when only the donor, of
 * which nothing was merged, has a head. A stack of tied models ends with another than it begins with, and is tied like them.
 */
function tieFields(
  config: Section,
  donor: PlanModel,
  inputs: readonly PlanModel[],
  { jobs }: Plan,
  stacks: readonly Stacked[],
): ConfigField[] {
  const heads = jobs.filter(({ tensor }) => isHead(tensor));
  const embeddings = jobs.filter(({ tensor }) => isTokenEmbedding(tensor) && !isPerLayerEmbedding(tensor));
  const tied = inputs.map(isTied);
  if (tied.every((own) => own === tied[0])) {
    const isApart = (head: Job): boolean => embeddings.length > 0 && !embeddings.some((job) => areAlike(head, job));
    return tied[0] && !stacks.some(isOfUnlike) && heads.some(isApart) ? tieFieldsOf(config, false) : [];
  }
  const isLost = [...donor.checkpoint.tensors.keys()].some(isHead) && embeddings.length > 0;
  return heads.length > 0 || isLost ? tieFieldsOf(config, heads.length === 0) : [];
}

function tieFieldsOf(config: Section, value: boolean): ConfigField[] {
  const sections = sectionsOf(config).filter(([path, section]) => path.length === 0 || TIE in section);
  return sections.map(([section]) => ({ section, key: TIE, value }));
}

/** Whether the first layer comes from other models than the last. */
function isOfUnlike({ layers }: Stacked): boolean {
  const [first, last] = [layers[0], layers.at(-1)].map((layer) => new Set(layer?.map(({ model }) => model)));
  return first!.size !== last!.size || [...first!].some((model) => !last!.has(model));
}

/** Whether the same models are merged in the same way. */
function areAlike(a: Job, b: Job): boolean {
  if (a.kind === 'copy' || b.kind === 'copy') return a.kind === 'copy' && b.kind === 'copy';
  const wayOf = ({ settings, operands }: MergeJob): unknown => [
    settings,
    operands.map((own) => [own.model, own.settings]),
  ];
  return JSON.stringify(wayOf(a)) === JSON.stringify(wayOf(b));
}

function isTied({ checkpoint }: PlanModel): boolean {
  return statedTie(checkpoint.config)[0] ?? ![...checkpoint.tensors.keys()].some(isHead);
}
