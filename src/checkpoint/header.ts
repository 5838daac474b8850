/** The header of a safetensors file, held to every rule that the reference implementation enforces, in its order. */
import type { ByteSource } from '../io/source.js';
import { type Warning, warning } from '../warnings.js';
import { DTYPE_BITS, type Dtype } from './dtype.js';
import { type HeaderEntry, readEntries } from './header-entries.js';
import { decodeUtf8, toU64, type U64 } from './json-scanner.js';
import { shorten, type Violation, violationsIn } from './safetensors-rules.js';

/** The header's length as an unsigned 64-bit little-endian integer, before the header itself. */
export const LENGTH_PREFIX_BYTES = 8;

/** Longest header the format allows, without its length prefix. */
export const MAX_HEADER_BYTES = 100_000_000;

const MAX_U64 = 2n ** 64n - 1n;

/** One tensor of a file. */
export interface HeaderTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Product of the shape; 1 for a scalar. */
  readonly elements: number;
  /** Absolute byte range [begin, end) in the file. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** The file's `__metadata__`; empty when it has none. */
  readonly metadata: ReadonlyMap<string, string>;
  /** By begin, then end. The ranges are disjoint and cover the file from the header to its end. */
  readonly tensors: ReadonlyMap<string, HeaderTensor>;
  /** At most one `duplicate-tensor`. */
  readonly warnings: readonly Warning[];
}

/** What a header is checked against. */
export interface HeaderContext {
  /** The file's name, for messages. */
  readonly file: string;
  /** Bytes of the whole file. */
  readonly fileByteLength: number;
}

/** A header and the bytes it was read from: the length prefix and the JSON, owned by the caller. */
export interface HeaderReading {
  readonly header: SafetensorsHeader;
  readonly bytes: Uint8Array;
}

/** Reads and checks a file's header. Throws `safetensors-invalid`, and whatever the source throws. */
export async function readHeader(source: ByteSource): Promise<HeaderReading> {
  const bytes = await readHeaderBytes(source);
  return { header: parsePrefixed(bytes, source), bytes };
}

/** The bytes of a file's header with its length prefix, of which only the length is checked. Throws as `readHeader` does. */
export async function readHeaderBytes(source: ByteSource): Promise<Uint8Array> {
  const prefix = new Uint8Array(LENGTH_PREFIX_BYTES);
  await source.read(0, Math.min(LENGTH_PREFIX_BYTES, source.byteLength), prefix);
  const end = LENGTH_PREFIX_BYTES + parseLengthPrefix(prefix, contextOf(source));
  const bytes = new Uint8Array(end);
  await source.read(0, end, bytes);
  return bytes;
}

/** Checks what `readHeaderBytes` has read of a source. Throws `safetensors-invalid`. */
export function parsePrefixed(bytes: Uint8Array, source: ByteSource): SafetensorsHeader {
  return parseHeader(bytes.subarray(LENGTH_PREFIX_BYTES), contextOf(source));
}

function contextOf({ name, byteLength }: ByteSource): HeaderContext {
  return { file: name, fileByteLength: byteLength };
}

/**
 * The header's length in bytes, from the file's first 8 bytes (rules HeaderTooSmall, HeaderTooLarge and
 * InvalidHeaderLength). At most `MAX_HEADER_BYTES`, and inside the file.
 */
export function parseLengthPrefix(prefix: Uint8Array, { file, fileByteLength }: HeaderContext): number {
  const violation = violationsIn(file);
  if (fileByteLength < LENGTH_PREFIX_BYTES) {
    throw violation(
      'HeaderTooSmall',
      `the file has ${fileByteLength} bytes, a length prefix takes ${LENGTH_PREFIX_BYTES}`,
    );
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, LENGTH_PREFIX_BYTES).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    throw violation('HeaderTooLarge', `the header is said to have ${length} bytes, the limit is ${MAX_HEADER_BYTES}`);
  }
  if (Number(length) > fileByteLength - LENGTH_PREFIX_BYTES) {
    const present = fileByteLength - LENGTH_PREFIX_BYTES;
    throw violation(
      'InvalidHeaderLength',
      `the header is said to have ${length} bytes, the file has ${present} after its prefix`,
    );
  }
  return Number(length);
}

/**
 * Checks a header and locates its tensors. `headerBytes` is the JSON without the length prefix, of the prefix's length.
 * Throws `safetensors-invalid`. Stricter than the reference in three things that no writer does: entries that are not
 * objects, more dimensions than `MAX_DIMENSIONS`, and dimensions above 2^53 − 1 of empty tensors are refused.
 */
