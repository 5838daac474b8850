/** Everything beside the weights that belongs into a merged model's folder. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { CARD_FILE } from './checkpoint/card.js';
import { parseConfig, updateConfig } from './checkpoint/config.js';
import { CONFIG_FILE, MANIFEST_FILE } from './checkpoint/side-files.js';
import { makeCard } from './merge-card.js';
import type { Job, Plan, PreparedMerge } from './plan/plan.js';
import type { Recipe } from './recipe/recipe.js';
import { formatManifest } from './report/manifest.js';
import { publicName, publicPlan, publicRecipe } from './report/public-names.js';
import type { TensorOutcome } from './run/outcome.js';
import type { OutputFolder } from './run/output-folder.js';
import { readSideFile, writeSideFiles } from './run/side-files.js';
import { COPY_UNIT_BYTES } from './run/task.js';
import { VERSION } from './version.js';
import type { Warning } from './warnings.js';

const INDEX_FILE = 'model.safetensors.index.json';

/** Names of output dtypes in config.json. */
const CONFIG_DTYPES: Readonly<Record<string, 'bfloat16' | 'float16' | 'float32'>> = {
  BF16: 'bfloat16',
  F16: 'float16',
  F32: 'float32',
};

/** Returns what the sources' cards give reason to say. */
export async function writeBesideWeights(
  folder: OutputFolder,
  recipe: Recipe,
  prepared: PreparedMerge,
  inputState: string | undefined,
  outcomes: readonly TensorOutcome[],
  options: { readonly sha256?: boolean; readonly signal?: AbortSignal },
): Promise<readonly Warning[]> {
  const { plan } = prepared;
  const sideFiles = await writeSideFiles(folder, prepared);
  const donor = prepared.folders[plan.donor]!;
  const dtype = dtypeOf(plan);
  // One that was there when the merge was planned.
  const config = prepared.donorConfig && (await readSideFile(join(donor, CONFIG_FILE))).toString('utf8');
  const changes = { ...(dtype === undefined ? {} : { dtype }), fields: prepared.configFields };
  if (config !== undefined) await folder.write(CONFIG_FILE, updateConfig(config, changes));
  const recipeText = publicRecipe(recipe);
  await folder.write('recipe.yaml', recipeText);
  const card = await makeCard(recipe, prepared, {
    title: publicName(folder.path),
    dtype,
    config: config === undefined ? undefined : parseConfig(config, CONFIG_FILE),
    sideFiles,
  });
  await folder.write(CARD_FILE, card.text);
  const sha256 = options.sha256 ? await hashShards(folder, plan, options.signal) : undefined;
  const manifest = formatManifest({
    prepared: { ...prepared, plan: publicPlan(plan) },
    inputState,
    toolVersion: VERSION,
    recipeText,
    copyBlockBytes: COPY_UNIT_BYTES,
    tensors: outcomes,
    sha256,
  });
  await folder.write(MANIFEST_FILE, manifest);
  if (prepared.indexText !== undefined) await folder.write(INDEX_FILE, prepared.indexText);
  return card.warnings;
}

/** The config's name of the dtype that all merged tensors share; where all are copies, of the one that most of them has. */
function dtypeOf({ jobs }: Plan): (typeof CONFIG_DTYPES)[string] | undefined {
  const merged = new Set(jobs.flatMap((job) => (job.kind === 'merge' ? [job.outputDtype] : [])));
  if (merged.size > 1) return undefined;
  const [dtype = mostCopied(jobs)] = merged;
  return dtype === undefined ? undefined : CONFIG_DTYPES[dtype];
}

/** The dtype of most bytes that are copied: packed weights are not of the dtype of their scales. */
function mostCopied(jobs: readonly Job[]): string | undefined {
  const bytes = new Map<string, number>();
  for (const job of jobs) {
    if (job.kind === 'copy') bytes.set(job.dtype, (bytes.get(job.dtype) ?? 0) + job.byteLength);
  }
  return [...bytes].sort(([, a], [, b]) => b - a)[0]?.[0];
}

async function hashShards(
  folder: OutputFolder,
  plan: Plan,
  signal: AbortSignal | undefined,
): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  for (const { name } of plan.shards) {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(join(folder.workPath, name))) {
      signal?.throwIfAborted();
      hash.update(chunk);
    }
    digests.set(name, hash.digest('hex'));
  }
  return digests;
}
