/** f64 sums over what several experts changed, and over what a merge made of it. Added to; the caller zeroes them. */
import {
  ALIGNMENT_RUN,
  type Kernels,
  OPERAND,
  OPERAND_BYTES,
  REDUCTION_LANES,
  SHARED_LANES,
  type Slot,
  sharedSums,
} from '../abi.js';
import { F32 } from './formats.js';
import type { ReferenceMemory } from './memory.js';

type Sums = 'sumProducts' | 'sumSquares' | 'sumShared' | 'sumAlignment' | 'sumSurvival';

const { fround } = Math;

/** The operands' values, `count` of each. */
function operandValues(memory: ReferenceMemory, table: Slot, operands: number, count: number): Float32Array[] {
  return Array.from({ length: operands }, (_, operand) => {
    const [slot] = memory.u32(table + operand * OPERAND_BYTES + OPERAND.slot, 1);
    return memory.f32(slot!, count);
  });
}

/** Index of the pair j < k among all pairs. */
function pairOf(j: number, k: number, operands: number): number {
  return j * (operands - 1) - (j * (j - 1)) / 2 + (k - j - 1);
}

/** Calls `add` with the index of a sum and a term, for everything that one shared element contributes. */
function addTerms(x: readonly number[], members: readonly number[], add: (sum: number, term: number) => void): void {
  const operands = x.length;
  const pairs = (operands * (operands - 1)) / 2;
  members.forEach((j, rank) => {
    add(2 * pairs + j, x[j]! * x[j]!);
    for (const k of members.slice(rank + 1)) {
      const product = x[j]! * x[k]!;
      add(pairOf(j, k, operands), product);
      add(pairs + pairOf(j, k, operands), product * product);
    }
  });
}

/** P and N. */
function sidesOf(x: readonly number[], members: readonly number[]): [number, number] {
  return [
    members.reduce((sum, j) => sum + Math.max(x[j]!, 0), 0),
    members.reduce((sum, j) => sum + Math.max(-x[j]!, 0), 0),
  ];
}

/** What elements count of signs: pairs of opposite ones, then exact cancellation. */
function countSigns(x: readonly number[], members: readonly number[], counters: Uint32Array): void {
  const operands = x.length;
  members.forEach((j, rank) => {
    for (const k of members.slice(rank + 1)) {
      if (x[j]! * x[k]! < 0) counters[pairOf(j, k, operands)]! += 1;
    }
  });
  const [positive, negative] = sidesOf(x, members);
  // Infinities of both signs do not cancel.
  if (positive - negative === 0) counters[(operands * (operands - 1)) / 2]! += 1;
}

/** Adds terms (rounded to f32) to lanes of f32 for each run, and those to the f64 lanes `to`. */
function addInRuns(to: Float64Array, count: number, term: (i: number) => number): void {
  for (let begin = 0; begin < count; begin += ALIGNMENT_RUN) {
    const partial = new Float32Array(SHARED_LANES);
    for (let i = begin; i < Math.min(begin + ALIGNMENT_RUN, count); i++) partial[i % SHARED_LANES]! += fround(term(i));
    partial.forEach((sum, lane) => {
      to[lane]! += sum;
    });
  }
}

export function geometrySums(memory: ReferenceMemory): Pick<Kernels, Sums> {
  return { ...sumsOfExperts(memory), ...sumsOfMerges(memory) };
}

type MergeSums = 'sumAlignment' | 'sumSurvival';

function sumsOfExperts(memory: ReferenceMemory): Pick<Kernels, Exclude<Sums, MergeSums>> {
  return {
    sumProducts(table, operands, count, lanes) {
      const values = operandValues(memory, table, operands, count);
      let slot = lanes;
      const addPairs = (least: number, term: (product: number) => number): void => {
        for (let j = 0; j < operands; j++) {
          for (let k = j + least; k < operands; k++) {
            const to = memory.f64(slot, REDUCTION_LANES);
            for (let i = 0; i < count; i++) to[i % REDUCTION_LANES]! += term(values[j]![i]! * values[k]![i]!);
            slot += to.byteLength;
          }
        }
      };
      addPairs(0, (product) => product);
      addPairs(1, (product) => product * product);
    },
    sumSquares(source, count, lanes) {
      const [from, sums] = [memory.f32(source, count), memory.f64(lanes, REDUCTION_LANES)];
      for (let i = 0; i < count; i++) sums[i % REDUCTION_LANES]! += from[i]! * from[i]!;
    },
    sumShared(table, operands, mask, count, ranks, lanes, counters) {
      const values = operandValues(memory, table, operands, count);
      const [marks, next] = [memory.u8(mask, count), memory.u8(ranks, 1 << operands)];
      const perMask = sharedSums(operands);
      const sums = memory.f64(lanes, (perMask * SHARED_LANES) << operands);
      const counted = memory.u32(counters, (operands * (operands - 1)) / 2 + 1);
      for (let i = 0; i < count; i++) {
        const mark = marks[i]!;
        const members = values.flatMap((_, k) => (mark & (1 << k) ? [k] : []));
        if (members.length < 2) continue;
        const lane = next[mark]!;
        next[mark] = (lane + 1) % SHARED_LANES;
        const x = values.map((of) => of[i]!);
        const add = (sum: number, term: number): void => {
          sums[(mark * perMask + sum) * SHARED_LANES + lane]! += term;
        };
        addTerms(x, members, add);
        add(perMask - 1, Math.min(...sidesOf(x, members)));
        countSigns(x, members, counted);
      }
    },
  };
}

function sumsOfMerges(memory: ReferenceMemory): Pick<Kernels, MergeSums> {
  return {
    sumAlignment(table, operands, delta, written, count, lanes, counters) {
      const values = operandValues(memory, table, operands, count);
      const [merged, kept] = [memory.f32(delta, count), memory.f32(written, count)];
      const factors = [[merged, merged], [kept, kept], ...[merged, kept].flatMap((d) => values.map((x) => [d, x]))];
      for (const [sum, [left, right]] of factors.entries()) {
        const to = memory.f64(lanes + 8 * SHARED_LANES * sum, SHARED_LANES);
        addInRuns(to, count, (i) => left![i]! * right![i]!);
      }
      const zeros = memory.u32(counters, 2);
      for (let i = 0; i < count; i++) {
        if (merged[i] === 0) zeros[0]! += 1;
        else if (kept[i] === 0) zeros[1]! += 1;
      }
    },
    sumSurvival(table, operands, delta, count, lanes) {
      const d = memory.f32(delta, count);
      for (const [k, values] of operandValues(memory, table, operands, count).entries()) {
        const [selector] = memory.u32(table + k * OPERAND_BYTES + OPERAND.selector, 1);
        const bits = new Uint32Array(values.buffer, values.byteOffset, count);
        const x = values.map((value, i) => ((bits[i]! & F32.magnitude) < selector! ? 0 : value));
        const [all, against, nowhere] = [0, 1, 2].map((sum) =>
          memory.f64(lanes + 8 * SHARED_LANES * (3 * k + sum), SHARED_LANES),
        );
        addInRuns(all!, count, (i) => x[i]! * x[i]!);
        addInRuns(against!, count, (i) => (fround(x[i]! * d[i]!) < 0 ? x[i]! * x[i]! : 0));
        addInRuns(nowhere!, count, (i) => (d[i] === 0 ? x[i]! * x[i]! : 0));
      }
    },
  };
}
