/**
 * DELLA's mask on rows like those of real updates: a few magnitudes have most of the elements, a tail of others comes and
 * goes from row to row, and a few are no bf16. Both kernels draw the same bits.
 */
import { expect, test } from 'vitest';
import type { Kernels } from '../../kernels/abi.js';
import { createReferenceKernels } from '../../kernels/reference/index.js';
import { createSimdKernels } from './simd-kernels.js';
import { Workspace } from './workspace.js';

/** Bits of an element of a row. */
type Element = (row: number, column: number) => number;

/** Numbers without a pattern: the finalizer of MurmurHash3. */
function scramble(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function drawn(kernels: Kernels, rows: number, rowElements: number, element: Element): Uint8Array {
  const space = new Workspace(kernels);
  const count = rows * rowElements;
  const bits = Uint32Array.from({ length: count }, (_, i) => element(Math.floor(i / rowElements), i % rowElements));
  const source = space.put(bits);
  const scratch = space.reserve(count + 18 * rowElements + 64);
  const mask = space.reserve(Math.ceil(count / 8));
  kernels.drawRankedMask(source, rows, rowElements, 0.25, 0.55, 11, 12, 1000, scratch, mask);
  expect(space.guardsAreIntact()).toBe(true);
  return space.u8(mask, Math.ceil(count / 8)).slice();
}

/** Two draws, since what kernels learn from one they use in the next. */
function expectAgreement(rows: number, rowElements: number, element: Element): void {
  const [simd, reference] = [createSimdKernels(), createReferenceKernels()];
  for (const shift of [0, 1]) {
    const other: Element = (row, column) => element(row + shift, column);
    const [found, expected] = [simd, reference].map((kernels) => drawn(kernels, rows, rowElements, other));
    expect(Buffer.compare(found!, expected!)).toBe(0);
    expect(expected!.some((byte) => byte !== 0)).toBe(true);
  }
}

/** Half zeros; the others mostly one of three magnitudes, which change every `period` rows. */
function update(period: number): Element {
  return (row, column) => {
    const random = scramble(row * 65_537 + column);
    const sign = random & 0x8000_0000;
    const binade = 0x3700_0000 + 0x80_0000 * (Math.floor(row / period) % 5);
    const kind = (random >>> 8) % 64;
    if (kind < 32) return sign;
    if (kind < 46) return sign | binade;
    if (kind < 55) return sign | (binade + 0x80_0000);
    if (kind < 60) return sign | (binade - 0x80_0000);
    // Of the tail: what comes in any row, and what is no bf16.
    if (kind < 63) return sign | (binade + 0x1_0000 * (random & 0xff));
    return sign | (binade + (random & 0xff_ffff));
  };
}

const KINDS: readonly (readonly [name: string, rows: number, rowElements: number, element: Element])[] = [
  ['of a tile', 8, 1024, update(100)],
  ['whose most frequent magnitudes change', 40, 200, update(3)],
  ['of a length that fills no vector', 30, 77, update(9)],
  ['with rows between them in which too many differ', 12, 700, mixed(update(4))],
  [
    'of more equal elements than 16-bit lanes count',
    1,
    600_000,
    (_row, column) => (column % 50 ? 0x3800_0000 : 0x3700_0000),
  ],
];

test.each(KINDS)('DELLA masks rows %s alike', (_name, rows, rowElements, element) => {
  expectAgreement(rows, rowElements, element);
});

function mixed(element: Element): Element {
  return (row, column) =>
    row % 4 === 2 ? 0x3c00_0000 + 0x1_0000 * (scramble(row * 1000 + column) % 600) : element(row, column);
}