export function parseHeader(headerBytes: Uint8Array, { file, fileByteLength }: HeaderContext): SafetensorsHeader {
  const violation = violationsIn(file);
  const text = decodeUtf8(headerBytes);
  if (text === undefined) throw violation('InvalidHeader', 'the header is not valid UTF-8');
  const { metadata, entries, duplicates } = readEntries(text, violation);
  const ordered = [...entries].sort(([, a], [, b]) => compareU64(a.begin, b.begin) || compareU64(a.end, b.end));
  const dataBegin = LENGTH_PREFIX_BYTES + headerBytes.byteLength;
  checkRanges(ordered, violation);
  checkCoverage(ordered.at(-1)?.[1].end ?? 0, dataBegin, fileByteLength, violation);
  const tensors = new Map(ordered.map(([name, entry]) => [name, locate(name, entry, dataBegin, violation)] as const));
  return { metadata, tensors, warnings: duplicateWarnings(file, duplicates) };
}

function compareU64(a: U64, b: U64): number {
  if (a < b) return -1;
  return a > b ? 1 : 0;
}

/** Checks that each tensor begins where the one before it ended and is as long as its dtype and shape say. */
function checkRanges(ordered: readonly (readonly [string, HeaderEntry])[], violation: Violation): void {
  let expectedBegin: U64 = 0;
  for (const [name, entry] of ordered) {
    const { begin, end } = entry;
    if (begin !== expectedBegin || end < begin) {
      const detail = `data_offsets are [${begin}, ${end}], expected a range that begins at ${expectedBegin}`;
      throw violation('InvalidOffset', detail, name);
    }
    const expectedBytes = expectedByteLength(name, entry, violation);
    const bytes = difference(end, begin);
    if (bytes !== expectedBytes) {
      const detail = `data_offsets [${begin}, ${end}] hold ${bytes} bytes, ${describe(entry)} has ${expectedBytes}`;
      throw violation('TensorInvalidInfo', detail, name);
    }
    expectedBegin = end;
  }
}

function expectedByteLength(name: string, entry: HeaderEntry, violation: Violation): U64 {
  const bits = checkedProduct([...entry.shape, DTYPE_BITS[entry.dtype]]);
  if (bits === undefined)
    throw violation('ValidationOverflow', `the size of ${describe(entry)} exceeds 2^64 - 1 bits`, name);
  const isWhole = typeof bits === 'number' ? bits % 8 === 0 : bits % 8n === 0n;
  if (!isWhole) throw violation('MisalignedSlice', `${describe(entry)} has ${bits} bits, not whole bytes`, name);
  return typeof bits === 'number' ? bits / 8 : toU64(bits / 8n);
}

/** The product, or undefined when it or an intermediate product, from left to right, exceeds 2^64 − 1. */
function checkedProduct(factors: readonly U64[]): U64 | undefined {
  let product: U64 = 1;
  for (const factor of factors) {
    // Rounded factors are beyond 2^53, and so is what comes out, unless the other is zero.
    const rounded: number = Number(product) * Number(factor);
    if (rounded <= Number.MAX_SAFE_INTEGER) {
      product = rounded;
      continue;
    }
    const exact: bigint = BigInt(product) * BigInt(factor);
    if (exact > MAX_U64) return undefined;
    product = toU64(exact);
  }
  return product;
}

/** `a` − `b`, of which `b` is not the greater one. */
function difference(a: U64, b: U64): U64 {
  return typeof a === 'number' && typeof b === 'number' ? a - b : toU64(BigInt(a) - BigInt(b));
}

function checkCoverage(dataByteLength: U64, dataBegin: number, fileByteLength: number, violation: Violation): void {
  const expected = BigInt(dataByteLength) + BigInt(dataBegin);
  if (expected === BigInt(fileByteLength)) return;
  throw violation(
    'MetadataIncompleteBuffer',
    `the header and its tensors take ${expected} bytes, the file has ${fileByteLength}`,
  );
}

/** Makes offsets absolute. They and the element count fit a number exactly, since the file's length does. */
function locate(name: string, entry: HeaderEntry, dataBegin: number, violation: Violation): HeaderTensor {
  const shape = entry.shape.map((length) => {
    if (typeof length === 'number') return length;
    throw violation('ValidationOverflow', `dimension ${length} exceeds 2^53 - 1`, name);
  });
  return {
    dtype: entry.dtype,
    shape,
    elements: Number(checkedProduct(entry.shape)),
    begin: dataBegin + Number(entry.begin),
    end: dataBegin + Number(entry.end),
  };
}

function describe({ dtype, shape }: HeaderEntry): string {
  return `${dtype} [${shape.join(', ')}]`;
}

function duplicateWarnings(file: string, duplicates: ReadonlySet<string>): Warning[] {
  const [tensor] = duplicates;
  if (tensor === undefined) return [];
  return [warning('duplicate-tensor', { file, tensor: shorten(tensor), count: duplicates.size })];
}
