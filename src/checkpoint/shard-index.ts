/** model.safetensors.index.json: which shard holds which tensor. */
import { M2MergeError } from '../errors.js';
import { JsonScanner } from './json-scanner.js';
import { compareUtf8 } from './order.js';
import { formatString, PYTHON_JSON } from './python-json.js';
import { shorten } from './safetensors-rules.js';

export const INDEX_FILE_NAME = 'model.safetensors.index.json';

/** Largest index read. The largest known, of a model with 497,000 tensors, has 60 MB. */
export const MAX_INDEX_BYTES = 256 * 1024 * 1024;

/** Longest file name that common file systems hold, in UTF-8 bytes. */
const MAX_FILE_NAME_BYTES = 255;

/**
 * File names come from whoever made the model and are joined to a folder's path, so only what cannot leave the folder
 * on any system is taken: no separators, drive letters, percent escapes, control characters or leading dots.
 */
const PLAIN_FILE_NAME = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}._+=@,()[\] -]*\.safetensors$/u;

export interface ShardIndex {
  /** File name of each tensor, in the order of the text. */
  readonly weightMap: ReadonlyMap<string, string>;
}

/** True for a name of a safetensors file directly inside a folder. */
export function isPlainShardName(name: string): boolean {
  return (
    PLAIN_FILE_NAME.test(name) && !name.includes('..') && new TextEncoder().encode(name).length <= MAX_FILE_NAME_BYTES
  );
}

/**
 * Parses an index. Only `weight_map` counts: `metadata` is absent or wrong in many models. Throws `index-invalid` for
 * text that is not JSON, an absent or empty map, file names that are not plain, and tensors mapped to two files.
 */
export function parseShardIndex(text: string, file: string): ShardIndex {
  const refuse = (detail: string) => new M2MergeError('index-invalid', { file, detail });
  const scanner = new JsonScanner(text, (detail) => refuse(`invalid JSON: ${detail}`), PYTHON_JSON);
  let weightMap: ReadonlyMap<string, string> | undefined;
  scanner.readObject((key) => {
    if (key !== 'weight_map') {
      scanner.skipValue();
      return;
    }
    if (weightMap !== undefined) throw refuse('"weight_map" is given twice');
    weightMap = readWeightMap(scanner, refuse);
  });
  scanner.expectEnd();
  if (weightMap === undefined) throw refuse('"weight_map" is missing');
  if (weightMap.size === 0) throw refuse('"weight_map" names no tensors');
  return { weightMap };
}

function readWeightMap(scanner: JsonScanner, refuse: (detail: string) => Error): ReadonlyMap<string, string> {
  const weightMap = new Map<string, string>();
  const plainNames = new Set<string>();
  scanner.readObject((tensor) => {
    const name = scanner.readString('a file name');
    if (!plainNames.has(name)) {
      if (!isPlainShardName(name)) throw refuse(`${quote(name)} is not the name of a .safetensors file in the folder`);
      plainNames.add(name);
    }
    const other = weightMap.get(tensor);
    if (other !== undefined && other !== name)
      throw refuse(`tensor ${quote(tensor)} is mapped to both ${other} and ${name}`);
    weightMap.set(tensor, name);
  });
  return weightMap;
}

function quote(name: string): string {
  return JSON.stringify(shorten(name));
}

/** What an index to write says. */
export interface ShardIndexContent {
  /** Elements of all tensors. */
  readonly totalParameters: number;
  /** Bytes of all tensors, without headers. */
  readonly totalSize: number;
  /** File name of each tensor; at least one. */
  readonly weightMap: ReadonlyMap<string, string>;
}

/** The index's text as transformers 5 writes it: ASCII, indented by 2 spaces, keys sorted, ending in a newline. */
export function formatShardIndex({ totalParameters, totalSize, weightMap }: ShardIndexContent): string {
  // Not by JSON.stringify of an object, which would put integer-like names first.
  const sorted = [...weightMap].sort(([a], [b]) => compareUtf8(a, b));
  const lines = sorted.map(([tensor, name]) => `    ${formatString(tensor)}: ${formatString(name)}`);
  return `{
  "metadata": {
    "total_parameters": ${totalParameters},
    "total_size": ${totalSize}
  },
  "weight_map": {
${lines.join(',\n')}
  }
}
`;
}
