/** The calls of agreement-calls.ts that work on matrices: by columns, with directions, and products. */
import type { Kernels } from '../../kernels/abi.js';
import { CAPACITY, type Call, type Scene, type Slots } from './agreement-calls.js';

export const MATRIX_CALLS: readonly Call[] = [
  {
    name: 'multiplyMatrices',
    computes: 'f64',
    counters: 2 * 72,
    run: (k, at, s) => k.multiplyMatrices(at.a, at.b, 2 + s.operands, 5, 7, s.operands % 4, at.counters),
  },
  {
    name: 'orthonormalize',
    computes: 'f64',
    counters: 3 * CAPACITY,
    run: (k, at, s) => {
      const [count, length] = [1 + s.operands, Math.min(s.count, 17)];
      k.orthonormalize(directionsOf(k, at, count * length), count, length);
    },
  },
  {
    name: 'addInnerProducts',
    computes: 'f64',
    counters: 2 * 64,
    run: (k, at, s) => k.addInnerProducts(at.a, at.b, Math.floor(s.count / 16), s.operands, at.counters),
  },
  {
    name: 'addColumnProducts',
    computes: 'f64',
    counters: 120,
    run: (k, at, s) => k.addColumnProducts(at.a, at.b, s.count, 1, 2 + s.operands, at.counters),
  },
  {
    name: 'combineColumns',
    computes: 'f32',
    counters: 120,
    run: (k, at, s) => k.combineColumns(at.a, at.b, s.count, 1, 2 + s.operands, at.counters, at.out),
  },
  {
    name: 'multiplyDirections',
    computes: 'f64',
    counters: 3 * CAPACITY,
    run: (k, at, s) => {
      const { columns, rows } = placeMatrix(s);
      const directions = directionsOf(k, at, columns * s.operands);
      k.multiplyDirections(at.a, rows, columns, directions, s.operands, at.counters);
    },
  },
  {
    name: 'multiplyGram',
    computes: 'f64',
    counters: 3 * CAPACITY,
    run: (k, at, s) => {
      const { columns, rows } = placeMatrix(s);
      k.multiplyGram(at.a, rows, columns, directionsOf(k, at, columns), at.counters);
    },
  },
  {
    name: 'addDirections',
    computes: 'f32',
    counters: 3 * CAPACITY,
    run: (k, at, s) => {
      const { columns, rows } = placeMatrix(s);
      const directions = directionsOf(k, at, columns * s.operands);
      k.addDirections(at.out, rows, columns, at.counters, directions, s.operands);
    },
  },
];

/** A matrix of few rows, some of them longer than a vector and none a multiple of it for all operands. */
function placeMatrix(s: Scene) {
  const columns = 3 + 2 * s.operands + (s.allowance % 2);
  return { columns, rows: Math.min(17, Math.floor(s.count / columns)) };
}

/** Directions of any numbers in f64, in place of the counters. */
function directionsOf(k: Kernels, at: Slots, count: number): number {
  const values = new Float64Array(k.memory.buffer, at.otherCounters, count);
  const source = new Float32Array(k.memory.buffer, at.b, CAPACITY);
  values.forEach((_, i) => {
    values[i] = source[i % CAPACITY]! / 3;
  });
  return at.otherCounters;
}
