/**
 * A tensor that too few models have for the method stays as the base has it, in the dtype of the output too; and the donor of
 * a config, of which nothing is merged, gives none of its tensors.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { METHODS } from '../../kernels/methods/registry.js';
import { library } from '../run/library.js';
import { readModel, type TensorToWrite, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const BIAS = 'model.layers.0.self_attn.q_proj.bias';
const HEAD = 'lm_head.weight';
const LAYERS = 3;
/** Numbers that float16 holds exactly. */
const values = (count: number, seed: number) => Array.from({ length: count }, (_, i) => ((i * 7 + seed * 5) % 32) / 64);

interface Kind {
  readonly layers?: number;
  readonly bias?: boolean;
  readonly head?: boolean;
}

/** A model of two or three layers; `seed` tells its numbers from those of others. */
function write(folder: string, seed: number, { layers = LAYERS, bias = false, head = true }: Kind = {}): void {
  const tensor = (name: string, ...shape: number[]): TensorToWrite => {
    const count = shape.reduce((product, length) => product * length, 1);
    return { name, dtype: 'F32', shape, values: values(count, seed) };
  };
  const layer = (index: number) => [
    tensor(`model.layers.${index}.mlp.up_proj.weight`, 4, 4),
    tensor(`model.layers.${index}.self_attn.q_proj.weight`, 4, 4),
    ...(bias ? [tensor(`model.layers.${index}.self_attn.q_proj.bias`, 4)] : []),
  ];
  writeModel(
    folder,
    [
      tensor('model.embed_tokens.weight', 8, 4),
      ...Array.from({ length: layers }, (_, index) => layer(index)).flat(),
      tensor('model.norm.weight', 4),
      ...(head ? [tensor(HEAD, 8, 4)] : []),
    ],
    { config: { num_hidden_layers: layers, tie_word_embeddings: !head } },
  );
}

async function merge(folder: string, recipe: object) {
  const output = join(folder, 'out');
  const parsed = library.parseRecipe(JSON.stringify(recipe), { file: 'recipe', folder });
  await library.merge(parsed, { output, overwrite: true });
  const names = readFileSync(join(output, 'model.safetensors'), 'latin1').match(/"(model\.|lm_head)[^"]+"(?=:\s*\{)/g)!;
  const config = JSON.parse(readFileSync(join(output, 'config.json'), 'utf8')) as Record<string, unknown>;
  return { names, config, tensors: readModel(output).tensors };
}

const BASED = METHODS.filter(({ space }) => space === 'taskVectors').map(({ name, operandCount }) => ({
  name,
  experts: Math.min(3, operandCount?.maximum ?? 3),
}));

it.each(BASED.flatMap(({ name, experts }) => ['float16', 'float32'].map((dtype) => ({ name, experts, dtype }))))(
  'a bias that only the base has stays: $name to $dtype',
  async ({ name, experts, dtype }) => {
    const folder = temporaryFolder();
    write(join(folder, 'base'), 0, { bias: true });
    const models = Array.from({ length: experts }, (_, i) => `expert${i}`);
    for (const [i, model] of models.entries()) write(join(folder, model), i + 1);
    const recipe = {
      merge_method: name,
      base_model: 'base',
      models: models.map((model) => ({ model, parameters: { weight: 0.5, density: 0.5 } })),
      parameters: { t: 0.5 },
      dtype,
    };
    const { tensors } = await merge(folder, recipe);
    expect(tensors.get(BIAS)!.values).toEqual(values(4, 0));
  },
);

it.each([
  ['slerp', ['base', 'lacks']],
  ['nuslerp', ['has', 'lacks']],
  ['model_stock', ['has', 'lacks', 'lacks-too']],
])('a bias that fewer models have than %s takes stays as the base has it', async (name, models) => {
  const folder = temporaryFolder();
  write(join(folder, 'base'), 0, { bias: true });
  write(join(folder, 'has'), 1, { bias: true });
  for (const [i, model] of ['lacks', 'lacks-too'].entries()) write(join(folder, model), 2 + i);
  const parameters = { t: 0.5, weight: 0.5 };
  const listed = models.map((model) => ({ model }));
  const recipe = { merge_method: name, base_model: 'base', models: listed, parameters, dtype: 'float16' };
  const { tensors } = await merge(folder, recipe);
  expect(tensors.get(BIAS)!.values).toEqual(values(4, 0));
});

describe('a base that is none of the sources', () => {
  const slice = (model: string) => ({ sources: [{ model, layer_range: [0, 2] }] });

  it('gives no layers to modules that have them', async () => {
    const folder = temporaryFolder();
    write(join(folder, 'a'), 0);
    write(join(folder, 'short'), 1, { layers: 2, head: false });
    const recipe = { merge_method: 'passthrough', base_model: 'a' };
    const slices = [slice('short'), slice('short')];
    const plain = await merge(folder, { ...recipe, slices });
    const inModules = await merge(folder, { ...recipe, modules: { default: { slices } } });
    expect(new Set(inModules.names).size).toBe(inModules.names.length);
    expect(inModules.names).toEqual(plain.names);
    expect(inModules.config.num_hidden_layers).toBe(4);
    const [third, own] = ['model.layers.2.mlp.up_proj.weight', values(16, 1)];
    expect(inModules.tensors.get(third)!.values).toEqual(own);
  });

  it('has its head tied where the sources have none', async () => {
    const folder = temporaryFolder();
    write(join(folder, 'a'), 0);
    write(join(folder, 'tied'), 1, { head: false });
    const { names, config } = await merge(folder, {
      merge_method: 'passthrough',
      base_model: 'a',
      slices: [slice('tied')],
    });
    expect(names).not.toContain(`"${HEAD}"`);
    expect(config).toMatchObject({ tie_word_embeddings: true, num_hidden_layers: 2 });
  });
});
