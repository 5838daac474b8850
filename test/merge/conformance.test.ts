/** Every case folder of the reference implementations: our output must agree with theirs, element by element. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compare } from '../fixtures/conformance/compare.mjs';
import { library } from '../run/library.js';
import { FIXTURES, temporaryFolder } from '../support/cli.js';

const CONFORMANCE = join(FIXTURES, 'conformance');
const MODELS = join(CONFORMANCE, 'models');

/** What the reference computes of whole tensors in f32: four norms, and singular value decompositions. */
const TOLERANCES: Readonly<Record<string, number>> = { multislerp: 1e-5, tsv: 1e-5 };

/** bf16 arithmetic that rounds after every operation (oracle.test.ts), and a choice between ties (sce-ties.test.ts). */
const COMPARED_ELSEWHERE = /^bfloat16-|^sce_0\.5$/;

interface Comparison {
  readonly problems: readonly string[];
  readonly elements: number;
  readonly worst: number;
}

for (const reference of ['cases', 'mergelm']) {
  describe(reference, () => {
    const work = temporaryFolder();
    for (const name of readdirSync(join(CONFORMANCE, reference)).sort()) {
      it(name, async () => {
        const folder = join(CONFORMANCE, reference, name);
        const output = join(work, name);
        const text = readFileSync(join(folder, 'recipe.yaml'), 'utf8');
        const { warnings } = await library.merge(library.parseRecipe(text, { folder: MODELS }), { output });
        expect(warnings).toEqual([]);
        if (!COMPARED_ELSEWHERE.test(name)) {
          const options = { models: MODELS, tolerance: TOLERANCES[name] ?? 1e-6 };
          const comparison = compare(folder, output, options as object) as Comparison;
          expect(comparison.problems).toEqual([]);
          expect(comparison.elements).toBeGreaterThan(75_000);
        }
        if (existsSync(join(folder, 'expected.json'))) {
          const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
          const config = JSON.parse(readFileSync(join(output, 'config.json'), 'utf8'));
          expect(config).toMatchObject(expected);
        }
      });
    }
  });
}
