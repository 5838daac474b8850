/** Where in a model a tensor sits, read off its name: the cell of the layer × module map. */
import { createLayerIndex } from '../../checkpoint/layers.js';
import { type ModuleType, moduleTypeOf } from '../../geometry/module-type.js';

export interface TensorPlace {
  /** Undefined outside of the deepest stack of layers. */
  readonly layer: number | undefined;
  readonly module: ModuleType;
}

/** Layer and kind of each name; names are those of one model. */
export function placeTensors(names: readonly string[]): Map<string, TensorPlace> {
  const index = createLayerIndex(names);
  const depths = new Map(
    names.flatMap((name) => {
      const position = index.layerOf(name);
      return position === undefined ? [] : [[position.prefix, position.count] as const];
    }),
  );
  const [deepest] = [...depths].sort(([, a], [, b]) => b - a)[0] ?? [];
  return new Map(
    names.map((name) => {
      const position = index.layerOf(name);
      const layer = position !== undefined && position.prefix === deepest ? position.index : undefined;
      return [name, { layer, module: moduleTypeOf(name) }];
    }),
  );
}
