/**
 * Safetensors files and model folders for tests, written and read by code that shares nothing with `src/`, so that it
 * can be the measure of it. Knows valid files only.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeSmallFloat, encodeSmallFloat, SMALL_FLOATS, type SmallFloat } from './small-floats.js';

/** A tensor to write: `values` are rounded to the dtype, to nearest even; `bytes` are taken as they are. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values?: ArrayLike<number>;
  readonly bytes?: Uint8Array;
}

export interface TensorRead {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
  /** The elements as numbers; 64-bit integers are rounded, and empty for other dtypes than floats and integers. */
  readonly values: readonly number[];
}

export interface ModelOptions {
  /** Number of weight files: the tensors are spread over them in turn, with an index. Default 1, without one. */
  readonly shards?: number;
  readonly config?: Readonly<Record<string, unknown>>;
  /** `__metadata__` of each file. Default {"format": "pt"}. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface ModelRead {
  readonly tensors: ReadonlyMap<string, TensorRead>;
  /** Name of the file of each tensor. */
  readonly files: ReadonlyMap<string, string>;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly config: Record<string, unknown> | undefined;
}

/** Writes a model folder, creating it. */
export function writeModel(folder: string, tensors: readonly TensorToWrite[], options: ModelOptions = {}): void {
  const { shards = 1, config, metadata = { format: 'pt' } } = options;
  mkdirSync(folder, { recursive: true });
  if (config !== undefined) writeFileSync(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
  if (shards === 1) {
    writeFileSync(join(folder, 'model.safetensors'), encodeSafetensors(tensors, metadata));
    return;
  }
  const weightMap: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const name = `model-0000${shard + 1}-of-0000${shards}.safetensors`;
    const own = tensors.filter((_, i) => i % shards === shard);
    for (const tensor of own) weightMap[tensor.name] = name;
    writeFileSync(join(folder, name), encodeSafetensors(own, metadata));
  }
  const index = { metadata: {}, weight_map: weightMap };
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify(index));
}

/** The bytes of a safetensors file with the tensors in the given order, without padding. */
export function encodeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata?: Readonly<Record<string, string>>,
): Buffer {
  const parts: Uint8Array[] = [];
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  let offset = 0;
  for (const { name, dtype, shape, values, bytes } of tensors) {
    const data = bytes ?? encodeValues(dtype, values!);
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.length] };
    offset += data.length;
    parts.push(data);
  }
  return Buffer.concat([encodeHeader(JSON.stringify(header)), ...parts]);
}

/** A length prefix and the header's text. */
export function encodeHeader(text: string): Buffer {
  const json = Buffer.from(text);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([prefix, json]);
}

/** Reads all .safetensors files of a folder and its config. */
export function readModel(folder: string): ModelRead {
  const tensors = new Map<string, TensorRead>();
  const files = new Map<string, string>();
  let metadata: Record<string, string> | undefined;
  const names = readdirSync(folder).sort();
  for (const file of names.filter((name) => name.endsWith('.safetensors'))) {
    const decoded = decodeSafetensors(readFileSync(join(folder, file)));
    metadata = decoded.metadata;
    for (const [name, tensor] of decoded.tensors) {
      if (tensors.has(name)) throw new Error(`${name} is in both ${files.get(name)} and ${file}`);
      tensors.set(name, tensor);
      files.set(name, file);
    }
  }
  const config = names.includes('config.json')
    ? JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
    : undefined;
  return { tensors, files, metadata, config };
}

/** Takes a valid safetensors file apart. */
function decodeSafetensors(
  file: Buffer,
): Pick<ModelRead, 'tensors'> & { metadata: Record<string, string> | undefined } {
  const dataBegin = 8 + Number(file.readBigUInt64LE(0));
  const { __metadata__: metadata, ...entries } = JSON.parse(file.toString('utf8', 8, dataBegin));
  const tensors = new Map<string, TensorRead>();
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, data_offsets } = entry as { dtype: string; shape: number[]; data_offsets: [number, number] };
    const bytes = Uint8Array.from(file.subarray(dataBegin + data_offsets[0], dataBegin + data_offsets[1]));
    tensors.set(name, tensorRead(dtype, shape, bytes));
  }
  return { tensors, metadata };
}

