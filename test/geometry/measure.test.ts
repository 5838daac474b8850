/** The measured geometry against float64 values computed with whole tensors, and its independence of how it is cut. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { library } from '../run/library.js';
import { FIXTURES, REPOSITORY } from '../support/cli.js';
import { randomTensor } from '../support/random-models.js';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const CONFORMANCE = join(FIXTURES, 'conformance');
const TINY = join(REPOSITORY, 'recipes/tiny-rlvr');

function measure(folder: string, base: string, experts: readonly string[], options: object = {}) {
  const models = experts.map((model) => ({ model, parameters: { weight: 1 } }));
  const text = JSON.stringify({ merge_method: 'task_arithmetic', base_model: base, models });
  return library.geometry(library.parseRecipe(text, { file: 'group', folder }), options);
}

/** Every number of `expected` must be in `found`: integers exactly, others within 1e-6 relative. Returns how many. */
function compareNumbers(found: unknown, expected: unknown, path: string): number {
  if (typeof expected === 'object' && expected !== null) {
    return Object.entries(expected).reduce(
      (count, [key, value]) =>
        count + compareNumbers((found as Record<string, unknown>)?.[key], value, `${path}.${key}`),
      0,
    );
  }
  if (typeof expected !== 'number') throw new Error(`${path} is no number`);
  const allowed = Number.isInteger(expected) ? 0 : 1e-6 * Math.abs(expected);
  if (!(Math.abs((found as number) - expected) <= allowed)) expect.fail(`${path}: ${found}, expected ${expected}`);
  return 1;
}

describe('geometry of the conformance group', () => {
  const expected = JSON.parse(readFileSync(join(CONFORMANCE, 'geometry.json'), 'utf8'));
  const group = [join(CONFORMANCE, 'models'), 'base', ['math', 'code', 'science', 'if']] as const;

  for (const scope of ['global', 'layers', 'tensors'] as const) {
    it(`${scope}: counts exactly, floats within 1e-6`, async () => {
      const result = await measure(...group);
      expect(compareNumbers(result[scope], expected[scope], scope)).toBeGreaterThan(70);
    });
  }

  it('does not depend on threads, tiles or kernels', async () => {
    const [first, ...others] = await Promise.all(
      [{}, { threads: 1, tileElements: 1024 }, { threads: 3, tileElements: 8256 }, { kernels: 'reference' }].map(
        async (options) => JSON.stringify(await measure(...group, options)),
      ),
    );
    for (const other of others) expect(other).toBe(first);
  });
});

it('does not depend on tiles where most changes are no whole steps, in a tensor of many', async () => {
  const folder = temporaryFolder();
  const base = randomTensor('model.layers.0.mlp.up_proj.weight', [300, 333], 1, 0.02);
  writeModel(join(folder, 'base'), [base]);
  // Updates as large as the weights cross powers of two.
  for (const [i, name] of ['a', 'b'].entries()) {
    writeModel(join(folder, name), [randomTensor(base.name, base.shape, 2 + i, 0.02, base)]);
  }
  const [first, ...others] = await Promise.all(
    [131_072, 1024, 8256, 33_088].map(async (tileElements) => {
      return JSON.stringify(await measure(folder, 'base', ['a', 'b'], { tileElements }));
    }),
  );
  for (const other of others) expect(other).toBe(first);
});

describe('geometry of the embedded RLVR group', () => {
  const published = JSON.parse(readFileSync(join(TINY, 'results.json'), 'utf8'));
  const experts = ['math', 'code', 'sci', 'if', 'mixed'];

  it('has the published changed shares, norms, cosines and overlaps', async () => {
    const { global, modules } = await measure(TINY, 'sft', experts);
    expect(global.base_norm).toBeCloseTo(published.sft_l2, 5);
    for (const expert of experts) {
      const share = published.changed_bf16_share[expert];
      expect(global.experts[expert]!.changed_fraction).toBeCloseTo(share.all, 4);
      expect(modules.embed!.experts[expert]!.changed_fraction).toBeCloseTo(share.embedding, 4);
      expect(modules.norm!.experts[expert]!.changed_fraction).toBeCloseTo(share.norm, 3);
      expect(global.experts[expert]!.norm).toBeCloseTo(published.task_vector_l2[expert], 5);
    }
    for (const [pair, cosine] of Object.entries<number>(published.cosine)) {
      const { measured, if_independent } = published.jaccard_changed[pair];
      const geometry = global.pairs[pair.replace('~', '|')]!;
      expect(geometry.cosine).toBeCloseTo(cosine, 6);
      expect(geometry.jaccard).toBeCloseTo(measured, 4);
      expect(geometry.jaccard_null_independent).toBeCloseTo(if_independent, 4);
    }
  });
});
