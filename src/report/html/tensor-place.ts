/** Where in a model a tensor sits, read off its name: the cell of the layer × module map. */
import { largestStack } from '../../checkpoint/layers.js';
import { type ModuleType, moduleTypeOf } from '../../geometry/module-type.js';

export interface TensorPlace {
  /** Undefined outside of the layers that the geometry has as scopes. */
  readonly layer: number | undefined;
  readonly module: ModuleType;
}

/** Layer and kind of each tensor of one model, given by name. */
export function placeTensors(
  tensors: Readonly<Record<string, { readonly parameters: number }>>,
): Map<string, TensorPlace> {
  const sizes = Object.keys(tensors).map((name) => [name, tensors[name]!.parameters] as const);
  const layerOf = largestStack(sizes);
  return new Map(sizes.map(([name]) => [name, { layer: layerOf(name), module: moduleTypeOf(name) }]));
}
