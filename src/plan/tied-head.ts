/** Whether a model's head is its embedding of tokens, and which of its tensors that is. */
import type { Checkpoint, TensorLocation } from '../checkpoint/checkpoint.js';
import { statedTie } from '../checkpoint/config.js';
import { isPerLayerEmbedding, isTokenEmbedding } from '../checkpoint/tensor-roles.js';
import { commonComponents } from './model-tensors.js';

/**
 * The embedding that stands for a head which the model does not have: the nearest by name, or the only one. Undefined
 * where there is none, where two are as near, or where the config says that the head is its own.
 */
export function tiedEmbedding(
  head: string,
  { tensors, config }: Pick<Checkpoint, 'tensors' | 'config'>,
  names: readonly string[],
): TensorLocation | undefined {
  const stated = statedTie(config);
  if (stated.includes(false) && !stated.includes(true)) return undefined;
  const near = names
    .filter((name) => isTokenEmbedding(name) && !isPerLayerEmbedding(name))
    .map((name) => ({ name, common: commonComponents(head, name) }));
  const nearest = Math.max(...near.map(({ common }) => common));
  const [only, ...others] = near.filter(({ common }) => common === nearest);
  if (only === undefined) return undefined;
  const shared = [only, ...others].find(({ name }) => /(?:^|\.)shared\.weight$/.test(name));
  return others.length === 0 || shared !== undefined ? tensors.get((shared ?? only).name) : undefined;
}

/** The embedding that encoder and decoder have in common, for a name that one of them has for it. */
export function sharedEmbedding(name: string, { tensors }: Pick<Checkpoint, 'tensors'>): TensorLocation | undefined {
  const shared = name.replace(/(?:encoder|decoder)\.embed_tokens\.weight$/, 'shared.weight');
  return shared === name ? undefined : tensors.get(shared);
}
