/** Connects the geometry of a unit to the vectors the unit runner holds. */
import type { Tile, UnitContext } from '../../kernels/unit.js';
import { vectorBytes } from '../../kernels/view.js';
import { bytesPerElement } from '../checkpoint/dtype.js';
import { LAST_PLACE } from '../geometry/last-place.js';
import { GeometryObserver, type StoredTile } from '../geometry/observe.js';
import type { UnitSums } from '../geometry/unit-sums.js';
import { widen } from './convert.js';
import type { InputVector, UnitVectors } from './unit-vectors.js';

export interface UnitGeometry {
  /** Takes a step; `rawElement` is its first element in the raw vectors. */
  observe(tile: Tile, rawElement: number): void;
  finish(): UnitSums;
}

/** Observes the task vectors of a unit that has a base. */
export function observeGeometry(context: UnitContext, { base, operands }: UnitVectors): UnitGeometry {
  if (base === undefined) throw new RangeError('geometry needs a base');
  const observer = new GeometryObserver({
    kernels: context.kernels,
    experts: operands.length,
    tileCapacity: context.tileCapacity,
    lastPlace: LAST_PLACE[base.stored.dtype],
    allocate: context.allocate,
  });
  const comparisons = operands.map((operand) => compareStored(context, base, operand));
  return {
    observe(tile, rawElement) {
      const stored = comparisons.map((compare) => compare(rawElement, tile.count));
      observer.observe({ count: tile.count, base: base.values, operands: tile.operands, stored });
    },
    finish: () => observer.finish(),
  };
}

type StoredPair = StoredTile['stored'][number];

/** Bits as stored where base and operand have one dtype, else as the f32 they are read as. */
function compareStored(
  context: UnitContext,
  base: InputVector,
  operand: InputVector,
): (rawElement: number, count: number) => StoredPair {
  const { dtype } = operand.stored;
  if (dtype === base.stored.dtype) {
    const width = bytesPerElement(dtype);
    return (rawElement) => ({ value: operand.raw + width * rawElement, base: base.raw + width * rawElement, width });
  }
  const values = context.allocate(vectorBytes(context));
  return (rawElement, count) => {
    widen(context.kernels, dtype, operand.raw, rawElement, values, count);
    return { value: values, base: base.values, width: 4 };
  };
}
