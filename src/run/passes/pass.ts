/** What a worker does with the tiles of a unit, step by step, while they are in the cache. */
import type { Kernels, Slot } from '../../../kernels/abi.js';
import type { Tile, UnitContext } from '../../../kernels/unit.js';
import type { ActionResult } from '../task.js';
import type { UnitVectors } from '../unit-vectors.js';

/** A step of a unit, as one variant sees it. */
export interface Step {
  readonly tile: Tile;
  /** First element of the step inside the tile that was read at once. */
  readonly offset: number;
}

export interface Pass {
  /**
   * Takes all that was read at once as it is stored, which spares it being widened; false to be handed the same in steps.
   */
  readonly takeStored?: ((firstIndex: number, count: number) => boolean) | undefined;
  /** Operands, by index, that it does not look at. */
  readonly unused?: ReadonlySet<number> | undefined;
  step(step: Step): void;
  /** Called when all steps of what was read at once are done; elements are counted in the tensor. */
  readonly tileDone?: ((firstIndex: number, count: number) => void) | undefined;
  finish(): ActionResult;
}

/** What a pass works with: everything it takes is taken before the first step. */
export interface PassContext {
  readonly kernels: Kernels;
  readonly unit: UnitContext;
  /** Name of the tensor. */
  readonly tensor: string;
  /** The inputs, cut down to the operands of the variant. */
  readonly vectors: UnitVectors;
  /** The same and operands, of the models `onlyMeasured`, that have no share in the merge: what its report is about. */
  readonly measured: UnitVectors;
  readonly onlyMeasured: readonly number[];
  /** Elements read at once. */
  readonly tileElements: number;
  /** Takes `bytes` of memory with unspecified content for the duration of the unit. */
  take(bytes: number): Slot;
  /** Memory under a name that all passes of the visit use, one after the other in each step. */
  scratch(name: string, bytes: number): Slot;
  /** The memory behind a slot; valid until memory grows. */
  bytes(slot: Slot, length: number): Uint8Array;
}
