/** Connects the geometry of a unit to the vectors the unit runner holds. */
import type { Slot } from '../../kernels/abi.js';
import type { Tile, UnitContext } from '../../kernels/unit.js';
import { vectorBytes } from '../../kernels/view.js';
import { bytesPerElement } from '../checkpoint/dtype.js';
import { AccountObserver } from '../geometry/accounting.js';
import { LAST_PLACE } from '../geometry/last-place.js';
import { GeometryObserver, type StoredTile } from '../geometry/observe.js';
import type { UnitSums } from '../geometry/unit-sums.js';
import { widen, widenDifference } from './convert.js';
import type { OutputVector, UnitReport } from './task.js';
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

export interface UnitReporter {
  /** Takes a step before its result overwrites anything: task vectors, and the merged change in f32. */
  observe(tile: Tile, rawElement: number, delta: Slot): void;
  /** Takes the same step as it was written, `raw` being the slot of its stored values. */
  written(tile: Tile, raw: Slot): void;
  finish(): UnitReport;
}

/** Reports on a unit while it is merged. `delta` is copied, since the engine adds the base to it in place. */
export function reportUnit(context: UnitContext, vectors: UnitVectors, output: OutputVector): UnitReporter {
  const { kernels } = context;
  const geometry = observeGeometry(context, vectors);
  const base = vectors.base!.values;
  const copy = context.allocate(vectorBytes(context));
  const change = context.allocate(vectorBytes(context));
  const account = new AccountObserver({
    kernels,
    experts: vectors.operands.length,
    vectorBytes: vectorBytes(context),
    allocate: context.allocate,
  });
  return {
    observe(tile, rawElement, delta) {
      geometry.observe(tile, rawElement);
      kernels.widenF32(delta, copy, tile.count);
    },
    written(tile, raw) {
      widenDifference(kernels, output.dtype, raw, 0, base, change, tile.count);
      account.observe({ count: tile.count, operands: tile.operands, delta: copy, written: change });
    },
    finish: () => ({ sums: geometry.finish(), account: account.finish() }),
  };
}
