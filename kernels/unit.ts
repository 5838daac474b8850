/**
 * What arithmetic sees of a merge: tensors as operands with settings, cut into units and tiles. Slots of f32 and
 * numbers, never files, folder names or time, so threads, tiles and order cannot change a result.
 */
import type { Kernels, Slot } from './abi.js';
import type { Settings } from './parameters.js';

/** What one model contributes to one tensor. */
export interface Operand {
  /** Index of the model in the recipe, the same for all tensors. */
  readonly model: number;
  /** Resolved per-model parameters. */
  readonly settings: Settings;
  /** Key of the operand's random numbers for this tensor: two u32 from seed, model and tensor name. */
  readonly randomKey: readonly [low: number, high: number];
}

/** What operands and results are: values of models, or differences to a base. */
export type Space = 'weights' | 'taskVectors';

/** One tensor's merge: everything about it that is the same for all its tiles. */
export interface TensorMerge {
  /** Elements of the whole tensor. */
  readonly elements: number;
  /** Dimensions of the whole tensor, row-major; empty for a scalar. */
  readonly shape: readonly number[];
  /** What the operands are: the models' values, or their differences to the base. */
  readonly space: Space;
  readonly operands: readonly Operand[];
  /** Resolved per-merge parameters. */
  readonly settings: Settings;
}

/** Consecutive elements of one tensor, in kernel memory. Slots are the engine's; operands must not be written to. */
export interface Tile {
  /** Flat index of the first element. */
  readonly firstIndex: number;
  readonly count: number;
  /** f32 per operand: the weights (see also `Method.anchored`), or the task vectors, as `TensorMerge.space` says. */
  readonly operands: readonly Slot[];
  /** f32 values of the base, which must not be written to; undefined without one. */
  readonly base: Slot | undefined;
}

/** What a method works with inside one unit (a run of consecutive tiles of one tensor, done by one worker in order). */
export interface UnitContext {
  readonly kernels: Kernels;
  readonly merge: TensorMerge;
  /** What each statistic of the method concluded so far for this unit, by statistic name. */
  readonly statistics: Readonly<Record<string, unknown>>;
  /**
   * Flat index of the unit's first element; its tiles begin at this plus a multiple of 64, and at the beginning of a row
   * when the method asks for whole rows.
   */
  readonly firstIndex: number;
  /** Elements of the unit. */
  readonly count: number;
  /** Elements of the longest tile. */
  readonly tileCapacity: number;
  /**
   * Takes `bytes` of zeroed kernel memory for the duration of the unit. All allocations happen before the first tile.
   */
  allocate(bytes: number): Slot;
  /**
   * Takes `bytes` of kernel memory for what the unit's next pass can use again. Whoever takes memory that is not filled
   * fills it in the course of the pass; `name` stands for the same content in all passes of a unit.
   */
  keep(name: string, bytes: number): KeptMemory;
  /**
   * Takes `bytes` of kernel memory in common with the variants that are merged along and differ in nothing but the values
   * of the merge's settings in `apartFrom`. The first of them fills it for each tile before the others look at it.
   */
  share(apartFrom: readonly string[], bytes: number): SharedMemory;
}

/** Memory that may outlive a pass. */
export interface KeptMemory {
  readonly slot: Slot;
  /** Whether an earlier pass left its content here; otherwise it is unspecified. */
  readonly filled: boolean;
}

/** Memory that variants have in common while they take the same tile, one after the other. */
export interface SharedMemory {
  readonly slot: Slot;
  /** Whether this variant is the first. */
  readonly isFirst: boolean;
  /** How many variants there are; known from the first tile on. */
  readonly variants: number;
}

/** The elements of a tile as they are stored, all bf16. Slots are the engine's and must not be written to. */
export interface StoredTile extends Pick<Tile, 'firstIndex' | 'count'> {
  /** Per operand, the model's values, whatever the space. */
  readonly operands: readonly Slot[];
  /** Of task vectors: the values they are differences to. */
  readonly base: Slot | undefined;
}

/** Turns tiles of a unit into results. */
export interface Combine {
  /** Writes `tile.count` f32 of the result (weights, or the merged task vector) to `destination`. */
  (tile: Tile, destination: Slot): void;
  /**
   * The same in one go, for methods whose time goes to memory: writes the merged values of a tile of any length, the base
   * added, rounded to the nearest bf16. Bit for bit what the other way gives. Returns false when it does not know how, or
   * some value is not finite; then `destination` holds nothing, and the tile has to go the other way.
   */
  readonly stored?: ((tile: StoredTile, destination: Slot) => boolean) | undefined;
  /**
   * What the method's `survivors` show of the tile merged last, for methods that merge just that; undefined when it was not
   * looked at.
   */
  readonly shown?: (() => Tile | undefined) | undefined;
}
