/** The inputs of a unit in kernel memory, while it runs. */
import type { Slot } from '../../kernels/abi.js';
import type { StoredTile } from '../../kernels/unit.js';
import type { MergeableDtype } from '../checkpoint/dtype.js';
import type { StoredVector } from './stored-vector.js';
import type { UnitPart } from './task.js';

/** One input of a unit while it runs. */
export interface InputVector {
  readonly stored: StoredVector;
  /** Of `raw`: as stored, or f32 where an adapter changes the values as they are read. */
  readonly dtype: MergeableDtype;
  /** Stored values of one tile after the other. */
  readonly raw: Slot;
  readonly values: Slot;
  nonFinite: number;
}

/** The inputs of a unit. */
export interface UnitVectors {
  readonly base: InputVector | undefined;
  readonly operands: readonly InputVector[];
  /** Whose values the operands are differences to, itself excepted; undefined when they are values. */
  readonly origin: InputVector | undefined;
}

/** The base, if there is one, and the operands. */
function allInputs({ base, operands }: UnitVectors): readonly InputVector[] {
  return base === undefined ? operands : [base, ...operands];
}

/** The inputs with the operands of one variant only, in its order: those that it merges. */
export function vectorsOf(vectors: UnitVectors, part: UnitPart): UnitVectors {
  const { operands } = measuredVectorsOf(vectors, part);
  return { ...vectors, operands: operands.slice(0, operands.length - part.onlyMeasured.length) };
}

/** The same with those that only its report looks at. */
export function measuredVectorsOf(vectors: UnitVectors, { operands }: UnitPart): UnitVectors {
  return { ...vectors, operands: operands.map((index) => vectors.operands[index]!) };
}

/** Those inputs that somebody looks at: the base, the origin, and each operand that not all of its takers leave unused. */
export function usedInputs(
  vectors: UnitVectors,
  takers: readonly { readonly operands: readonly InputVector[]; readonly unused?: ReadonlySet<number> | undefined }[],
): readonly InputVector[] {
  const used = new Set([vectors.base, vectors.origin]);
  for (const { operands, unused } of takers) {
    for (const [k, operand] of operands.entries()) if (!unused?.has(k)) used.add(operand);
  }
  return allInputs(vectors).filter((input) => used.has(input));
}

/** Whether what is read can be worked on as it is stored. */
export function isStoredBf16(vectors: UnitVectors): boolean {
  return allInputs(vectors).every(({ dtype }) => dtype === 'BF16');
}

/** What was read at once, as it is stored. */
export function storedTile({ base, operands }: UnitVectors, firstIndex: number, count: number): StoredTile {
  return { firstIndex, count, base: base?.raw, operands: operands.map(({ raw }) => raw) };
}
