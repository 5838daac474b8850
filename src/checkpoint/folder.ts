/** A model's files, in a folder on disk or elsewhere, as a checkpoint: its weight files' headers and its config. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { M2MergeError } from '../errors.js';
import { forEachConcurrently } from '../io/concurrency.js';
import type { ModelFiles } from '../io/model-files.js';
import { type Warning, warning } from '../warnings.js';
import type { Checkpoint, CheckpointFile, TensorLocation } from './checkpoint.js';
import { MAX_CONFIG_BYTES, parseConfig } from './config.js';
import { parsePrefixed, readHeaderBytes, type SafetensorsHeader } from './header.js';
import { ModelFolder } from './model-folder.js';
import { compareUtf8 } from './order.js';
import { INDEX_FILE_NAME, MAX_INDEX_BYTES, parseShardIndex } from './shard-index.js';
import { CONFIG_FILE } from './side-files.js';
import { TensorTables } from './tensor-tables.js';
import { readTextFile } from './text-file.js';
import { chooseWeightFiles, type WeightFiles, weightsMissing } from './weight-files.js';

/** Headers read side by side: what a file on the Hub costs is mostly waiting. */
const HEADERS_AT_ONCE = 8;

/**
 * Opens a model, given its folder or its files: reads its config, its index and the header of every weight file, and no
 * weights. No file stays open. Of several ways to find the weights it takes what transformers would; see
 * `chooseWeightFiles`. `tables` hold what models that are opened together have in common.
 *
 * Throws `file-missing`, `file-unreadable`, `read-short`, `model-empty`, `weights-missing`, `index-invalid`,
 * `safetensors-invalid` and `config-invalid`.
 */
export async function openCheckpoint(
  model: string | ModelFiles,
  tables: TensorTables = new TensorTables(),
): Promise<Checkpoint> {
  const source = typeof model === 'string' ? new ModelFolder(model) : model;
  const names = await source.list();
  const { from, files: weightFiles, weightMap } = await findWeightFiles(source, names);
  const shards: Shard[] = [];
  await forEachConcurrently([...weightFiles.entries()], HEADERS_AT_ONCE, async ([i, name]) => {
    shards[i] = await openShard(source, name, tables);
  });
  const files = shards.map(({ file }) => file);
  const tensors = tables.table(files, () => collectTensors(shards, source));
  if (tensors.size === 0) throw new M2MergeError('model-empty', { folder: placeOf(source), found: [] });
  const contradictions = weightMap && checkIndex(weightMap, shards, source.describe(INDEX_FILE_NAME));
  const warnings = [...shards.flatMap(({ header }) => header.warnings), ...(contradictions ?? [])];
  if (from === 'single' && names.includes(INDEX_FILE_NAME)) {
    const detail = `ignored, since the folder also has ${weightFiles.join()}; some loaders would follow the index`;
    warnings.push(warning('stale-metadata', { file: source.describe(INDEX_FILE_NAME), detail }));
  }
  return {
    folder: source.folder,
    files,
    tensors,
    config: names.includes(CONFIG_FILE) ? await readConfig(source) : undefined,
    warnings,
  };
}

/** Where a model's weights are. */
interface FoundWeights extends Pick<WeightFiles, 'from'> {
  /** Names of the files. */
  readonly files: readonly string[];
  /** What the index says, where there is one that counts. */
  readonly weightMap: ReadonlyMap<string, string> | undefined;
}

/** Finds a model's weight files and reads none of them. Throws as `openCheckpoint` does for names and indexes. */
export async function findWeightFiles(source: ModelFiles, names: readonly string[]): Promise<FoundWeights> {
  const place = placeOf(source);
  const weights = chooseWeightFiles(place, names);
  const weightMap = weights.from === 'index' ? await readIndex(source) : undefined;
  const files = weightMap === undefined ? weights.names : shardsOf(weightMap, place, names);
  return { from: weights.from, files, weightMap };
}

