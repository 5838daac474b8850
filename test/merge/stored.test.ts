/**
 * Merges of bf16 that go straight from stored to stored values write what merges in stages write: those of the same values
 * stored as f32, which there is no short way for.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/cli.js';
import { m2merge } from '../support/command.js';
import { randomTensor } from '../support/random-models.js';
import { type TensorToWrite, writeModel } from '../support/safetensors.js';

const NAME = 'model.layers.0.mlp.up_proj.weight';
/** Two units, the second one short and odd. */
const SHAPE = [1_100, 1_031] as const;
const EXPERTS = ['a', 'b', 'c'];
/** Elements that are infinite in one expert: in both units, at the end, and beside each other. */
const INFINITE = [5, 700_000, 700_001, 1_134_099];

interface Case {
  readonly method: string;
  readonly parameters: string;
  /** Of the first expert, where they differ. */
  readonly first?: string;
  /** Whether every value depends on norms, which are infinite where one value is. */
  readonly normed?: true;
}

const CASES: Readonly<Record<string, Case>> = {
  linear: { method: 'linear', parameters: '{}' },
  'linear with shares that do not add up to 1': { method: 'linear', parameters: '{normalize: false}' },
  'task arithmetic': { method: 'task_arithmetic', parameters: '{lambda: 0.7}' },
  'dare, rescaled to L1 norms': { method: 'dare_linear', parameters: '{density: 0.3}', normed: true },
  'dare with one expert whole': {
    method: 'dare_linear',
    parameters: '{rescale: density, density: 0.4}',
    first: '{weight: 0.5, density: 1}',
  },
  'dare and election': { method: 'dare_ties', parameters: '{density: 0.3, rescale: none, normalize: true}' },
  della: { method: 'della', parameters: '{density: 0.4}', normed: true },
  'della, summed and not rescaled': { method: 'della_linear', parameters: '{density: 0.4, rescale: none}' },
  'sce with a selection': { method: 'sce', parameters: '{select_topk: 0.3}', normed: true },
  'sce of all': { method: 'sce', parameters: '{lambda: 0.7}', normed: true },
  'ties, of which the last tie is somewhere': { method: 'ties', parameters: '{density: 0.3}' },
  'ties over the model': {
    method: 'ties',
    parameters: '{density: 0.2, trim_scope: model, trim_rule: threshold}',
  },
};

describe('merges of stored values', () => {
  const work = temporaryFolder();
  beforeAll(() => {
    const base = randomTensor(NAME, SHAPE, 1, 0.02);
    writeBoth('base', base);
    EXPERTS.forEach((expert, i) => {
      const tensor = randomTensor(NAME, SHAPE, 10 + i, 3e-5, base);
      writeBoth(expert, tensor);
      const bytes = Uint8Array.from(tensor.bytes!);
      const values = new Uint16Array(bytes.buffer);
      if (i === 1) for (const element of INFINITE) values[element] = element % 2 === 0 ? 0x7f80 : 0xff80;
      writeBoth(`${expert}-infinite`, { ...tensor, bytes });
    });
  });

  /** Writes a model as it is, and with its values as f32. */
  const writeBoth = (name: string, tensor: TensorToWrite): void => {
    const bytes = tensor.bytes!;
    const stored = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
    const widened = new Uint8Array(Uint32Array.from(stored, (bits) => bits * 65_536).buffer);
    writeModel(join(work, 'bf16', name), [tensor]);
    writeModel(join(work, 'f32', name), [{ ...tensor, dtype: 'F32', bytes: widened }]);
  };

  const merge = async ({ method, parameters, first, normed }: Case, format: 'bf16' | 'f32') => {
    // Random masks follow from names, so that both formats have the same.
    const folder = join(work, format);
    const models = EXPERTS.map((expert, i) => {
      const own = i === 0 && first !== undefined ? first : '{weight: 0.5}';
      return `  - {model: ${expert}${normed ? '' : '-infinite'}, parameters: ${own}}`;
    });
    const base = method === 'linear' ? [] : ['base_model: base'];
    const text = [`merge_method: ${method}`, ...base, 'models:', ...models, `parameters: ${parameters}`];
    writeFileSync(join(folder, 'recipe.yaml'), [...text, 'dtype: bfloat16', 'seed: 3'].join('\n'));
    const run = await m2merge(['recipe.yaml', 'out', '--overwrite', '--quiet', '--threads', '2'], folder);
    expect(run.status).toBe(0);
    const manifest = JSON.parse(readFileSync(join(folder, 'out/m2merge_manifest.json'), 'utf8'));
    return {
      weights: readFileSync(join(folder, 'out/model.safetensors')),
      tensors: manifest.tensors as unknown,
      warnings: run.stderr,
    };
  };

  it.each(Object.entries(CASES))('are the same as in stages: %s', async (_, of) => {
    const [staged, direct] = [await merge(of, 'f32'), await merge(of, 'bf16')];
    expect(direct.weights.equals(staged.weights)).toBe(true);
    expect(direct.tensors).toEqual(staged.tensors);
    expect(direct.warnings).toBe(staged.warnings);
    if (!of.normed) expect(direct.warnings).toContain(`${INFINITE.length}`);
  });
});
