/** Names of an adapter's tensors: which tensor of the base model each belongs to, and how. */

/** The two factors of a product, and with DoRA the norms of its rows. */
export type FactorSide = 'a' | 'b' | 'magnitudes';

/** A tensor of an adapter and the tensor of the base model that it is for. */
export type AdapterPart =
  | { readonly kind: 'factor'; readonly side: FactorSide; readonly tensor: string }
  | { readonly kind: 'whole'; readonly tensor: string };

/** PEFT wraps the model twice. */
const PREFIX = /^base_model\.model\./;

/** `….q_proj.lora_A.weight`; checkpoints of a training keep the adapter's name, `default`. */
const FACTOR = /^(.+)\.lora_([AB])(?:\.default)?\.weight$/;

/** DoRA's, whose name is that of a module in some versions of PEFT and that of a parameter in others. */
const MAGNITUDES = /^(.+)\.lora_magnitude_vector(?:\.default)?(?:\.weight)?$/;

/** Factors of embeddings are parameters, not modules. */
const EMBEDDING_FACTOR = /^(.+)\.lora_embedding_([AB])(?:\.default)?$/;

/** What PEFT puts between a module and its parameter when it wraps the module. */
const WRAPPERS = /\.(?:modules_to_save(?:\.default)?|base_layer)(?=\.[^.]+$)/;

/** Tensors of kinds of adapters that are not a low-rank product. */
const UNSUPPORTED: readonly (readonly [RegExp, string])[] = [
  [/\.lora_[AB](?:\.default)?\.bias$/, 'its factors have biases'],
  [/\.trainable_tokens_/, 'it replaces single rows of the embedding'],
  [/\.lora_/, 'it has tensors that are not factors of a product'],
];

/** What a tensor of an adapter is, by its name; `unsupported` says why it cannot be added. */
export function readAdapterTensorName(name: string): AdapterPart | { readonly unsupported: string } {
  const place = name.replace(PREFIX, '');
  const factor = FACTOR.exec(place) ?? EMBEDDING_FACTOR.exec(place);
  if (factor !== null) return partOf(factor[1]!, factor[2] === 'A' ? 'a' : 'b');
  const magnitudes = MAGNITUDES.exec(place);
  if (magnitudes !== null) return partOf(magnitudes[1]!, 'magnitudes');
  const unsupported = UNSUPPORTED.find(([pattern]) => pattern.test(place));
  if (unsupported !== undefined) return { unsupported: unsupported[1] };
  return { kind: 'whole', tensor: place.replace(WRAPPERS, '') };
}

function partOf(module: string, side: FactorSide): AdapterPart {
  return { kind: 'factor', side, tensor: `${module.replace(/\.base_layer$/, '')}.weight` };
}
