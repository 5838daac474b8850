/** Which files of a model folder hold its weights, decided from file names as loaders do when there is no index. */
import { M2MergeError } from '../errors.js';
import { ADAPTER_CONFIG_FILE } from './adapter-config.js';
import { compareUtf8 } from './order.js';
import { INDEX_FILE_NAME } from './shard-index.js';
import { SINGLE_FILE_NAME } from './shards.js';

/** Most missing or foreign files named in one message. */
const SHOWN_FILES = 8;

/** `model-00001-of-00007.safetensors`; readers also take six digits and underscores. */
const SHARD_NAME = /^model[-_](\d{5,6})[-_]of[-_](\d{5,6})\.safetensors$/;

/** Weights that m2merge does not read. */
const FOREIGN_WEIGHTS = /\.(?:bin|gguf|ggml|pt|pth|ckpt|h5|msgpack|onnx)$/;

export interface WeightFiles {
  /** Where the list of weight files comes from: one file, the index, or the numbers in shard names. */
  readonly from: 'single' | 'index' | 'shards';
  /** File names; empty for `index`, which names them itself. */
  readonly names: readonly string[];
}

/**
 * Chooses among the names in a folder: model.safetensors before the index before a complete set of numbered shards
 * before the only .safetensors file. Throws `model-empty`, `weights-missing` for an incomplete set, and `index-invalid`
 * when several weight files lack an index.
 */
export function chooseWeightFiles(folder: string, names: readonly string[]): WeightFiles {
  if (names.includes(SINGLE_FILE_NAME)) return { from: 'single', names: [SINGLE_FILE_NAME] };
  if (names.includes(INDEX_FILE_NAME)) return { from: 'index', names: [] };
  // Alone, an adapter's weights would pass for a model's.
  if (names.includes(ADAPTER_CONFIG_FILE))
    throw new M2MergeError('model-empty', { folder, found: [ADAPTER_CONFIG_FILE] });
  const candidates = names.filter((name) => name.endsWith('.safetensors')).sort(compareUtf8);
  const shards = candidates.filter((name) => SHARD_NAME.test(name));
  if (shards.length > 0) return { from: 'shards', names: checkShardSet(folder, shards) };
  if (candidates.length === 1) return { from: 'single', names: candidates };
  if (candidates.length > 1) throw indexMissing(folder, candidates);
  throw new M2MergeError('model-empty', { folder, found: foreignWeights(names) });
}

/** Weights that would have to be converted, as far as a message names them. */
export function foreignWeights(names: readonly string[]): readonly string[] {
  const found = names.filter((name) => FOREIGN_WEIGHTS.test(name));
  return found.sort(compareUtf8).slice(0, SHOWN_FILES);
}

/** The error for `count` weight files that belong to the model but not to the folder, of which some are named. */
export function weightsMissing(
  folder: string,
  files: readonly string[],
  count: number,
): M2MergeError<'weights-missing'> {
  return new M2MergeError('weights-missing', { folder, files: files.slice(0, SHOWN_FILES), count });
}

function checkShardSet(folder: string, shards: readonly string[]): readonly string[] {
  const numbers = shards.map((name) => SHARD_NAME.exec(name)!.slice(1).map(Number));
  const [, total] = numbers[0]!;
  const present = new Set(numbers.map(([number]) => number!));
  const oneSet = numbers.every(([, other]) => other === total) && present.size === shards.length;
  if (!oneSet || numbers.some(([number]) => number! < 1 || number! > total!)) throw indexMissing(folder, shards);
  const [sample] = shards;
  const missing = Array.from({ length: total! }, (_, i) => i + 1).filter((number) => !present.has(number));
  if (missing.length === 0) return shards;
  // A hostile name can say that a million shards are missing.
  const shown = missing.slice(0, SHOWN_FILES).map((number) => renumber(sample!, number));
  throw weightsMissing(folder, shown, missing.length);
}

/** The name of another shard of the same set. */
function renumber(shard: string, number: number): string {
  return shard.replace(/\d+/, (digits) => String(number).padStart(digits.length, '0'));
}

function indexMissing(folder: string, files: readonly string[]): M2MergeError<'index-invalid'> {
  const more = files.length > SHOWN_FILES ? ', …' : '';
  return new M2MergeError('index-invalid', {
    file: `${folder}/${INDEX_FILE_NAME}`,
    detail: `not found, though the folder has several weight files: ${files.slice(0, SHOWN_FILES).join(', ')}${more}`,
    hint: 'fetch the index too, or leave only the files that belong to the model',
  });
}
