/** What the merged model's config must say otherwise than the donor's: layers, vocabulary, tied head. */
import { type ConfigField, sectionsOf, textSectionOf } from '../checkpoint/config.js';
import { isHead, isTokenEmbedding } from '../checkpoint/tensor-roles.js';
import type { Warning } from '../warnings.js';
import type { ModuleDrafts } from './drafts.js';
import { vocabularyRows } from './embedding-rows.js';
import { layerFields } from './layer-fields.js';
import type { Plan } from './plan.js';
import type { PlanModel } from './plan-models.js';
import { statedTie, TIE } from './tied-head.js';

type Section = Readonly<Record<string, unknown>>;

const VOCABULARY: readonly string[] = ['vocab_size', 'padded_vocab_size', 'embedding_size'];

export interface ConfigFields {
  readonly fields: readonly ConfigField[];
  readonly warnings: readonly Warning[];
}

/** The fields to change in the donor's config. */
export function configFields(
  donor: PlanModel,
  inputs: readonly PlanModel[],
  plan: Plan,
  stacks: readonly NonNullable<ModuleDrafts['stacked']>[],
): ConfigFields {
  const { config } = donor.checkpoint;
  if (config === undefined) return { fields: [], warnings: [] };
  const ofLayers = stacks.map((stacked) => layerFields(donor, config, stacked));
  return {
    fields: [
      ...ofLayers.flatMap(({ fields }) => fields),
      ...vocabularyFields(donor, config, plan),
      ...tieFields(config, donor, inputs, plan),
    ],
    warnings: ofLayers.flatMap(({ warnings }) => warnings),
  };
}

/** The rows of the merged embedding, where they are not the donor's. */
function vocabularyFields({ checkpoint }: PlanModel, config: Section, { jobs }: Plan): ConfigField[] {
  const own = vocabularyRows(checkpoint);
  const embeddings = jobs.filter(
    ({ tensor }) => isTokenEmbedding(tensor) && checkpoint.tensors.get(tensor)?.shape[0] === own,
  );
  const rows = embeddings[0]?.shape[0];
  // Several (as those of an encoder and a decoder) have one vocabulary when they are of one height.
  const isOne = embeddings.every(({ shape }) => shape[0] === rows);
  if (!isOne || rows === undefined || rows === own) return [];
  const stated = sectionsOf(config).flatMap(([section, values]) =>
    VOCABULARY.flatMap((key) => (values[key] === own ? [{ section, key, value: rows }] : [])),
  );
  if (stated.length > 0) return stated;
  return [{ section: textSectionOf(config), key: VOCABULARY[0]!, value: rows }];
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
  const sections = sectionsOf(config).filter(([path, section]) => path.length === 0 || TIE in section);
  return sections.map(([section]) => ({ section, key: TIE, value: !hasHead }));
}

function isTied({ checkpoint }: PlanModel): boolean {
  return statedTie(checkpoint.config)[0] ?? ![...checkpoint.tensors.keys()].some(isHead);
}
