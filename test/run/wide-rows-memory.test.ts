/** Rows that stay together may be long: the plan has room for what whole processes that merge them take. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { estimateMemory } from '../../src/plan/memory.js';
import { DEFAULT_TILE_ELEMENTS } from '../../src/run/engine.js';
import { REPOSITORY, temporaryFolder } from '../support/cli.js';
import { randomTensor } from '../support/random-models.js';
import { writeModel } from '../support/safetensors.js';
import { library } from './library.js';

const work = temporaryFolder();
const folders = Array.from({ length: 5 }, (_, i) => join(work, `model-${i}`));
// Of odd length, so that all 64 stay together: 3.2 million elements.
for (const [seed, folder] of folders.entries()) {
  writeModel(folder, [randomTensor('layers.0.weight', [64, 49_999], seed + 1, 0.02)]);
}

/** Merges in one worker thread, then prints the most memory that the process had. */
const MERGE = `
const [library, text, output] = process.argv.slice(1);
const { merge, parseRecipe } = await import(library);
await merge(parseRecipe(text), { output, threads: 1 });
console.log(1024 * process.resourceUsage().maxRSS);
`;

function peakBytes(text: string, output: string): number {
  const library = pathToFileURL(join(REPOSITORY, 'dist/src/index.js')).href;
  const args = ['--input-type=module', '-e', MERGE, library, text, join(work, output)];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(stderr).toBe('');
  return Number(stdout);
}

const [base, ...models] = folders;
const recipeOf = (method: string, rest: string) =>
  `merge_method: ${method}\nbase_model: ${base}\nmodels: [${models.map((model) => `{model: ${model}, parameters: {weight: 0.5}}`).join(', ')}]\n${rest}`;

const thinned = 'parameters: {density: 0.5, epsilon: 0.1}';
const inFront = 'sparsify: {method: della, density: 0.6}';

it.each([
  ['della', thinned],
  ['della', `${thinned}\nreport: true`],
  ['breadcrumbs', `parameters: {density: 0.5}\n${inFront}\nreport: true`],
  ['ram', `${inFront}\nreport: true`],
  ['model_stock', 'parameters: {filter_wise: true}'],
])('of %s with %j', async (method, rest) => {
  const text = recipeOf(method, rest);
  const { plan } = await library.plan(library.parseRecipe(text));
  const expected = estimateMemory(plan, 1, DEFAULT_TILE_ELEMENTS);
  const peak = peakBytes(text, `${method}-${rest.length}`);
  expect(peak).toBeGreaterThan(10e6);
  expect(peak).toBeLessThanOrEqual(expected);
});
