/**
 * Inner products of the operands (and the base). Whatever a method does on spheres and lines through its operands ends in
 * a linear combination of them, and its coefficients follow from this matrix alone.
 */
import { OPERAND_BYTES, REDUCTION_LANES, type Slot } from '../abi.js';
import { fillOperandTable } from '../operand-table.js';
import type { Statistic } from '../statistic.js';
import type { Tile, UnitContext } from '../unit.js';
import { OrderedTotals } from './ordered-totals.js';

/** ⟨xᵢ, xⱼ⟩ in f64. */
export interface Gram {
  readonly size: number;
  /** Row-major, size², symmetric. */
  readonly products: ArrayLike<number>;
}

/** Operands that `sumProducts` takes at once; more are done in pairs of groups of half as many. */
const MOST_OPERANDS = 10;

export function dot({ size, products }: Gram, i: number, j: number): number {
  return products[i * size + j]!;
}

/** ‖xᵢ‖. */
export function norm(gram: Gram, i: number): number {
  return Math.sqrt(Math.max(0, dot(gram, i, i)));
}

/** The vectors of a Gram matrix: the operands, or the base followed by them. */
export function gramVectors({ base, operands }: Tile, withBase: boolean): readonly Slot[] {
  return withBase ? [base!, ...operands] : operands;
}

/** The statistic whose value for a unit is the `Gram` of the whole tensor; the base comes first if it takes part. */
export function gramStatistic(name: string, withBase = false): Statistic {
  return {
    name,
    scope: 'tensor',
    observation: withBase ? 'products with base' : 'products',
    typicalPasses: 1,
    observer(context) {
      const size = context.merge.operands.length + (withBase ? 1 : 0);
      const meter = productMeter(context, size);
      return {
        observe: (tile) => meter.add(gramVectors(tile, withBase), tile.count),
        finish: () => meter.take().products,
      };
    },
    collector: ({ tensors: [tensor] }) => new OrderedTotals((tensor!.operands.length + (withBase ? 1 : 0)) ** 2),
    valueForUnit: (value, _position, { operands }): Gram => ({
      size: operands.length + (withBase ? 1 : 0),
      products: value as Float64Array,
    }),
  };
}

/** Adds up inner products of `size` vectors, range by range. */
export interface ProductMeter {
  add(vectors: readonly Slot[], count: number): void;
  /** The sums since the last call. */
  take(): Gram;
}

export function productMeter({ kernels, allocate }: UnitContext, size: number): ProductMeter {
  const blocks = blocksOf(size).map((members) => ({
    members,
    table: allocate(OPERAND_BYTES * members.length),
    lanes: allocate(8 * laneCount(members.length)),
  }));
  return {
    add(vectors, count) {
      for (const { members, table, lanes } of blocks) {
        const slots = members.map((member) => vectors[member]!);
        const unused = slots.map(() => 1);
        fillOperandTable(kernels, table, slots, unused, unused);
        kernels.sumProducts(table, slots.length, count, lanes);
      }
    },
    take() {
      const products = new Float64Array(size * size);
      for (const { members, lanes } of blocks) {
        const sums = new Float64Array(kernels.memory.buffer, lanes, laneCount(members.length));
        let next = 0;
        members.forEach((i, place) => {
          for (const j of members.slice(place)) {
            const total = sums.subarray(next, next + REDUCTION_LANES).reduce((sum, lane) => sum + lane, 0);
            products[i * size + j] = total;
            products[j * size + i] = total;
            next += REDUCTION_LANES;
          }
        });
        sums.fill(0);
      }
      return { size, products };
    },
  };
}

/** f64 lanes that `sumProducts` adds to. */
const laneCount = (operands: number): number => REDUCTION_LANES * operands * operands;

/** Groups of vectors such that every pair is in one of them, at most MOST_OPERANDS each. */
function blocksOf(size: number): number[][] {
  const all = Array.from({ length: size }, (_, i) => i);
  if (size <= MOST_OPERANDS) return [all];
  const half = MOST_OPERANDS / 2;
  const groups = Array.from({ length: Math.ceil(size / half) }, (_, g) => all.slice(g * half, (g + 1) * half));
  return groups.flatMap((group, g) => groups.slice(g + 1).map((other) => [...group, ...other]));
}
