/** Small models in folders and on a loopback Hub, the same bytes in both. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomTensor } from '../random-models.js';
import { writeModel } from '../safetensors.js';
import type { LoopbackHub } from './loopback-hub.js';
import { folderFiles } from './repository.js';

type Shapes = readonly (readonly [string, readonly number[]])[];

export const SMALL: Shapes = [
  ['model.embed_tokens.weight', [64, 32]],
  ['model.layers.0.mlp.up_proj.weight', [37, 41]],
  ['model.layers.1.mlp.up_proj.weight', [37, 41]],
  ['model.norm.weight', [7]],
];

/** The same with a tensor of two units. */
export const OF_TWO_UNITS: Shapes = [['model.embed_tokens.weight', [1100, 1000]], ...SMALL.slice(1)];

/** Writes models into a folder, the first the base of the others. Returns their folders by name. */
export function writeModels(
  folder: string,
  names: readonly string[],
  { shards = 1, shapes = SMALL }: { readonly shards?: number; readonly shapes?: Shapes } = {},
): Record<string, string> {
  const base = shapes.map(([name, shape], i) => randomTensor(name, shape, 10 + i, 0.02));
  const folders: Record<string, string> = {};
  for (const [m, model] of names.entries()) {
    folders[model] = join(folder, model);
    const tensors = shapes.map(([name, shape], i) => randomTensor(name, shape, 100 * m + i, 3e-5, base[i]));
    const config = { model_type: 'llama', torch_dtype: 'bfloat16', num_hidden_layers: 2 };
    writeModel(folders[model], m === 0 ? base : tensors, { shards, config });
    writeFileSync(join(folders[model], 'tokenizer.json'), JSON.stringify({ model }));
    writeFileSync(join(folders[model], 'README.md'), '# a model\n');
    writeFileSync(join(folders[model], 'notes.txt'), 'mine\n');
  }
  return folders;
}

/** Puts models on the Hub as `org/<name>`. */
export function publish(hub: LoopbackHub, folders: Readonly<Record<string, string>>): void {
  for (const [name, folder] of Object.entries(folders)) hub.add(`org/${name}`, folderFiles(folder));
}
