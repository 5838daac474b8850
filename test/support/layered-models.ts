/** Models of a few layers whose every value says where it comes from: thousands the model, then the place. */
import { join } from 'node:path';
import { type ModelOptions, type TensorToWrite, writeModel } from './safetensors.js';

export interface LayeredModel {
  /** Added to every value. */
  readonly offset: number;
  readonly layers: number;
  /** Rows of embedding and head. */
  readonly vocabulary?: number;
  /** Whether there is a head of its own. */
  readonly head?: boolean;
  /** Tensors that every layer has. */
  readonly kinds?: readonly string[];
  readonly extra?: readonly TensorToWrite[];
  readonly config?: ModelOptions['config'];
}

/** What is added for each place; layer `i` adds 10·(i + 1). */
export const PLACES = { embed: 1, norm: 2, head: 3, layer: (index: number) => 10 * (index + 1) } as const;

export const EMBED = 'model.embed_tokens.weight';
export const NORM = 'model.norm.weight';
export const HEAD = 'lm_head.weight';
export const layerTensor = (index: number, kind = 'mlp.up_proj.weight'): string => `model.layers.${index}.${kind}`;

const KINDS = ['self_attn.q_proj.weight', 'mlp.up_proj.weight'];

const filled = (name: string, shape: readonly number[], value: number): TensorToWrite => {
  const elements = shape.reduce((product, length) => product * length, 1);
  return { name, dtype: 'F32', shape, values: new Array<number>(elements).fill(value) };
};

/** Writes a model; all elements of a tensor are alike. */
export function writeLayered(folder: string, name: string, model: LayeredModel): void {
  const { offset, layers, vocabulary = 4, head = false, kinds = KINDS, extra = [] } = model;
  const tensors = [
    filled(EMBED, [vocabulary, 2], offset + PLACES.embed),
    ...Array.from({ length: layers }, (_, index) =>
      kinds.map((kind) => filled(layerTensor(index, kind), [2, 2], offset + PLACES.layer(index))),
    ).flat(),
    filled(NORM, [2], offset + PLACES.norm),
    ...(head ? [filled(HEAD, [vocabulary, 2], offset + PLACES.head)] : []),
    ...extra,
  ];
  const config = { num_hidden_layers: layers, vocab_size: vocabulary, tie_word_embeddings: !head, ...model.config };
  writeModel(join(folder, name), tensors, { config });
}
