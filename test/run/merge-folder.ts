/** Merges of model folders that a test made, with the built package. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MergeOptions, MergeResult } from '../../src/index.js';
import { type ModelRead, readModel } from '../support/safetensors.js';
import { library } from './library.js';

export interface Merged extends MergeResult {
  readonly model: ModelRead;
}

let merges = 0;

/** Merges the recipe text with the model folders beside it; each output has a folder of its own. */
export async function mergeFolder(folder: string, recipeText: string, options: MergeOptions = {}): Promise<Merged> {
  const name = `merge-${++merges}`;
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, recipeText);
  const recipe = await library.loadRecipe(file);
  const result = await library.merge(recipe, { output: join(folder, 'merged', name), ...options });
  return { ...result, model: readModel(result.output) };
}

/** Values of one tensor of a merge. */
export function valuesOf({ model }: Merged, tensor: string): readonly number[] {
  return model.tensors.get(tensor)!.values;
}
