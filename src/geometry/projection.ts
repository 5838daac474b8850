/**
 * Random projection of task vectors: every element of the model is added, with a random sign, to one of a few
 * coordinates (a count sketch). Inner products keep their expectation; a cosine of orthogonal vectors is off by
 * 1/√dimensions, as it is after the dense projection of M2RL, at a fraction of its cost.
 */
import type { Kernels, Slot } from '../../kernels/abi.js';
import { M2MergeError } from '../errors.js';
import { expertPairs } from './expert-pairs.js';
import { ratio } from './metrics.js';
import type { ProjectionGeometry } from './result.js';

/** M2RL's dimensions. */
export const PROJECTION_DIMENSIONS = 256;

/** A unit sends 8 bytes for each dimension and expert; with so many, the standard error of a cosine is 0.004. */
const MOST_DIMENSIONS = 65_536;

/** Throws `usage` for a number of dimensions that cannot be. */
export function checkDimensions(dimensions: number | undefined): void {
  if (dimensions === undefined) return;
  if (Number.isInteger(dimensions) && dimensions > 0 && dimensions <= MOST_DIMENSIONS) return;
  const message = `projection to ${dimensions} dimensions, expected a whole number from 1 to ${MOST_DIMENSIONS}`;
  throw new M2MergeError('usage', { message });
}

/** What a unit is asked for. */
export interface ProjectionWish {
  readonly dimensions: number;
  /** Key of the tensor's random numbers. */
  readonly key: readonly [low: number, high: number];
}

/** 32 random bits of an element, a hash of its index: the finalizer of MurmurHash3, which every bit of the input reaches. */
export function randomBits(index: number, [low, high]: ProjectionWish['key']): number {
  let bits = (index ^ low ^ Math.imul(Math.floor(index / 2 ** 32) ^ high, 0x9e37_79b1)) >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Projects one unit, element by element. */
export class ProjectionObserver {
  readonly #kernels: Kernels;
  readonly #wish: ProjectionWish;
  readonly #sums: readonly Float64Array[];

  constructor({ kernels, experts }: { readonly kernels: Kernels; readonly experts: number }, wish: ProjectionWish) {
    this.#kernels = kernels;
    this.#wish = wish;
    this.#sums = Array.from({ length: experts }, () => new Float64Array(wish.dimensions));
  }

  observe(firstIndex: number, count: number, operands: readonly Slot[]): void {
    const { dimensions, key } = this.#wish;
    const values = operands.map((slot) => new Float32Array(this.#kernels.memory.buffer, slot, count));
    for (let i = 0; i < count; i++) {
      let draw = -1;
      for (let expert = 0; expert < values.length; expert++) {
        const x = values[expert]![i]!;
        if (x === 0) continue;
        if (draw < 0) draw = randomBits(firstIndex + i, key);
        this.#sums[expert]![(draw >>> 1) % dimensions]! += draw & 1 ? -x : x;
      }
    }
  }

  finish(): readonly Float64Array[] {
    return this.#sums;
  }
}

/** Cosines of what was projected; `vectors` by expert. */
export function projectionGeometry(vectors: readonly Float64Array[], names: readonly string[]): ProjectionGeometry {
  const dimensions = vectors[0]!.length;
  const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  const cosines = expertPairs(names).map(({ key, first, second }) => {
    const [a, b] = [vectors[names.indexOf(first)]!, vectors[names.indexOf(second)]!];
    return [key, ratio(dot(a, b), Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b)))] as const;
  });
  return { dimensions, standard_error: 1 / Math.sqrt(dimensions), cosine: Object.fromEntries(cosines) };
}
