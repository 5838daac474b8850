/** The layout of the files a merge writes: which tensor goes where, decided from names, dtypes and shapes alone. */
import { M2MergeError } from '../errors.js';
import { DTYPE_BITS, DTYPES, type Dtype } from './dtype.js';
import { LENGTH_PREFIX_BYTES, MAX_HEADER_BYTES } from './header.js';
import { compareUtf8 } from './order.js';

/** The weight file of a model in one file. */
export const SINGLE_FILE_NAME = 'model.safetensors';

/** The header is padded so that the tensors begin at a multiple of this many bytes. */
const HEADER_ALIGNMENT_BYTES = 8;

const SPACE = 0x20;

export interface OutputTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

export interface ShardOptions {
  /** Most bytes of tensors in a file, without the header. A larger tensor has a file of its own. */
  readonly shardByteLimit: number;
  /** `__metadata__` of every file. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ShardLayout {
  readonly fileName: string;
  /** The file's first bytes: length prefix, JSON and padding. Owned by the caller. */
  readonly header: Uint8Array;
  /** Bytes of the whole file. */
  readonly byteLength: number;
  /** Absolute byte range [begin, end) of each tensor, in offset order. */
  readonly tensors: ReadonlyMap<string, { readonly begin: number; readonly end: number }>;
}

/**
 * Distributes tensors over files, in the given order and greedily, as the Hub's Python client does. Inside a file they
 * lie as the reference writer puts them: by dtype, widest first, then by name in UTF-8 byte order. Names must be
 * distinct. No tensors make no files. Throws `output-unwritable` when a header would exceed the format's limit.
 */
export function layOutShards(
  tensors: readonly OutputTensor[],
  { shardByteLimit, metadata }: ShardOptions,
): ShardLayout[] {
  const groups = groupGreedily(tensors.map(measure), shardByteLimit);
  return groups.map((group, index) => layOutFile(shardName(index, groups.length), group, metadata));
}

interface MeasuredTensor extends OutputTensor {
  readonly byteLength: number;
}

function measure({ name, dtype, shape }: OutputTensor): MeasuredTensor {
  const byteLength = shape.reduce((product, length) => product * length, DTYPE_BITS[dtype]) / 8;
  if (Number.isSafeInteger(byteLength)) return { name, dtype, shape, byteLength };
  throw new RangeError(`tensor "${name}": ${dtype} [${shape.join(', ')}] is not a whole number of bytes`);
}

function groupGreedily(tensors: readonly MeasuredTensor[], shardByteLimit: number): MeasuredTensor[][] {
  const groups: MeasuredTensor[][] = [];
  let current: MeasuredTensor[] = [];
  let currentBytes = 0;
  for (const tensor of tensors) {
    if (tensor.byteLength > shardByteLimit) {
      groups.push([tensor]);
      continue;
    }
    if (currentBytes + tensor.byteLength > shardByteLimit) {
      groups.push(current);
      current = [];
      currentBytes = 0;
    }
    current.push(tensor);
    currentBytes += tensor.byteLength;
  }
  return current.length > 0 ? [...groups, current] : groups;
}

function shardName(index: number, count: number): string {
  const number = (value: number) => String(value).padStart(5, '0');
  return count === 1 ? SINGLE_FILE_NAME : `model-${number(index + 1)}-of-${number(count)}.safetensors`;
}

function layOutFile(
  fileName: string,
  group: readonly MeasuredTensor[],
  metadata: ShardOptions['metadata'],
): ShardLayout {
  const entries: string[] = [];
  const relative: [string, number, number][] = [];
  let end = 0;
  for (const { name, dtype, shape, byteLength } of [...group].sort(compareInFile)) {
    const begin = end;
    end += byteLength;
    relative.push([name, begin, end]);
    entries.push(`${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${begin},${end}]}`);
  }
  const header = encodeHeader(fileName, [...formatMetadata(metadata), ...entries]);
  const absolute = (offset: number) => header.byteLength + offset;
  return {
    fileName,
    header,
    byteLength: absolute(end),
    tensors: new Map(relative.map(([name, from, to]) => [name, { begin: absolute(from), end: absolute(to) }] as const)),
  };
}

function compareInFile(a: OutputTensor, b: OutputTensor): number {
  if (a.dtype === b.dtype) return compareUtf8(a.name, b.name);
  return DTYPES.indexOf(b.dtype) - DTYPES.indexOf(a.dtype);
}

/** The metadata member, or nothing when there is no metadata. */
function formatMetadata(metadata: ShardOptions['metadata']): string[] {
  const keys = Object.keys(metadata).sort(compareUtf8);
  if (keys.length === 0) return [];
  return [`"__metadata__":{${keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`).join(',')}}`];
}

function encodeHeader(fileName: string, members: readonly string[]): Uint8Array {
  const json = new TextEncoder().encode(`{${members.join(',')}}`);
  const length = Math.ceil(json.byteLength / HEADER_ALIGNMENT_BYTES) * HEADER_ALIGNMENT_BYTES;
  if (length > MAX_HEADER_BYTES) {
    const reason = `its header would have ${length} bytes, the limit is ${MAX_HEADER_BYTES}; choose smaller shards`;
    throw new M2MergeError('output-unwritable', { path: fileName, reason });
  }
  const header = new Uint8Array(LENGTH_PREFIX_BYTES + length).fill(SPACE);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, LENGTH_PREFIX_BYTES);
  return header;
}
