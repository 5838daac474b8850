import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DTYPE_BITS, DTYPES, type Dtype } from '../../src/checkpoint/dtype.js';
import { readHeader, type SafetensorsHeader } from '../../src/checkpoint/header.js';
import { isM2MergeError } from '../../src/errors.js';
import { MemorySource } from '../support/memory-source.js';
import { encodeHeader, encodeSafetensors, type TensorToWrite } from '../support/safetensors.js';

const tensor = fc
  .record({
    name: fc.string({ unit: 'binary' }).filter((name) => name !== '__metadata__' && name !== '__proto__'),
    dtype: fc.constantFrom(...DTYPES),
    // Whole bytes for every dtype, since the last dimension is a multiple of 4.
    shape: fc
      .tuple(fc.array(fc.nat(4), { maxLength: 3 }), fc.constantFrom(0, 4, 8))
      .map(([shape, last]) => [...shape, last]),
  })
  .map(({ name, dtype, shape }): TensorToWrite & { dtype: Dtype } => ({
    name,
    dtype,
    shape,
    bytes: new Uint8Array((shape.reduce((product, length) => product * length, 1) * DTYPE_BITS[dtype]) / 8),
  }));
const tensors = fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 6 });

/** What any accepted header must satisfy, checked on its own terms: ranges in the file, disjoint, gapless, right-sized. */
function expectSound(header: SafetensorsHeader, file: Uint8Array): void {
  let position = 8 + Number(Buffer.from(file).readBigUInt64LE());
  for (const { dtype, shape, elements, begin, end } of header.tensors.values()) {
    expect(begin).toBe(position);
    expect(elements).toBe(shape.reduce((product, length) => product * length, 1));
    expect((end - begin) * 8).toBe(elements * DTYPE_BITS[dtype]);
    position = end;
  }
  expect(position).toBe(file.length);
}

/** Reads the header; undefined when it is refused as it should be. */
async function readOrRefuse(file: Uint8Array): Promise<SafetensorsHeader | undefined> {
  try {
    return (await readHeader(new MemorySource(file))).header;
  } catch (error) {
    if (isM2MergeError(error, 'safetensors-invalid')) return undefined;
    throw error;
  }
}

describe('valid files', () => {
  test('are read as they were written', async () => {
    await fc.assert(
      fc.asyncProperty(tensors, fc.dictionary(fc.string(), fc.string()), async (written, metadata) => {
        const file = encodeSafetensors(written, metadata);
        const { header } = await readHeader(new MemorySource(file));
        expectSound(header, file);
        const shapes = written.map(({ name, dtype, shape }) => [name, { dtype, shape }] as const);
        expect(new Map([...header.tensors].map(([name, { dtype, shape }]) => [name, { dtype, shape }]))).toEqual(
          new Map(shapes),
        );
        expect(Object.fromEntries(header.metadata)).toEqual({ ...metadata });
      }),
    );
  });
});

describe('anything else is refused by a typed error or sound', () => {
  test('random bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), fc.boolean(), async (bytes, honest) => {
        const file = honest ? Buffer.concat([encodeHeader(''), bytes]) : Buffer.from(bytes);
        if (honest) file.writeBigUInt64LE(BigInt(bytes.length));
        const header = await readOrRefuse(file);
        if (header !== undefined) expectSound(header, file);
      }),
      { numRuns: 500 },
    );
  });

  test('valid files with some bytes changed, cut or added', async () => {
    const edit = fc.record({ at: fc.nat(), remove: fc.nat(3), insert: fc.uint8Array({ maxLength: 3 }) });
    await fc.assert(
      fc.asyncProperty(tensors, fc.array(edit, { minLength: 1, maxLength: 3 }), async (written, edits) => {
        let file = encodeSafetensors(written);
        for (const { at, remove, insert } of edits) {
          const begin = at % (file.length + 1);
          file = Buffer.concat([file.subarray(0, begin), insert, file.subarray(begin + remove)]);
        }
        const header = await readOrRefuse(file);
        if (header !== undefined) expectSound(header, file);
      }),
      { numRuns: 1000 },
    );
  });

  test('entries with arbitrary numbers in place of the right ones', async () => {
    const integer = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 65n }), fc.bigInt({ min: 0n, max: 16n }));
    const entry = fc.record({
      dtype: fc.constantFrom(...DTYPES),
      shape: fc.array(integer, { maxLength: 3 }),
      offsets: fc.tuple(integer, integer),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { minLength: 1, maxLength: 4 }), fc.nat(40), async (entries, dataBytes) => {
        const members = entries.map(
          ({ dtype, shape, offsets }, i) =>
            `"${i}":{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${offsets}]}`,
        );
        const file = Buffer.concat([encodeHeader(`{${members}}`), Buffer.alloc(dataBytes)]);
        const header = await readOrRefuse(file);
        if (header !== undefined) expectSound(header, file);
      }),
      { numRuns: 1000 },
    );
  });
});