/** The model as messages name it. */
export function placeOf(source: ModelFiles): string {
  return source.describe('').replace(/\/$/, '');
}

interface Shard {
  readonly file: CheckpointFile;
  readonly header: SafetensorsHeader;
}

async function openShard(model: ModelFiles, name: string, tables: TensorTables): Promise<Shard> {
  const source = await model.open(name);
  try {
    const bytes = await readHeaderBytes(source);
    const headerSha256 = createHash('sha256').update(bytes).digest('hex');
    const { byteLength, version } = source;
    const file = { name, path: join(model.folder, name), byteLength, headerSha256, ...(version && { version }) };
    return { file, header: tables.header(file, () => parsePrefixed(bytes, source)) };
  } finally {
    await source.close();
  }
}

async function readIndex(model: ModelFiles): Promise<ReadonlyMap<string, string>> {
  const file = model.describe(INDEX_FILE_NAME);
  const refuse = (detail: string) => new M2MergeError('index-invalid', { file, detail });
  return parseShardIndex(await readTextFile(model, INDEX_FILE_NAME, MAX_INDEX_BYTES, refuse), file).weightMap;
}

async function readConfig(model: ModelFiles): Promise<Readonly<Record<string, unknown>>> {
  const file = model.describe(CONFIG_FILE);
  const refuse = (detail: string) => new M2MergeError('config-invalid', { file, detail });
  return parseConfig(await readTextFile(model, CONFIG_FILE, MAX_CONFIG_BYTES, refuse), file);
}

/** The files an index names, in UTF-8 byte order, all of them present. */
function shardsOf(weightMap: ReadonlyMap<string, string>, folder: string, names: readonly string[]): string[] {
  const files = [...new Set(weightMap.values())].sort(compareUtf8);
  const present = new Set(names);
  const missing = files.filter((name) => !present.has(name));
  if (missing.length > 0) throw weightsMissing(folder, missing, missing.length);
  return files;
}

/**
 * Checks that every tensor is in the file the index says. A tensor of a shard that the index does not name is only
 * warned of and taken along, since loaders read whole shards.
 */
function checkIndex(weightMap: ReadonlyMap<string, string>, shards: readonly Shard[], file: string): Warning[] {
  const headers = new Map(shards.map((shard) => [shard.file.name, shard.header] as const));
  const misplaced = [...weightMap].filter(([tensor, name]) => headers.get(name)?.tensors.has(tensor) !== true);
  if (misplaced[0] !== undefined) {
    const [tensor, name] = misplaced[0];
    const detail = `tensor "${tensor}" is said to be in ${name}, which lacks it${andMore(misplaced.length)}`;
    throw new M2MergeError('index-invalid', {
      file,
      detail,
      hint: 'index and shards are of different models; fetch both again',
    });
  }
  const unlisted = shards.flatMap(({ header }) =>
    [...header.tensors.keys()].filter((tensor) => !weightMap.has(tensor)),
  );
  if (unlisted[0] === undefined) return [];
  const detail = `does not list tensor "${unlisted[0]}", which a shard holds${andMore(unlisted.length)}`;
  return [warning('stale-metadata', { file, detail })];
}

function andMore(count: number): string {
  return count > 1 ? ` (and ${count - 1} more)` : '';
}

/** All tensors with the file each is in. Throws `index-invalid` when two files hold the same one. */
function collectTensors(shards: readonly Shard[], model: ModelFiles): ReadonlyMap<string, TensorLocation> {
  const tensors = new Map<string, TensorLocation>();
  shards.forEach(({ file, header }, index) => {
    for (const [name, location] of header.tensors) {
      const other = tensors.get(name);
      if (other !== undefined) {
        const detail = `tensor "${name}" is also in ${shards[other.file]!.file.name}`;
        throw new M2MergeError('index-invalid', {
          file: model.describe(file.name),
          detail,
          hint: 'remove the file that does not belong to the model',
        });
      }
      tensors.set(name, { file: index, ...location });
    }
  });
  return tensors;
}