/** Most tests compare bytes: numbers are made of them when they are first asked for. */
function tensorRead(dtype: string, shape: readonly number[], bytes: Uint8Array): TensorRead {
  let values: readonly number[] | undefined;
  return {
    dtype,
    shape,
    bytes,
    get values() {
      values ??= decodeValues(dtype, bytes);
      return values;
    },
  };
}

interface Codec {
  readonly bytes: number;
  readonly get: (view: DataView, at: number) => number;
  readonly set: (view: DataView, at: number, value: number) => void;
}

const LITTLE_ENDIAN = true;

const PLAIN_CODECS: Readonly<Record<string, Codec>> = {
  BOOL: { bytes: 1, get: (view, at) => view.getUint8(at), set: (view, at, value) => view.setUint8(at, value) },
  U8: { bytes: 1, get: (view, at) => view.getUint8(at), set: (view, at, value) => view.setUint8(at, value) },
  I8: { bytes: 1, get: (view, at) => view.getInt8(at), set: (view, at, value) => view.setInt8(at, value) },
  I32: {
    bytes: 4,
    get: (view, at) => view.getInt32(at, LITTLE_ENDIAN),
    set: (view, at, value) => view.setInt32(at, value, LITTLE_ENDIAN),
  },
  I64: {
    bytes: 8,
    get: (view, at) => Number(view.getBigInt64(at, LITTLE_ENDIAN)),
    set: (view, at, value) => view.setBigInt64(at, BigInt(value), LITTLE_ENDIAN),
  },
  F32: {
    bytes: 4,
    get: (view, at) => view.getFloat32(at, LITTLE_ENDIAN),
    set: (view, at, value) => view.setFloat32(at, value, LITTLE_ENDIAN),
  },
  F64: {
    bytes: 8,
    get: (view, at) => view.getFloat64(at, LITTLE_ENDIAN),
    set: (view, at, value) => view.setFloat64(at, value, LITTLE_ENDIAN),
  },
};

function smallFloatCodec(dtype: SmallFloat): Codec {
  const { exponentBits, mantissaBits } = SMALL_FLOATS[dtype];
  if (exponentBits + mantissaBits === 7) {
    return {
      bytes: 1,
      get: (view, at) => decodeSmallFloat(dtype, view.getUint8(at)),
      set: (view, at, value) => view.setUint8(at, encodeSmallFloat(dtype, value)),
    };
  }
  const numbers = numbersOf(dtype);
  return {
    bytes: 2,
    get: (view, at) => numbers[view.getUint16(at, LITTLE_ENDIAN)]!,
    set: (view, at, value) => view.setUint16(at, encodeSmallFloat(dtype, value), LITTLE_ENDIAN),
  };
}

const decoded = new Map<SmallFloat, Float64Array>();

/** What each pattern of a 16-bit format stands for, worked out once: tests read millions of them. */
function numbersOf(dtype: SmallFloat): Float64Array {
  const known = decoded.get(dtype);
  if (known !== undefined) return known;
  const numbers = Float64Array.from({ length: 2 ** 16 }, (_, pattern) => decodeSmallFloat(dtype, pattern));
  decoded.set(dtype, numbers);
  return numbers;
}

function codecOf(dtype: string): Codec | undefined {
  return dtype in SMALL_FLOATS ? smallFloatCodec(dtype as SmallFloat) : PLAIN_CODECS[dtype];
}

/** Elements as little-endian bytes of the dtype. */
function encodeValues(dtype: string, values: ArrayLike<number>): Uint8Array {
  const codec = codecOf(dtype);
  if (codec === undefined) throw new Error(`give the bytes of ${dtype} tensors`);
  const bytes = new Uint8Array(values.length * codec.bytes);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) codec.set(view, i * codec.bytes, values[i]!);
  return bytes;
}

/** Elements of the dtype as numbers; empty for dtypes that have no codec here. */
export function decodeValues(dtype: string, bytes: Uint8Array): number[] {
  const codec = codecOf(dtype);
  if (codec === undefined) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Array<number>(bytes.length / codec.bytes);
  for (let i = 0; i < values.length; i++) values[i] = codec.get(view, i * codec.bytes);
  return values;
}
