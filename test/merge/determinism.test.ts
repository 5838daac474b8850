/** The same bytes whatever the threads, the tiles and the kernels. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { MergeOptions } from '../../src/index.js';
import { library } from '../run/library.js';
import { temporaryFolder } from '../support/cli.js';
import { m2merge } from '../support/command.js';
import { randomTensor } from '../support/random-models.js';
import { type TensorToWrite, writeModel } from '../support/safetensors.js';

/** The first tensor spans two units and ends inside the second; the others are smaller than a tile and odd. */
const SHAPES: readonly (readonly [string, readonly number[]])[] = [
  ['model.embed_tokens.weight', [1_600, 700]],
  ['model.layers.0.mlp.up_proj.weight', [127, 1_031]],
  ['model.layers.1.mlp.up_proj.weight', [37, 41]],
  ['model.norm.weight', [7]],
];

/** Workers and elements of a tile. */
const RUNS = [
  [1, 1024],
  [2, 131_072],
  [8, 1_048_576],
] as const;

const METHODS = {
  linear: '{normalize: true}',
  task_arithmetic: '{lambda: 0.7}',
  ties: '{trim_scope: tensor}',
  'ties over the model': '{trim_scope: model}',
  'ties of the papers': '{trim_scope: model, trim_rule: threshold, zero_sign: majority}',
  dare_linear: '{rescale: l1}',
  dare_ties: '{zero_sign: majority}',
  'task_arithmetic, stochastic': '{lambda: 0.7}',
};

describe('output bytes', () => {
  const work = temporaryFolder();
  const base = SHAPES.map(([name, shape], i) => randomTensor(name, shape, 10 + i, 0.02));
  writeModel(join(work, 'base'), base);
  const experts = ['a', 'b', 'c'];
  experts.forEach((expert, e) => {
    const updated: TensorToWrite[] = SHAPES.map(([name, shape], i) =>
      randomTensor(name, shape, 100 * e + i, 3e-5, base[i]),
    );
    writeModel(join(work, expert), updated, { shards: e + 1 });
  });

  const outputOf = (recipe: string, label: string) => join(work, `${recipe}-${label}`.replace(/\W+/g, '-'));

  const bytesOf = (output: string): Buffer =>
    Buffer.concat(['model.safetensors', 'm2merge_manifest.json'].map((name) => readFileSync(join(output, name))));

  const merged = async (recipe: string, label: string, options: MergeOptions): Promise<Buffer> => {
    const output = outputOf(recipe, label);
    const { warnings } = await library.merge(await library.loadRecipe(join(work, `${recipe}.yaml`)), {
      output,
      ...options,
    });
    expect(warnings).toEqual([]);
    return bytesOf(output);
  };

  /** The same by the command line. */
  const mergedByCommand = async (recipe: string, args: readonly string[]): Promise<Buffer> => {
    const output = outputOf(recipe, 'command');
    expect(await m2merge([`${recipe}.yaml`, output, '--quiet', ...args], work)).toMatchObject({
      status: 0,
      stderr: '',
    });
    return bytesOf(output);
  };

  for (const [title, parameters] of Object.entries(METHODS)) {
    it(`${title}: 1, 2, 3 and 8 workers, several tile sizes, both kernels`, async () => {
      const recipe = title.replace(/\W+/g, '-');
      const method = title.split(/[ ,]/)[0]!;
      const density = method.startsWith('linear') || method === 'task_arithmetic' ? '' : ', density: 0.3';
      const models = experts.map(
        (expert, i) => `  - {model: ${expert}, parameters: {weight: ${0.5 + i / 4}${density}}}`,
      );
      const rounding = title.includes('stochastic') ? ['rounding: stochastic'] : [];
      const text = [
        `merge_method: ${method}`,
        ...(method === 'linear' ? [] : ['base_model: base']),
        'models:',
        ...models,
        `parameters: ${parameters}`,
        'dtype: bfloat16',
        'seed: 7',
        ...rounding,
      ];
      writeFileSync(join(work, `${recipe}.yaml`), text.join('\n'));
      const expected = await merged(recipe, 'reference', { kernels: 'reference', threads: 2 });
      for (const [threads, tileElements] of RUNS) {
        const found = await merged(recipe, `threads ${threads}`, { threads, tileElements });
        expect(found.equals(expected)).toBe(true);
      }
      expect((await mergedByCommand(recipe, ['--threads', '3', '--tile', '10048'])).equals(expected)).toBe(true);
    });
  }
});
