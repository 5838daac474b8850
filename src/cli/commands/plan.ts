import { freeBytes } from '../../io/free-space.js';
import { estimateMemory } from '../../plan/memory.js';
import type { PreparedMerge } from '../../plan/plan.js';
import { isSmallRun } from '../../plan/small-run.js';
import { readRecipe } from '../../recipe/load.js';
import { formatPlan, type RunFacts } from '../../report/plan-text.js';
import { bytesFor, nearestFolder, reasonAgainstOutput } from '../../run/output-folder.js';
import { hasSweep } from '../../sweep/load.js';
import { type PlanCommandOptions, recipesWith, streamOf, threadsOf, tileOf } from '../options.js';
import { fromHere } from '../paths.js';
import { printWarnings } from '../warnings.js';

/** Shows what a merge would do, from headers alone. */
export async function planCommand(
  file: string,
  chosen: string | undefined,
  options: PlanCommandOptions,
): Promise<void> {
  const read = await readRecipe(file);
  if (hasSweep(read.text, file)) {
    return (await import('./sweep.js')).planSweepCommand(file, chosen, options, read);
  }
  const tile = tileOf(options);
  const recipes = recipesWith(read, options);
  const { keptDocuments, planDocuments, placeDocuments } = await import('../../merge-documents.js');
  const documents = placeDocuments(recipes, chosen, options.intermediateDir);
  const shared = {
    shardBytes: options.outShardSize,
    strict: options.strict ?? false,
    ...(options.report === undefined ? {} : { report: options.report }),
    ...streamOf(options),
  };
  const planned = await planDocuments(documents, shared);
  // A merge of one recipe keeps nothing.
  const kept = await keptDocuments(planned.length > 1 ? planned : [], {
    ...shared,
    overwrite: options.overwrite ?? false,
  });
  const described: object[] = [];
  for (const document of planned) {
    const { recipe, output, prepared } = document;
    const isKept = kept.has(document);
    const facts = { ...(await factsOf(prepared, output, tile, isKept, options)), ...(isKept ? { kept: true } : {}) };
    if (options.json) {
      const { plan, costs, planHash, warnings, stacks, configFields } = prepared;
      const name = recipe.name === undefined ? {} : { name: recipe.name };
      described.push({ ...name, planHash, costs, ...facts, warnings, stacks, configFields, plan });
      continue;
    }
    printWarnings(prepared.warnings);
    if (recipes.length > 1) process.stdout.write(`=== ${recipe.name ?? 'the document without a name'}\n`);
    process.stdout.write(`${formatPlan(prepared, facts)}\n${recipes.length > 1 ? '\n' : ''}`);
  }
  if (!options.json) return;
  const [only, ...others] = described;
  process.stdout.write(`${JSON.stringify(others.length === 0 ? only : { documents: described }, null, 2)}\n`);
}

async function factsOf(
  prepared: PreparedMerge,
  output: string,
  tile: number,
  isKept: boolean,
  options: PlanCommandOptions,
): Promise<RunFacts> {
  const threads = isSmallRun([prepared], options.threads) ? 0 : threadsOf(options);
  const refusal = isKept ? undefined : await reasonAgainstOutput(output, options.overwrite ?? false);
  return {
    output: fromHere(output),
    outputRefused: refusal?.message,
    threads,
    memory: estimateMemory(prepared.plan, Math.max(1, threads), tile),
    diskNeeded: bytesFor(prepared.plan.shards),
    diskFree: await freeBytes(await nearestFolder(output)),
    folders: prepared.folders.map(fromHere),
  };
}
