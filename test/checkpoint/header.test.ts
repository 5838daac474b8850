import { describe, expect, test } from 'vitest';
import { DTYPE_BITS, DTYPES } from '../../src/checkpoint/dtype.js';
import { MAX_HEADER_BYTES, parseHeader, parseLengthPrefix, readHeader } from '../../src/checkpoint/header.js';
import { type ErrorFacts, isM2MergeError } from '../../src/errors.js';
import { describeWarning } from '../../src/warnings.js';
import { MemorySource } from '../support/memory-source.js';
import { encodeHeader, encodeSafetensors } from '../support/safetensors.js';
import { ACCEPTED } from './accepted-files.js';
import { REFUSED } from './refused-files.js';

async function refusal(file: Uint8Array): Promise<ErrorFacts['safetensors-invalid']> {
  const error = await readHeader(new MemorySource(file)).catch((thrown: unknown) => thrown);
  if (!isM2MergeError(error, 'safetensors-invalid')) throw new Error(`expected a refusal, got ${error}`);
  return error.facts;
}

describe('refuses', () => {
  test.each(REFUSED)('$rule: $name', async ({ file, rule, says }) => {
    const facts = await refusal(file);
    expect(facts.rule).toBe(rule);
    expect(facts.detail).toContain(says);
    expect(facts.file).toBe('memory.safetensors');
  });

  test('names the tensor', async () => {
    const facts = await refusal(REFUSED.find(({ name }) => name === 'hole')!.file);
    expect(facts).toMatchObject({
      tensor: 'b',
      detail: 'data_offsets are [12, 20], expected a range that begins at 8',
    });
  });

  test('keeps messages short when names are long', async () => {
    const facts = await refusal(encodeHeader(`{"${'x'.repeat(1_000_000)}":{"dtype":"${'y'.repeat(1_000_000)}"}}`));
    expect(facts.tensor!.length + facts.detail.length).toBeLessThan(1000);
  });

  test('a header above the limit by its length prefix alone', () => {
    const prefix = encodeHeader('').subarray(0, 8);
    prefix.writeBigUInt64LE(BigInt(MAX_HEADER_BYTES));
    const context = { file: 'large', fileByteLength: 2 ** 40 };
    expect(parseLengthPrefix(prefix, context)).toBe(MAX_HEADER_BYTES);
    prefix.writeBigUInt64LE(BigInt(MAX_HEADER_BYTES + 1));
    expect(() => parseLengthPrefix(prefix, context)).toThrow('the limit is 100000000');
  });
});

describe('accepts', () => {
  test.each(ACCEPTED)('$name', async ({ file, tensors }) => {
    const { header } = await readHeader(new MemorySource(file));
    const dataBegin = 8 + Number(Buffer.from(file).readBigUInt64LE());
    const found = [...header.tensors].map(([name, { dtype, shape, begin, end }]) => [
      name,
      dtype,
      shape,
      begin - dataBegin,
      end - dataBegin,
    ]);
    expect(found).toEqual(tensors);
    for (const { shape, elements } of header.tensors.values()) {
      expect(elements).toBe(shape.reduce((product, length) => product * length, 1));
    }
  });

  test('every dtype, at its width', async () => {
    const tensors = DTYPES.map((dtype) => ({
      name: dtype,
      dtype,
      shape: [2, 4],
      bytes: new Uint8Array(DTYPE_BITS[dtype]),
    }));
    const { header } = await readHeader(new MemorySource(encodeSafetensors(tensors)));
    expect([...header.tensors.values()].map(({ dtype, end, begin }) => [dtype, end - begin])).toEqual(
      tensors.map(({ dtype, bytes }) => [dtype, bytes.length]),
    );
  });
});

test('warns of duplicates once', async () => {
  const entry = '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}';
  const file = encodeHeader(`{"a":${entry},"a":${entry},"a":${entry},"b":${entry},"b":${entry},"c":${entry}}`);
  const { header } = await readHeader(new MemorySource(file));
  expect(header.warnings.map(describeWarning)).toEqual([
    'memory.safetensors: the header has several entries for tensor "a" and 1 more; the last counts',
  ]);
});

test('gives metadata, of duplicate keys the last', async () => {
  const file = encodeHeader('{"__metadata__":{"format":"pt","__proto__":"x","format":"np"}}');
  const { header } = await readHeader(new MemorySource(file));
  expect([...header.metadata]).toEqual([
    ['format', 'np'],
    ['__proto__', 'x'],
  ]);
});

test('reads the prefix and the header, never a tensor, and returns both', async () => {
  const file = encodeSafetensors([{ name: 't', dtype: 'F32', shape: [1000], values: new Float32Array(1000) }]);
  const source = new MemorySource(file);
  const { bytes } = await readHeader(source);
  expect(Buffer.from(bytes)).toEqual(file.subarray(0, file.length - 4000));
  expect(source.bytesRead).toBeLessThanOrEqual(bytes.length + 8);
});

test('parses a header that lies inside a larger buffer', () => {
  const file = encodeSafetensors([{ name: 't', dtype: 'U8', shape: [3], values: [1, 2, 3] }]);
  const header = parseHeader(file.subarray(8, file.length - 3), { file: 'inside', fileByteLength: file.length });
  expect(header.tensors.get('t')).toEqual({
    dtype: 'U8',
    shape: [3],
    elements: 3,
    begin: file.length - 3,
    end: file.length,
  });
});
