/** Which layer a tensor belongs to, read off tensor names alone. */

/** A path component that is a decimal integer without leading zeros; nine digits always fit a number exactly. */
const LAYER_NUMBER = /^(?:0|[1-9]\d{0,8})$/;

/**
 * The first number among the components of a name, from 0, and the path before it, as `model.layers`: experts and other
 * numbered parts inside a layer do not count. Undefined for tensors outside of layers, such as embeddings.
 */
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
