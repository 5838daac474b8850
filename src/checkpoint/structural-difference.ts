/**
 * How two checkpoints differ beside their numbers: as far as their headers tell, tensors that one lacks, other dtypes, other
 * shapes; and whether what is no numbers has the same bytes.
 */
import type { Checkpoint, TensorLocation } from './checkpoint.js';
import { isMergeable } from './dtype.js';
import { holdSameBytes, placedIn } from './equal-bytes.js';
import { compareUtf8 } from './order.js';

/** A tensor that both have. */
export interface TensorPair {
  readonly name: string;
  readonly first: TensorLocation;
  readonly second: TensorLocation;
}

/** A tensor that merges carry over, and whether both models have the same bytes; undefined where that is not known. */
export interface CarriedPair extends TensorPair {
  readonly isSame: boolean | undefined;
}

/** Tensors by name. */
export interface StructuralDifference {
  readonly onlyInFirst: readonly string[];
  readonly onlyInSecond: readonly string[];
  readonly otherDtypes: readonly TensorPair[];
  readonly otherShapes: readonly TensorPair[];
  /** Alike, but no numbers that merges calculate with: integers, truth values. */
  readonly carried: readonly CarriedPair[];
}

/** Compares headers, and byte by byte what is no numbers. Throws `read-short` and `file-unreadable`. */
export async function compareStructure(first: Checkpoint, second: Checkpoint): Promise<StructuralDifference> {
  const lackedBy = (one: Checkpoint, other: Checkpoint): string[] =>
    [...one.tensors.keys()].filter((name) => !other.tensors.has(name)).sort(compareUtf8);
  const pairs = [...first.tensors].flatMap(([name, location]): TensorPair[] => {
    const other = second.tensors.get(name);
    return other === undefined ? [] : [{ name, first: location, second: other }];
  });
  pairs.sort((a, b) => compareUtf8(a.name, b.name));
  const hasOtherDtype = (pair: TensorPair): boolean => pair.first.dtype !== pair.second.dtype;
  const hasOtherShape = (pair: TensorPair): boolean => `${pair.first.shape}` !== `${pair.second.shape}`;
  const carried: CarriedPair[] = [];
  for (const pair of pairs) {
    if (hasOtherDtype(pair) || hasOtherShape(pair) || isMergeable(pair.first.dtype)) continue;
    const isSame = await holdSameBytes(placedIn(first, pair.first), placedIn(second, pair.second));
    carried.push({ ...pair, isSame });
  }
  return {
    onlyInFirst: lackedBy(first, second),
    onlyInSecond: lackedBy(second, first),
    otherDtypes: pairs.filter(hasOtherDtype),
    otherShapes: pairs.filter(hasOtherShape),
    carried,
  };
}
