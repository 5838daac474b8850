/** Which operands touch an element, and what they make of it. */
import { type Kernels, OPERAND, OPERAND_BYTES, type Slot } from '../abi.js';
import type { ReferenceMemory } from './memory.js';

type Overlap = 'clampMagnitude' | 'keepAgreeing' | 'overlapMean' | 'countOverlap';

const { fround } = Math;

interface TableEntry {
  readonly values: Float32Array;
  readonly scale: number;
}

export function overlap(memory: ReferenceMemory): Pick<Kernels, Overlap> {
  const entriesOf = (table: Slot, operands: number, count: number): TableEntry[] =>
    Array.from({ length: operands }, (_, operand) => {
      const entry = table + operand * OPERAND_BYTES;
      const [slot] = memory.u32(entry + OPERAND.slot, 1);
      const [scale] = memory.f32(entry + OPERAND.scale, 1);
      return { values: memory.f32(slot!, count), scale: scale! };
    });
  const activeAt = (entries: readonly TableEntry[], i: number): number =>
    entries.filter(({ values }) => values[i] !== 0).length;
  return {
    clampMagnitude(source, limit, destination, count) {
      const [from, to] = [memory.f32(source, count), memory.f32(destination, count)];
      const bound = fround(limit);
      for (let i = 0; i < count; i++) {
        const x = from[i]!;
        to[i] = x > bound ? bound : Math.max(x, -bound);
      }
    },
    keepAgreeing(source, direction, destination, count) {
      const [from, guide, to] = [source, direction, destination].map((slot) => memory.f32(slot, count));
      for (let i = 0; i < count; i++) {
        const x = from![i]!;
        to![i] = (guide![i]! < 0 ? x < 0 : x > 0) ? x : 0;
      }
    },
    overlapMean(table, operands, destination, count) {
      const entries = entriesOf(table, operands, count);
      const to = memory.f32(destination, count);
      for (let i = 0; i < count; i++) {
        const active = activeAt(entries, i);
        const sum = entries.reduce((total, { values }) => fround(total + values[i]!), 0);
        const scaled = entries.reduce((total, { values, scale }) => fround(total + fround(values[i]! * scale)), 0);
        to[i] = active === 1 ? scaled : sum / Math.max(active, 1);
      }
    },
    countOverlap(table, operands, count, counters) {
      const entries = entriesOf(table, operands, count);
      const totals = memory.u32(counters, 2 * operands);
      for (let i = 0; i < count; i++) {
        const shared = activeAt(entries, i) === 1 ? 0 : 1;
        entries.forEach(({ values }, operand) => {
          if (values[i] !== 0) totals[2 * operand + shared]! += 1;
        });
      }
    },
  };
}
