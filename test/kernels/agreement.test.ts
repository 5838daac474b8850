/**
 * SIMD against reference, bit for bit: both run the same call on the same memory, and everything from the first slot
 * to the last guard byte is compared, as are the returned counts.
 *
 * One exception: where a call computes f32, any NaN equals any other. WebAssembly leaves the sign and payload of a
 * computed NaN open; they are settled when a result is narrowed, and there the comparison is exact.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Kernels } from '../../kernels/abi.js';
import { CALLS, CAPACITY, type Call, type Scene, type Slots } from './agreement-calls.js';
import { MATRIX_CALLS } from './agreement-matrix-calls.js';
import { anyBits, SPECIAL_BITS } from './bits.js';
import { BOTH, FIRST_SLOT } from './both-kernels.js';
import { Workspace } from './workspace.js';

/** Longer than two of the blocks (1,024 elements) that some kernels work in, with a tail. */
const LONG = 2 * 1024 + 551;

const ALL_CALLS = [...CALLS, ...MATRIX_CALLS];

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const sceneAt = (counts: fc.Arbitrary<number>): fc.Arbitrary<Scene> =>
  fc.record({
    bits: fc.array(anyBits, { minLength: CAPACITY, maxLength: CAPACITY }),
    count: counts,
    operands: fc.nat(8),
    scales: fc.array(fc.constantFrom(1, -1, 0.3, 0, 1e30, 1e-40), { minLength: 16, maxLength: 16 }),
    inPlace: fc.boolean(),
    threshold: fc.constantFrom(...SPECIAL_BITS).map((bits) => bits % 2 ** 31),
    allowance: fc.nat(CAPACITY),
    densityByte: fc.nat(255),
    densityRest: word,
    key: fc.tuple(word, word),
    firstIndex: fc.oneof(fc.nat(200), fc.integer({ min: 0, max: 2 ** 53 - CAPACITY })),
    zeroSign: fc.constantFrom(1, -1, 0),
    divide: fc.boolean(),
    factor: fc.constantFrom(1, 0.7, -1e20),
  });

/** Fills the memory for a scene. */
function prepare(kernels: Kernels, scene: Scene, entriesOfCounters: number): [Workspace, Slots] {
  const { bits, operands, scales, inPlace } = scene;
  const space = new Workspace(kernels, FIRST_SLOT);
  const capacity = Math.max(scene.count, CAPACITY);
  const source = Uint32Array.from({ length: capacity }, (_, i) => bits[i % CAPACITY]!);
  const a = space.put(source);
  const b = space.put(source.toReversed());
  const apart = space.reserve(4 * capacity);
  const entries = Array.from({ length: operands }, (_, i) => ({
    slot: i % 2 === 0 ? a : b,
    scale: scales[i]!,
    weight: scales[i + 8]!,
    selector: i % 3 === 0 ? 0 : scene.threshold,
  }));
  const table = space.putOperands(entries);
  const [counters, otherCounters] = [3, 0].map((first) => space.put(new Uint32Array(entriesOfCounters).fill(first)));
  return [space, { a, b, out: inPlace ? a : apart, apart, table, counters: counters!, otherCounters: otherCounters! }];
}

/** The bits with every NaN of the computed type made the same. */
function withoutPayloads(bits: Uint32Array, computes: Call['computes']): Uint32Array {
  if (computes === 'f32') return bits.map((one) => ((one & 0x7fff_ffff) > 0x7f80_0000 ? 0x7fc0_0000 : one));
  if (computes === undefined) return bits;
  return new Uint32Array(new Float64Array(bits.buffer).map((value) => (Number.isNaN(value) ? 0 : value)).buffer);
}

function expectAgreement({ computes, counters = 0, run }: Call, scene: Scene) {
  const [simd, reference] = BOTH.map((kernels) => {
    const [space, slots] = prepare(kernels, scene, counters);
    const returned = run(kernels, slots, scene);
    expect(space.guardsAreIntact()).toBe(true);
    const memory = space.u32(FIRST_SLOT, (slots.otherCounters - FIRST_SLOT) / 4 + counters);
    return { returned, memory: withoutPayloads(memory, computes) };
  });
  expect(simd!.returned).toBe(reference!.returned);
  expect(simd!.memory.findIndex((bits, i) => bits !== reference!.memory[i])).toBe(-1);
}

describe('SIMD agrees with the reference', () => {
  test.each(ALL_CALLS)('$name', (call) => {
    fc.assert(
      fc.property(sceneAt(fc.nat(CAPACITY)), (scene) => expectAgreement(call, scene)),
      { numRuns: 200 },
    );
  });

  test.each(ALL_CALLS)('$name at every count from 0 to 70', (call) => {
    const [scene] = fc.sample(sceneAt(fc.constant(0)), { numRuns: 1, seed: 7 });
    for (let count = 0; count <= 70; count++) {
      const operands = count % 9;
      expectAgreement(call, { ...scene!, count, operands, allowance: count % 5, firstIndex: 2 ** 33 + 3 * count });
    }
  });

  test.each(ALL_CALLS)('$name over several blocks', (call) => {
    const scenes = fc.sample(sceneAt(fc.constant(LONG)), { numRuns: 5, seed: 11 });
    for (const [i, scene] of scenes.entries()) expectAgreement(call, { ...scene, operands: i + 1 });
  });
});
