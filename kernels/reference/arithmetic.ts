/**
 * f32 arithmetic element by element and across operands. Every operation is rounded to f32 at once: an f64 result of
 * two f32 operands rounded to f32 is the correctly rounded f32 result for +, −, × and ÷.
 */
import type { Kernels, Slot } from '../abi.js';
import { OPERAND, OPERAND_BYTES } from '../abi.js';
import { F32 } from './formats.js';
import type { ReferenceMemory } from './memory.js';

type Arithmetic = 'add' | 'subtract' | 'weightedSum' | 'electedSum' | 'signBalance';

const { fround } = Math;

/** Below this |W| the merge does not divide. An f32, as the comparison is one of f32. */
export const SMALLEST_DIVISOR = fround(1e-8);

/** An operand as a kernel sees it. */
export interface OperandView {
  readonly values: Float32Array;
  readonly scale: number;
  readonly weight: number;
}

/** With `selects`, what the operands' selectors drop is +0. */
function operandViews(
  memory: ReferenceMemory,
  table: Slot,
  operands: number,
  count: number,
  selects = false,
): OperandView[] {
  const entries = new DataView(memory.buffer, table, operands * OPERAND_BYTES);
  return Array.from({ length: operands }, (_, operand) => {
    const at = operand * OPERAND_BYTES;
    const slot = entries.getUint32(at + OPERAND.slot, true);
    return {
      values: selects
        ? selected(memory, slot, count, entries.getUint32(at + OPERAND.selector, true))
        : memory.f32(slot, count),
      scale: entries.getFloat32(at + OPERAND.scale, true),
      weight: entries.getFloat32(at + OPERAND.weight, true),
    };
  });
}

/** A copy in which elements whose magnitude bits are below the selector are +0. */
function selected(memory: ReferenceMemory, slot: Slot, count: number, selector: number): Float32Array {
  const bits = memory.u32(slot, count).map((x) => ((x & F32.magnitude) >= selector ? x : 0));
  return new Float32Array(bits.buffer);
}

function scaled({ values, scale }: OperandView, i: number): number {
  return fround(scale * values[i]!);
}

/** Σ scale·x of element `i`, in order. */
export function scaledSum(operands: readonly OperandView[], i: number): number {
  if (operands.length === 0) return 0;
  let sum = scaled(operands[0]!, i);
  for (let operand = 1; operand < operands.length; operand++) sum = fround(sum + scaled(operands[operand]!, i));
  return sum;
}

/** 1, −1 or 0; ±0 and NaN have the sign `zeroSign`. */
function signOf(sum: number, zeroSign: number): number {
  if (sum > 0) return 1;
  if (sum < 0) return -1;
  return zeroSign;
}

/** N, or N / W, of element `i` over the operands whose p has the sign `elected`. A NaN has none and never agrees. */
function agreeingSum(operands: readonly OperandView[], i: number, elected: number, divide: boolean): number {
  let merged = 0;
  let weight = 0;
  for (const operand of operands) {
    const p = scaled(operand, i);
    if (elected > 0 ? !(p > 0) : !(elected < 0 && p < 0)) continue;
    merged = fround(merged + p);
    weight = fround(weight + operand.weight);
  }
  if (!divide) return merged;
  return fround(merged / (Math.abs(weight) < SMALLEST_DIVISOR ? 1 : weight));
}

/** The merge of element `i` of the operands, whose scaled sum is `sum`. */
export function electedMean(
  operands: readonly OperandView[],
  i: number,
  sum: number,
  { zeroSign, divide, factor }: { readonly zeroSign: number; readonly divide: boolean; readonly factor: number },
): number {
  // Adding +0 makes every zero +0.
  return fround(fround(factor) * agreeingSum(operands, i, signOf(sum, zeroSign), divide)) + 0;
}

export function arithmetic(memory: ReferenceMemory): Pick<Kernels, Arithmetic> {
  return {
    subtract(destination, a, b, count) {
      const [to, left, right] = [memory.f32(destination, count), memory.f32(a, count), memory.f32(b, count)];
      for (let i = 0; i < count; i++) to[i] = left[i]! - right[i]!;
    },
    add(destination, a, b, count) {
      const [to, left, right] = [memory.f32(destination, count), memory.f32(a, count), memory.f32(b, count)];
      for (let i = 0; i < count; i++) to[i] = left[i]! + right[i]!;
    },
    weightedSum(table, operands, destination, count) {
      const views = operandViews(memory, table, operands, count);
      const to = memory.f32(destination, count);
      for (let i = 0; i < count; i++) to[i] = scaledSum(views, i);
    },
    electedSum(table, operands, destination, count, zeroSign, divide, factor, selects) {
      const views = operandViews(memory, table, operands, count, selects);
      const to = memory.f32(destination, count);
      const rule = { zeroSign, divide, factor };
      for (let i = 0; i < count; i++) to[i] = electedMean(views, i, scaledSum(views, i), rule);
    },
    signBalance(table, operands, count) {
      const views = operandViews(memory, table, operands, count);
      let balance = 0;
      for (let i = 0; i < count; i++) balance += signOf(scaledSum(views, i), 0);
      return balance;
    },
  };
}
