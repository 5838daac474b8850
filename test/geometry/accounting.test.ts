/** The account of a merge against float64 values of the reference group, and what a report adds to a model folder. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { library } from '../run/library.js';
import { FIXTURES, temporaryFolder } from '../support/cli.js';
import { readModel } from '../support/safetensors.js';

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

  it('says what trimming, election and cancellation removed of each expert', async () => {
    const density = 0.2;
    const { report } = await merge('ties', join(work, 'removed'), { zero_sign: 'none' }, { density }, {});
    const folder = join(CONFORMANCE, 'models');
    const [base, ...experts] = ['base', ...EXPERTS].map((name) => readModel(join(folder, name)).tensors);
    const lost = EXPERTS.map(() => ({ all: 0, trimmed: 0, outvoted: 0, cancelled: 0 }));
    for (const [name, { values }] of base!) {
      const changes = experts.map((expert) => expert.get(name)!.values.map((value, i) => value - values[i]!));
      const kept = changes.map((x) => {
        const order = x.map((_, i) => i).sort((a, b) => Math.abs(x[b]!) - Math.abs(x[a]!) || a - b);
        return new Set(order.slice(0, Math.floor(density * x.length)));
      });
      for (let i = 0; i < values.length; i++) {
        const vote = changes.reduce((sum, x, k) => sum + (kept[k]!.has(i) ? x[i]! : 0), 0);
        changes.forEach((x, k) => {
          const energy = x[i]! ** 2;
          lost[k]!.all += energy;
          if (!kept[k]!.has(i)) lost[k]!.trimmed += energy;
          else if (vote === 0) lost[k]!.cancelled += energy;
          else if (x[i]! * vote < 0) lost[k]!.outvoted += energy;
        });
      }
    }
    const account = report!.merge_accounting['ties -> BF16']!;
    EXPERTS.forEach((name, k) => {
      const { all, ...parts } = lost[k]!;
      for (const key of ['trimmed', 'outvoted', 'cancelled'] as const) {
        expect(Math.abs(account.removed[name]![key]! - parts[key] / all)).toBeLessThan(1e-6);
      }
      expect(account.removed[name]!.outvoted).toBeGreaterThan(0.001);
      expect(account.density![name]).toBeCloseTo(density, 12);
    });
  });

  it('says of an expert of density 0 that all of it was trimmed', async () => {
    const { report } = await merge('ties', join(work, 'density-0'), {}, { density: 0 }, {});
    for (const name of EXPERTS) {
      const removed = report!.merge_accounting['ties -> BF16']!.removed[name]!;
      expect(removed).toEqual({ trimmed: 1, outvoted: 0, cancelled: 0 });
    }
  });

  it.each([
    ['della', {}, { density: 0.4, epsilon: 0.1 }],
    ['della_linear', {}, { density: 0.4, epsilon: 0.1 }],
    ['arcee_fusion', {}, {}],
    ['task_arithmetic', { sparsify: { method: 'dare', density: 0.4 } }, {}],
    ['task_arithmetic', { sparsify: { method: 'magnitude', density: 0.2, rescale: 'l1' } }, {}],
    ['ties', { sparsify: { method: 'dare', density: 0.4 } }, { density: 0.2 }],
  ])('accounts for what %s with %j drops of one expert alone', async (method, front, parameters) => {
    const output = join(work, `alone-${method}-${JSON.stringify(front).length}`);
    const models = [{ model: 'math', parameters: { weight: 1, ...parameters } }];
    const text = JSON.stringify({ merge_method: method, base_model: 'base', models, ...front, dtype: 'float32' });
    const recipe = library.parseRecipe(text, { file: 'recipe', folder: join(CONFORMANCE, 'models') });
    const { report } = await library.merge(recipe, { output, report: true });
    const [base, math] = ['base', 'math'].map((name) => readModel(join(CONFORMANCE, 'models', name)).tensors);
    const energy = { all: 0, dropped: 0 };
    for (const [name, { values }] of readModel(output).tensors) {
      const from = base!.get(name)!.values;
      math!.get(name)!.values.forEach((value, i) => {
        energy.all += (value - from[i]!) ** 2;
        // Nobody else is there to outvote it: where the base is left, the change was dropped.
        if (values[i] === from[i]) energy.dropped += (value - from[i]!) ** 2;
      });
    }
    const { trimmed, outvoted, cancelled } = report!.merge_accounting[`${method} -> F32`]!.removed.math!;
    expect(trimmed).toBeGreaterThan(0.2);
    expect(trimmed).toBeCloseTo(energy.dropped / energy.all, 5);
    expect([outvoted, cancelled]).toEqual([0, 0]);
  });

  it('finds a density above the changed share, and none that trims', async () => {
    const codes = async (density: number) => {
      const { report } = await merge('ties', join(work, `density-${density}`), {}, { density }, {});
      return report!.findings.map(({ code }) => code);
    };
    expect(await codes(0.9)).toContain('idle-trimming');
    expect(await codes(0.2)).not.toContain('idle-trimming');
  });

  it('counts an expert of negative weight as outvoted where the merge goes its way', async () => {
    const { report } = await merge('task_arithmetic', join(work, 'negative'), {}, { weight: -0.5 }, {});
    const { removed } = report!.merge_accounting['task_arithmetic -> BF16']!;
    const { report: positive } = await merge('task_arithmetic', join(work, 'positive'), {}, { weight: 0.5 }, {});
    const wanted = positive!.merge_accounting['task_arithmetic -> BF16']!.removed;
    for (const name of EXPERTS) expect(removed[name]!.outvoted).toBeCloseTo(wanted[name]!.outvoted!, 6);
  });

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
