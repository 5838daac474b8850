/** The account of a merge against float64 values of the reference group, and what a report adds to a model folder. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { library } from '../run/library.js';
import { FIXTURES, temporaryFolder } from '../support/cli.js';

const CONFORMANCE = join(FIXTURES, 'conformance');
const EXPERTS = ['math', 'code', 'science', 'if'];
const expected = JSON.parse(readFileSync(join(CONFORMANCE, 'geometry.json'), 'utf8'));

function merge(method: string, output: string, parameters: object, each: object, options: object) {
  const models = EXPERTS.map((model) => ({ model, parameters: { weight: 1, ...each } }));
  const text = JSON.stringify({ merge_method: method, base_model: 'base', models, parameters, dtype: 'bfloat16' });
  const recipe = library.parseRecipe(text, { file: 'recipe', folder: join(CONFORMANCE, 'models') });
  return library.merge(recipe, { output, report: true, ...options });
}

describe('merge accounting', () => {
  const work = temporaryFolder();
  const cases = { 'average of experts -> bfloat16': 0.25, 'task arithmetic 0.6 -> bfloat16': 0.6 };
  for (const [name, lambda] of Object.entries(cases)) {
    it(name, async () => {
      const { report } = await merge('task_arithmetic', join(work, String(lambda)), { lambda }, {}, {});
      const account = report!.merge_accounting['task_arithmetic -> BF16'] as unknown as Record<string, unknown>;
      for (const [key, value] of Object.entries<number | Record<string, number>>(expected.merge_accounting[name])) {
        const pairs =
          typeof value === 'number'
            ? [[account[key], value]]
            : EXPERTS.map((e) => [(account[key] as Record<string, number>)[e], value[e]]);
        for (const [found, wanted] of pairs as [number, number][]) {
          if (Number.isInteger(wanted)) expect(found).toBe(wanted);
          else expect(Math.abs(found / wanted - 1)).toBeLessThan(1e-6);
        }
      }
    });
  }

  it('measures the same geometry in a merge as without one, whatever the method and the threads', async () => {
    const plain = expected.global.pairs['math|code'].cosine;
    const ties = await merge('ties', join(work, 'ties'), {}, { density: 0.2 }, { threads: 1 });
    const dare = await merge(
      'dare_linear',
      join(work, 'dare'),
      {},
      { density: 0.2 },
      { tileElements: 1024, threads: 3 },
    );
    expect(dare.report!.global).toEqual(ties.report!.global);
    expect(dare.report!.global.pairs['math|code']!.cosine).toBeCloseTo(plain, 9);
  });

  it('does not change the model and lies beside it', async () => {
    await merge('ties', join(work, 'with'), {}, { density: 0.2 }, {});
    await merge('ties', join(work, 'without'), {}, { density: 0.2 }, { report: false });
    const weights = (folder: string) => readFileSync(join(work, folder, 'model.safetensors'));
    expect(weights('with').equals(weights('without'))).toBe(true);
    for (const name of ['geometry.json', 'geometry.md', 'geometry.html']) {
      expect(existsSync(join(work, 'with', name))).toBe(true);
      expect(existsSync(join(work, 'without', name))).toBe(false);
    }
  });

  it('keeps models of weight 0 in the geometry', async () => {
    const { report } = await merge('task_arithmetic', join(work, 'zero'), {}, { weight: 0 }, {});
    expect(report!.experts).toEqual(EXPERTS);
    const account = report!.merge_accounting['task_arithmetic -> BF16']!;
    expect(account.updated_coordinates).toBe(0);
    expect(account.rounding_survival).toBe(null);
  });
});
