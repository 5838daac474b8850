/** The same bytes whatever the threads, the tiles and the kernels. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { m2merge, temporaryFolder } from '../support/cli.js';
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
  ['1', '1024'],
  ['2', '131072'],
  ['3', '10048'],
  ['8', '1048576'],
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

  const run = (recipe: string, label: string, args: readonly string[]): Buffer => {
    const output = join(work, `${recipe}-${label}`.replace(/\W+/g, '-'));
    const result = m2merge([`${recipe}.yaml`, output, '--quiet', ...args], work);
    expect(result.stderr).toBe('');
    expect(result.status).toBe(0);
    const manifest = readFileSync(join(output, 'm2merge_manifest.json'));
    return Buffer.concat([readFileSync(join(output, 'model.safetensors')), manifest]);
  };

  for (const [title, parameters] of Object.entries(METHODS)) {
    it(`${title}: 1, 2, 3 and 8 workers, three tile sizes, both kernels`, () => {
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
      const expected = run(recipe, 'reference', ['--kernels', 'reference', '--threads', '2']);
      for (const [threads, tile] of RUNS) {
        const found = run(recipe, `threads ${threads}, tile ${tile}`, ['--threads', threads, '--tile', tile]);
        expect(found.equals(expected)).toBe(true);
      }
    });
  }
});
