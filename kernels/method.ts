/**
 * What a merge method is: a declaration (names, paper, parameters), the statistics it needs, and how one tile of
 * operands becomes one tile of result.
 */
import type { Parameter, Settings } from './parameters.js';
import type { Statistic } from './statistic.js';
import type { Combine, Space, TensorMerge, UnitContext } from './unit.js';
import type { SelectingView, TileView } from './view.js';

/** A named bundle of semantics: where implementations of one method differ, the preset says whose is meant. */
export const PRESETS = ['mergekit', 'm2rl'] as const;
export type Preset = (typeof PRESETS)[number];

/** How implementations differ from the default here; one or two sentences each. */
export interface Elsewhere {
  readonly mergekit?: string;
  /** The merging code of the M2RL paper (a fork of MergeLM). */
  readonly m2rl?: string;
}

export interface Method {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly title: string;
  /** arXiv id or address of the source. */
  readonly paper?: string;
  /** One line in plain Unicode. */
  readonly equation: string;
  /** One or two sentences on what it does and when to use it. */
  readonly summary: string;
  /**
   * `weights`: operands are the models' values and the result is the merged value.
   * `taskVectors`: operands are differences to the base, which is required, and the result is added to it.
   * `either`: task vectors when the recipe has a base, else weights.
   */
  readonly space: Space | 'either';
  /** How many models it takes, the base of task vectors not counted; any number from one unless given. */
  readonly operandCount?: { readonly minimum: number; readonly maximum?: number };
  /**
   * Whether a slice that lists one model and not the base is that model, as in mergekit; else the base is asked for. And
   * whether a tensor that only the model has, of a variant of the base's architecture, is taken as it is; else it is left out.
   */
  readonly copiesAlone?: true;
  /** What the same name means in other implementations; absent: they do not have it. */
  readonly elsewhere: Elsewhere;
  /**
   * Cut embeddings of different heights to the rows that all models and the base have, as mergekit does for this method;
   * else models are cut to the height of the base.
   */
  readonly commonRows?: true;
  readonly parameters: readonly Parameter[];
  /** Defaults a preset changes, by parameter name. A preset that is absent here does not define the method. */
  readonly presets: Readonly<Partial<Record<Preset, Settings>>>;
  /**
   * Statistics to gather of a tensor before combining, in order. They depend on the tensor's per-merge settings only; those
   * over the whole model on choices and words among them, which are then the same for all tensors.
   */
  statistics(settings: Settings): readonly Statistic[];
  /** Whether an operand with these settings cannot change the result, so that it need not be read. */
  ignores(operand: Settings, merge: Settings): boolean;
  /** Says what is wrong with settings that are fine one by one but not together; one sentence, no trailing period. */
  check?(tensors: readonly TensorMerge[]): string | undefined;
  /**
   * Whether tiles must hold whole rows (runs of the last dimension; a vector is one row) with these per-merge settings.
   * A tile is then as many rows as end at a multiple of 64 elements, or a multiple of that.
   */
  wholeRows?(settings: Settings): boolean;
  /** Whether a tile must be the whole tensor, which then has to fit into a worker's memory. */
  wholeTensors?(settings: Settings, shape: readonly number[]): boolean;
  /**
   * Asks, where operands are weights, for the first operand's values and the differences of the others to it instead.
   * Those are small and mostly exact, and come at the price of widening.
   */
  readonly anchored?: boolean;
  /**
   * What trimming or dropping leaves of the operands before they are merged; reports compare it with the operands, scaled
   * back by its `factors`.
   * Absent: all of them take part.
   */
  readonly survivors?: TileView | SelectingView;
  /** Prepares one unit and returns what turns its tiles into results, called in tile order. */
  combine(context: UnitContext): Combine;
}

/** How many models a method takes, the base of task vectors not counted. */
export function modelBounds({ operandCount }: Method): { readonly minimum: number; readonly maximum: number } {
  const { minimum = 1, maximum = Number.POSITIVE_INFINITY } = operandCount ?? {};
  return { minimum, maximum };
}

/** What a method's operands are in a merge with or without a base. */
export function spaceOf({ space }: Method, hasBase: boolean): Space {
  if (space === 'either') return hasBase ? 'taskVectors' : 'weights';
  return space;
}
