/** The recipes for public RL experts: read, planned and priced over a Hub on loopback that has models of their names. */
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { library } from '../run/library.js';
import { REPOSITORY, temporaryFolder } from '../support/cli.js';
import { hubEnvironment } from '../support/hub/environment.js';
import { LoopbackHub } from '../support/hub/loopback-hub.js';
import { SMALL, writeModels } from '../support/hub/models.js';
import { folderFiles } from '../support/hub/repository.js';

const RECIPES = join(REPOSITORY, 'recipes/rl-experts');

/** By recipe: the base, and how many experts there are. */
const GROUPS: Readonly<Record<string, readonly [base: string, experts: number]>> = {
  'm2rl.yaml': ['Jackwang111/M2RL-SFT', 5],
  'llm-fusion-4b.yaml': ['Qwen/Qwen3-4B-Instruct-2507', 5],
  'llm-fusion-8b.yaml': ['Qwen/Qwen3-8B', 5],
  'ram-trio.yaml': ['Qwen/Qwen2.5-7B-Instruct', 3],
  'resmerge-qwen2.5-7b.yaml': ['Qwen/Qwen2.5-7B', 3],
  'resmerge-qwen3-4b.yaml': ['Qwen/Qwen3-4B-Base', 3],
  'open-mopd.yaml': ['BytedTsinghua-SIA/Open-MOPD-SmolLM3-3B-MixSFT', 3],
};

describe('recipes/rl-experts', () => {
  const work = temporaryFolder();
  let hub: LoopbackHub;
  beforeAll(async () => {
    hub = await LoopbackHub.start();
  });
  afterAll(() => hub.close());

  it('has one for each group', () => {
    expect(readdirSync(RECIPES).sort()).toEqual(Object.keys(GROUPS).sort());
  });

  it.each(Object.entries(GROUPS))('%s', async (file, [base, experts]) => {
    const text = readFileSync(join(RECIPES, file), 'utf8');
    expect(text).toContain('Could not be checked offline:');
    const folder = join(work, file);
    const recipe = library.parseRecipe(text, { file, folder });
    expect(recipe.warnings).toEqual([]);
    expect([recipe.base!.path, recipe.models.length]).toEqual([base, experts]);
    const names = ['base', ...recipe.models.map((_, i) => `expert-${i}`)];
    const folders = writeModels(join(folder, 'sources'), names);
    const references = [recipe.base!, ...recipe.models.map(({ reference }) => reference)];
    references.forEach(({ path }, i) => {
      const source = folders[names[i]!]!;
      if (path.startsWith('./')) cpSync(source, join(folder, path), { recursive: true });
      else hub.add(path, folderFiles(source));
    });
    const { plan } = await library.plan(recipe, { hub: { environment: hubEnvironment(hub) } });
    expect(plan.jobs).toHaveLength(SMALL.length);
    expect(plan.inputs.map(({ reference, hub: origin }) => origin?.repo ?? reference)).toEqual(
      references.map(({ text }) => text),
    );
    expect(
      hub.requests.some(({ origin, method, headers }) => origin === 'cdn' && method === 'GET' && !headers.range),
    ).toBe(false);
  });
});
