/** Which layer a tensor belongs to, read off tensor names alone. */

/** A tensor's layer among those under the same prefix. */
export interface LayerPosition {
  /** The name's path before the layer number, as `model.layers`. */
  readonly prefix: string;
  /** From 0. */
  readonly index: number;
  /** Layers under this prefix: the highest index among all names, plus one. */
  readonly count: number;
}

export interface LayerIndex {
  /** The layer of a tensor, undefined for tensors outside of layers such as embeddings and the final norm. */
  readonly layerOf: (name: string) => LayerPosition | undefined;
}

/** A path component that is a decimal integer without leading zeros; nine digits always fit a number exactly. */
const LAYER_NUMBER = /^(?:0|[1-9]\d{0,8})$/;

/**
 * Indexes the tensor names of one model. The first integer in a name is its layer, so experts and other numbered parts
 * inside a layer do not count. Each prefix has its own count: a vision tower's blocks are not the language model's.
 */
export function createLayerIndex(names: Iterable<string>): LayerIndex {
  const counts = new Map<string, number>();
  for (const name of names) {
    const layer = parseLayer(name);
    if (layer !== undefined) counts.set(layer.prefix, Math.max(counts.get(layer.prefix) ?? 0, layer.index + 1));
  }
  return {
    layerOf: (name) => {
      const layer = parseLayer(name);
      const count = layer === undefined ? undefined : counts.get(layer.prefix);
      return layer === undefined || count === undefined || layer.index >= count ? undefined : { ...layer, count };
    },
  };
}

/** The first number among the components of a name, and the path before it. */
export function parseLayer(name: string): { prefix: string; index: number } | undefined {
  const components = name.split('.');
  const at = components.findIndex((component) => LAYER_NUMBER.test(component));
  return at === -1 ? undefined : { prefix: components.slice(0, at).join('.'), index: Number(components[at]) };
}

/** Layers of the stack that holds most elements: the language model's, though a vision tower may have more layers. */
export function largestStack(
  tensors: Iterable<readonly [name: string, elements: number]>,
): (name: string) => number | undefined {
  const sizes = new Map<string, number>();
  for (const [name, elements] of tensors) {
    const layer = parseLayer(name);
    if (layer !== undefined) sizes.set(layer.prefix, (sizes.get(layer.prefix) ?? 0) + elements);
  }
  const [largest] = [...sizes].sort(([, a], [, b]) => b - a)[0] ?? [];
  return (name) => {
    const layer = parseLayer(name);
    return layer !== undefined && layer.prefix === largest ? layer.index : undefined;
  };
}
