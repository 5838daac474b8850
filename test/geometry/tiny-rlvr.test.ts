/** The embedded RLVR group: our merges and measurements against the numbers that came with it (results.json). */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { library } from '../run/library.js';
import { REPOSITORY, temporaryFolder } from '../support/cli.js';
import { readModel } from '../support/safetensors.js';

const GROUP = join(REPOSITORY, 'recipes/tiny-rlvr');
const EXPERTS = ['math', 'code', 'sci', 'if'];
const published = JSON.parse(readFileSync(join(GROUP, 'results.json'), 'utf8'));

/** sha256 of all bf16 bytes in sorted name order, as results.json defines it. */
function sha256Of(folder: string): string {
  const { tensors } = readModel(folder);
  const hash = createHash('sha256');
  for (const name of [...tensors.keys()].sort()) hash.update(tensors.get(name)!.bytes);
  return hash.digest('hex');
}

function recipe(experts: readonly string[], method: string, parameters: object, each: object = {}): string {
  const models = experts.map((model) => ({ model, parameters: { weight: 1, ...each } }));
  return JSON.stringify({
    merge_method: method,
    ...(method === 'linear' ? {} : { base_model: 'sft' }),
    models,
    parameters,
    dtype: 'bfloat16',
  });
}

/** Merges whose float32 sums round to the same bf16 in any order of operations. */
const MERGES: Readonly<Record<string, string>> = {
  average: recipe(EXPERTS, 'linear', {}),
  'task_arithmetic_1.0': recipe(EXPERTS, 'task_arithmetic', {}),
  ties_top20_lambda1: recipe(EXPERTS, 'ties', { trim_scope: 'model', zero_sign: 'none' }, { density: 0.2 }),
  ties_top20_lambda1_all_tied_kept: recipe(
    EXPERTS,
    'ties',
    { trim_scope: 'model', trim_rule: 'threshold', zero_sign: 'none' },
    { density: 0.2 },
  ),
};

describe('merges of the embedded group', () => {
  const work = temporaryFolder();
  for (const [name, text] of Object.entries(MERGES)) {
    it(`${name} has the published sha256`, async () => {
      const { output } = await library.merge(library.parseRecipe(text, { file: name, folder: GROUP }), {
        output: join(work, name),
      });
      expect(sha256Of(output)).toBe(published.merged_sha256[name]);
    });
  }
});
