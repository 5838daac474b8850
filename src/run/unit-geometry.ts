/** Connects the geometry of a unit to the vectors the unit runner holds. */
import type { Slot } from '../../kernels/abi.js';
import type { Tile, UnitContext } from '../../kernels/unit.js';
import { type SelectedTile, type SelectingView, type TileView, untouched, vectorBytes } from '../../kernels/view.js';
import { bytesPerElement } from '../checkpoint/dtype.js';
import { AccountObserver, RemovalObserver, SquaresObserver } from '../geometry/accounting.js';
import { channelLayout } from '../geometry/channels.js';
import { LAST_PLACE } from '../geometry/last-place.js';
import { GeometryObserver, type StoredPair } from '../geometry/observe.js';
import type { ProjectionWish } from '../geometry/projection.js';
import type { UnitSums } from '../geometry/unit-sums.js';
import { STEP_ELEMENTS } from '../plan/unit-layout.js';
import { narrow, widen, widenDifference } from './convert.js';
import type { CombineReport, OutputVector, ReportWish } from './task.js';
import type { InputVector, UnitVectors } from './unit-vectors.js';

export interface UnitGeometry {
  /** Takes a step; `offset` is its first element in the raw vectors. */
  observe(tile: Tile, offset: number): void;
  finish(): UnitSums;
}

/** Observes the task vectors of a unit that has a base. */
export function observeGeometry(
  context: UnitContext,
  tensor: string,
  { base, operands }: UnitVectors,
  projection?: ProjectionWish,
): UnitGeometry {
  if (base === undefined) throw new RangeError('geometry needs a base');
  const tileCapacity = Math.min(context.tileCapacity, STEP_ELEMENTS);
  const observer = new GeometryObserver({
    kernels: context.kernels,
    experts: operands.length,
    tileCapacity,
    firstIndex: context.firstIndex,
    count: context.count,
    channels: channelLayout(tensor, context.merge.shape),
    projection,
    lastPlace: LAST_PLACE[base.dtype],
    allocate: context.allocate,
  });
  const comparisons = operands.map((operand) => compareStored({ ...context, tileCapacity }, base, operand));
  const observe = ({ firstIndex, count, operands: changes }: Tile, origin: Slot, offset: number): void => {
    const stored = comparisons.map((compare) => compare(offset, count, origin));
    observer.observe({ firstIndex, count, base: origin, operands: changes, stored });
  };
  return {
    observe(tile, offset) {
      if (tile.count <= tileCapacity) return observe(tile, base.values, offset);
      // Rows that stay together for the method may be long: nothing here needs them whole.
      for (let done = 0; done < tile.count; done += tileCapacity) {
        observe(partOf(tile, done, tileCapacity), base.values + 4 * done, offset + done);
      }
    },
    finish: () => observer.finish(),
  };
}

/** Up to `count` elements of a tile from element `first` on. */
function partOf(tile: Tile, first: number, count: number): Tile {
  return {
    firstIndex: tile.firstIndex + first,
    count: Math.min(count, tile.count - first),
    operands: tile.operands.map((values) => values + 4 * first),
    base: tile.base === undefined ? undefined : tile.base + 4 * first,
  };
}

/** Bits as stored where base and operand have one dtype, else as the f32 they are read as. */
function compareStored(
  context: UnitContext,
  base: InputVector,
  operand: InputVector,
): (offset: number, count: number, origin: Slot) => StoredPair {
  const { dtype } = operand;
  if (dtype === base.dtype) {
    const width = bytesPerElement(dtype);
    const isBf16 = dtype === 'BF16';
    return (first) => {
      const offset = width * first;
      return { value: operand.raw + offset, base: base.raw + offset, width, isBf16 };
    };
  }
  const values = context.allocate(vectorBytes(context));
  return (offset, count, origin) => {
    widen(context.kernels, dtype, operand.raw, offset, values, count);
    return { value: values, base: origin, width: 4, isBf16: false };
  };
}

/** Measures the experts of a unit as far as is wished. */
function observeExperts(
  context: UnitContext,
  tensor: string,
  vectors: UnitVectors,
  { experts }: ReportWish,
): Pick<UnitGeometry, 'observe'> & { finish(): Pick<CombineReport, 'squares' | 'sums'> } {
  if (experts === 'geometry') {
    const geometry = observeGeometry(context, tensor, vectors);
    return {
      observe: geometry.observe,
      finish() {
        const sums = geometry.finish();
        return { sums, squares: sums.squares };
      },
    };
  }
  if (experts === 'nothing') return { observe: () => {}, finish: () => ({}) };
  const squares = new SquaresObserver({ ...context, experts: vectors.operands.length });
  return {
    observe: ({ count, operands }) => squares.observe(count, operands),
    finish: () => ({ squares: squares.finish() }),
  };
}

export interface UnitReporter {
  /** Takes a step: task vectors, the merged change in f32, and the slot of the values as they were written. */
  observe(tile: Tile, offset: number, delta: Slot, written: Slot): void;
  finish(): CombineReport;
}

