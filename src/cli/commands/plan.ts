import { prepareMerge } from '../../merge.js';
import { outputFolderOf } from '../../output-place.js';
import { estimateMemory } from '../../plan/memory.js';
import { readRecipeText } from '../../recipe/load.js';
import { formatPlan } from '../../report/plan-text.js';
import { freeBytes, nearestFolder } from '../../run/output-folder.js';
import { hasSweep } from '../../sweep/load.js';
import { type PlanCommandOptions, recipeWith, threadsOf, tileOf } from '../options.js';
import { fromHere } from '../paths.js';
import { printWarnings } from '../warnings.js';

/** Shows what a merge would do, from headers alone. */
export async function planCommand(
  file: string,
  chosen: string | undefined,
  options: PlanCommandOptions,
): Promise<void> {
  if (hasSweep(await readRecipeText(file), file)) {
    return (await import('./sweep.js')).planSweepCommand(file, chosen, options);
  }
  const tile = tileOf(options);
  const recipe = await recipeWith(file, options);
  const prepared = await prepareMerge(recipe, { shardBytes: options.outShardSize, strict: options.strict ?? false });
  const output = outputFolderOf(recipe, chosen);
  const threads = threadsOf(options);
  const facts = {
    output: fromHere(output),
    threads,
    memory: estimateMemory(prepared.plan, threads, tile),
    diskFree: await freeBytes(await nearestFolder(output)),
    folders: prepared.folders.map(fromHere),
  };
  if (options.json) {
    const { plan, costs, planHash, warnings, stacks, configFields } = prepared;
    process.stdout.write(
      `${JSON.stringify({ planHash, costs, ...facts, warnings, stacks, configFields, plan }, null, 2)}\n`,
    );
    return;
  }
  printWarnings(prepared.warnings);
  process.stdout.write(`${formatPlan(prepared, facts)}\n`);
}
