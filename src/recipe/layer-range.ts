/** The layers of a model that a slice takes, as mergekit writes them: `[first, after the last]`. */
import type { LayerRange } from './recipe.js';
import { naturalUpTo, type Shape } from './shapes.js';

/** Layers of one model; real models have some hundred. */
const MAX_LAYERS = 100_000;

const bound = naturalUpTo(MAX_LAYERS);

export const layerRange: Shape<LayerRange> = {
  schema: { type: 'array', minItems: 2, maxItems: 2, items: bound.schema },
  read(cursor) {
    const elements = cursor.elements();
    if (elements.length !== 2) {
      const found = cursor.kind === 'list' ? `a list of ${elements.length}` : cursor.describe();
      cursor.problem(`expected [first layer, layer after the last], found ${found}`);
      return undefined;
    }
    const [begin, end] = elements.map((element) => bound.read(element));
    if (begin === undefined || end === undefined) return undefined;
    if (begin > end) {
      cursor.problem(`layer ${begin} is after layer ${end}`, 'the first layer, then the one after the last');
      return undefined;
    }
    return { begin, end, path: cursor.path, position: cursor.position };
  },
};
