/** A model folder on disk as a checkpoint: its weight files' headers and its config. */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { M2MergeError } from '../errors.js';
import { openFileSource } from '../io/file.js';
import { type Warning, warning } from '../warnings.js';
import type { Checkpoint, CheckpointFile, TensorLocation } from './checkpoint.js';
import { MAX_CONFIG_BYTES, parseConfig } from './config.js';
import { readHeader, type SafetensorsHeader } from './header.js';
import { compareUtf8 } from './order.js';
import { INDEX_FILE_NAME, MAX_INDEX_BYTES, parseShardIndex } from './shard-index.js';
import { readTextFile } from './text-file.js';
import { chooseWeightFiles, weightsMissing } from './weight-files.js';

const CONFIG_FILE_NAME = 'config.json';

/**
 * Opens a model folder: reads its config, its index and the header of every weight file, and no weights. No file stays
 * open. Of several ways to find the weights it takes what transformers would; see `chooseWeightFiles`.
 *
 * Throws `file-missing`, `file-unreadable`, `read-short`, `model-empty`, `weights-missing`, `index-invalid`,
 * `safetensors-invalid` and `config-invalid`.
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  const path = resolve(folder);
  const names = await listModelFolder(path);
  const weights = chooseWeightFiles(path, names);
  const weightMap = weights.from === 'index' ? await readIndex(path) : undefined;
  const files = weightMap === undefined ? weights.names : shardsOf(weightMap, path, names);
  const shards: Shard[] = [];
  for (const name of files) shards.push(await openShard(path, name));
  const warnings = shards.flatMap(({ header }) => header.warnings);
  if (weightMap !== undefined) warnings.push(...checkIndex(weightMap, shards, path));
  if (weights.from === 'single' && names.includes(INDEX_FILE_NAME)) {
    const detail = `ignored, since the folder also has ${weights.names.join()}; some loaders would follow the index`;
    warnings.push(warning('stale-metadata', { file: join(path, INDEX_FILE_NAME), detail }));
  }
  return {
    folder: path,
    files: shards.map(({ file }) => file),
    tensors: collectTensors(shards),
    config: names.includes(CONFIG_FILE_NAME) ? await readConfig(join(path, CONFIG_FILE_NAME)) : undefined,
    warnings,
  };
}

interface Shard {
  readonly file: CheckpointFile;
  readonly header: SafetensorsHeader;
}

async function listModelFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new M2MergeError('file-missing', { path, purpose: 'model folder' }, { cause: error });
    throw new M2MergeError('file-unreadable', { path, reason: message }, { cause: error });
  }
}

async function openShard(folder: string, name: string): Promise<Shard> {
  const path = join(folder, name);
  const source = await openFileSource(path);
  try {
    const { header, bytes } = await readHeader(source);
    const headerSha256 = createHash('sha256').update(bytes).digest('hex');
    return { file: { name, path, byteLength: source.byteLength, headerSha256 }, header };
  } finally {
    await source.close();
  }
}

async function readIndex(folder: string): Promise<ReadonlyMap<string, string>> {
  const file = join(folder, INDEX_FILE_NAME);
  const text = await readTextFile(
    file,
    MAX_INDEX_BYTES,
    (detail) => new M2MergeError('index-invalid', { file, detail }),
  );
  return parseShardIndex(text, file).weightMap;
}

async function readConfig(file: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await readTextFile(
    file,
    MAX_CONFIG_BYTES,
    (detail) => new M2MergeError('config-invalid', { file, detail }),
  );
  return parseConfig(text, file);
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
function checkIndex(weightMap: ReadonlyMap<string, string>, shards: readonly Shard[], folder: string): Warning[] {
  const file = join(folder, INDEX_FILE_NAME);
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
function collectTensors(shards: readonly Shard[]): ReadonlyMap<string, TensorLocation> {
  const tensors = new Map<string, TensorLocation>();
  shards.forEach(({ file, header }, index) => {
    for (const [name, location] of header.tensors) {
      const other = tensors.get(name);
      if (other !== undefined) {
        const detail = `tensor "${name}" is also in ${shards[other.file]!.file.name}`;
        throw new M2MergeError('index-invalid', {
          file: file.path,
          detail,
          hint: 'remove the file that does not belong to the model',
        });
      }
      tensors.set(name, { file: index, ...location });
    }
  });
  return tensors;
}
