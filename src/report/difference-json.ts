/** What `m2merge diff --json` tells beside the geometry; docs/geometry-schema.md has the schema. */
import type { StructuralDifference, TensorPair } from '../checkpoint/structural-difference.js';
import type { GeometryResult } from '../geometry/result.js';

export interface StructureFields {
  readonly only_in_first: readonly string[];
  readonly only_in_second: readonly string[];
  /** By tensor, as both models have it. */
  readonly dtypes: Readonly<Record<string, readonly [string, string]>>;
  readonly shapes: Readonly<Record<string, readonly [readonly number[], readonly number[]]>>;
  /** Whether tensors of integers or truth values hold the same bytes; null where that is not known. */
  readonly carried: Readonly<Record<string, boolean | null>>;
}

export interface DifferenceResult extends GeometryResult {
  readonly structure: StructureFields;
}

export function structureFields(difference: StructuralDifference): StructureFields {
  const { onlyInFirst, onlyInSecond, otherDtypes, otherShapes, carried } = difference;
  const byName = <P extends TensorPair, V>(pairs: readonly P[], read: (pair: P) => V): Record<string, V> =>
    Object.fromEntries(pairs.map((pair) => [pair.name, read(pair)]));
  return {
    only_in_first: onlyInFirst,
    only_in_second: onlyInSecond,
    dtypes: byName(otherDtypes, ({ first, second }) => [first.dtype, second.dtype] as const),
    shapes: byName(otherShapes, ({ first, second }) => [first.shape, second.shape] as const),
    carried: byName(carried, ({ isSame }) => isSame ?? null),
  };
}
