/** How two checkpoints differ as far as their headers tell: tensors that one lacks, other dtypes, other shapes. */
import type { Checkpoint, TensorLocation } from './checkpoint.js';
import { isMergeable } from './dtype.js';
import { compareUtf8 } from './order.js';

/** A tensor that both have. */
export interface TensorPair {
  readonly name: string;
  readonly first: TensorLocation;
  readonly second: TensorLocation;
}

/** Tensors by name. */
export interface HeaderDifference {
  readonly onlyInFirst: readonly string[];
  readonly onlyInSecond: readonly string[];
  readonly otherDtypes: readonly TensorPair[];
  readonly otherShapes: readonly TensorPair[];
  /** Alike, but no numbers that merges calculate with: integers, truth values. */
  readonly carried: readonly TensorPair[];
}

export function compareHeaders(first: Checkpoint, second: Checkpoint): HeaderDifference {
  const lackedBy = (one: Checkpoint, other: Checkpoint): string[] =>
    [...one.tensors.keys()].filter((name) => !other.tensors.has(name)).sort(compareUtf8);
  const pairs = [...first.tensors].flatMap(([name, location]): TensorPair[] => {
    const other = second.tensors.get(name);
    return other === undefined ? [] : [{ name, first: location, second: other }];
  });
  pairs.sort((a, b) => compareUtf8(a.name, b.name));
  const hasOtherDtype = (pair: TensorPair): boolean => pair.first.dtype !== pair.second.dtype;
  const hasOtherShape = (pair: TensorPair): boolean => `${pair.first.shape}` !== `${pair.second.shape}`;
  return {
    onlyInFirst: lackedBy(first, second),
    onlyInSecond: lackedBy(second, first),
    otherDtypes: pairs.filter(hasOtherDtype),
    otherShapes: pairs.filter(hasOtherShape),
    carried: pairs.filter((pair) => !hasOtherDtype(pair) && !hasOtherShape(pair) && !isMergeable(pair.first.dtype)),
  };
}