export interface ReportTools {
  readonly tensor: string;
  /** The models of the operands behind those that are merged. */
  readonly onlyMeasured: readonly number[];
  /** What the method's trimming leaves of the operands; everything unless given. */
  readonly survivors?: TileView | SelectingView | undefined;
  /** What they leave of the tile merged last, where that is known. */
  readonly shown?: (() => Tile | undefined) | undefined;
  /** Holds an f32 vector of a step. */
  readonly scratch: Slot;
}

/** Reports on a unit while it is merged; `vectors` are those of the merge, and of the models `onlyMeasured`. */
export function reportUnit(
  context: UnitContext,
  vectors: UnitVectors,
  output: OutputVector,
  wish: ReportWish,
  { tensor, onlyMeasured, survivors = untouched, shown, scratch }: ReportTools,
): UnitReporter {
  const { kernels } = context;
  const byModel = modelOrder([...context.merge.operands.map(({ model }) => model), ...onlyMeasured]);
  const operands = byModel(vectors.operands.map(({ values }) => values));
  const unmerged = vectors.operands.slice(context.merge.operands.length).map(({ values }) => values);
  const experts = observeExperts(context, tensor, { ...vectors, operands: byModel(vectors.operands) }, wish);
  const originOf = baseAsWritten(context, vectors.base!, output);
  const account = new AccountObserver({ ...context, experts: vectors.operands.length });
  const removals = wish.removals ? observeRemovals(context, { survivors, shown }, unmerged, byModel) : undefined;
  return {
    observe(tile, offset, delta, written) {
      experts.observe({ ...tile, operands }, offset);
      widenDifference(kernels, output.dtype, written, 0, originOf(tile), scratch, tile.count);
      account.observe({ count: tile.count, operands, delta, written: scratch });
      removals?.observe(tile, delta);
    },
    finish: () => ({ account: account.finish(), removals: removals?.finish(), ...experts.finish() }),
  };
}

/**
 * What the base is in the output's dtype: its own values, unless that rounds them. Against those everything written
 * would differ from a base in float32, and what rounding the base takes would pass for a change.
 */
function baseAsWritten(
  context: UnitContext,
  { dtype, values }: InputVector,
  output: OutputVector,
): (tile: Tile) => Slot {
  const isExact = output.dtype === 'F32' || output.dtype === dtype || bytesPerElement(dtype) === 1;
  if (isExact) return () => values;
  const { kernels } = context;
  const [raw, rounded] = [context.allocate(vectorBytes(context)), context.allocate(vectorBytes(context))];
  const nearest = { ...output, rounding: 'nearest' } as const;
  return (tile) => {
    narrow(kernels, nearest, values, raw, tile);
    widen(kernels, output.dtype, raw, 0, rounded, tile.count);
    return rounded;
  };
}

type ModelOrder = <T>(values: readonly T[]) => readonly T[];

/** Puts what is by operand in the order of the models: slices may name them in another one. */
function modelOrder(models: readonly number[]): ModelOrder {
  const order = models.map((_, i) => i).sort((a, b) => models[a]! - models[b]!);
  return order.every((from, to) => from === to) ? (values) => values : (values) => order.map((from) => values[from]!);
}

/**
 * What is `unmerged`, of weight 0, nothing trims; nor what has that weight and is among the operands all the same, for
 * its part in a trim over the whole model.
 */
function observeRemovals(
  context: UnitContext,
  { survivors, shown }: { survivors: TileView | SelectingView; shown: ReportTools['shown'] },
  unmerged: readonly Slot[],
  byModel: ModelOrder,
) {
  const { operands } = context.merge;
  const survive = survivors(context);
  const withUnmerged = <T>(values: readonly T[], ofUnmerged: T) =>
    byModel([...values, ...unmerged.map(() => ofUnmerged)]);
  const signs = operands.map(({ settings }) => Math.sign(Number(settings.weight ?? 1)));
  const isWeightless = operands.map(({ settings }) => settings.weight === 0);
  const unlessWeightless = <T>(values: readonly T[], weightless: readonly T[]) =>
    values.map((value, i) => (isWeightless[i] ? weightless[i]! : value));
  const ones = operands.map(() => 1);
  const zeros = operands.map(() => 0);
  const factors = survive.factors && withUnmerged(unlessWeightless(survive.factors, ones), 1);
  const experts = operands.length + unmerged.length;
  const observer = new RemovalObserver({ ...context, experts }, withUnmerged(signs, 0), factors);
  return {
    observe(tile: Tile, delta: Slot): void {
      // Views keep count, so they are asked for a tile by one side alone.
      const left: Tile | SelectedTile = shown?.() ?? survive(tile);
      const selectors = 'selectors' in left ? left.selectors : undefined;
      observer.observe({
        count: tile.count,
        survivors: byModel([...unlessWeightless(left.operands, tile.operands), ...unmerged]),
        selectors: selectors && withUnmerged(unlessWeightless(selectors, zeros), 0),
        delta,
      });
    },
    finish: () => observer.finish(),
  };
}
