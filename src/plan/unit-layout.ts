/** How a tensor is cut: into units for workers, and those into steps for kernels. Depends on shape and method only. */
import type { Method } from '../../kernels/method.js';
import type { Settings } from '../../kernels/parameters.js';

/**
 * Elements of a unit: the piece of a tensor that one worker does in one go, the block of a checksum, and the block of
 * every reduction, so it must not change with threads or tiles. 2 MB of bf16: long enough that messages cost nothing,
 * short enough that workers finish together.
 */
export const UNIT_ELEMENTS = 1_048_576;

/**
 * Elements of a unit where tensors are measured and nothing is merged. Longer, since what is measured of a unit is
 * hundreds of kilobytes of counts, whatever its length; shorter than the embeddings, so that workers finish together.
 */
const MEASURED_UNIT_ELEMENTS = 4 * UNIT_ELEMENTS;

/**
 * Elements processed at once: a step's f32 vectors (32 KiB each) of base, five operands and result stay in a 512 KiB L2
 * cache together with the raw tile.
 */
export const STEP_ELEMENTS = 8192;

/** Every cut is at a multiple of this, so that vector lanes, reduction lanes and mask words never straddle two pieces. */
export const LANE_QUANTUM = 64;

/**
 * The most elements that may have to stay together for whole rows: a worker then holds some 16 MB of f32 for each
 * operand.
 */
export const LONGEST_RUN_ELEMENTS = 4_194_304;

/**
 * The most elements of a tensor that a method may ask for as a whole, as spectral methods do: 4096 × 8192, for which a
 * worker takes some 2.5 GB with four experts, of the 4 GB that it can have.
 */
export const LARGEST_WHOLE_TENSOR_ELEMENTS = 33_554_432;

export interface UnitLayout {
  /** Elements of a unit (the last one of a tensor may have fewer). */
  readonly unitElements: number;
  /** Elements handed to a method at once, at most. */
  readonly stepElements: number;
  /** Elements that are never parted; steps, tiles and units are multiples of it. */
  readonly runElements: number;
}

/** The layout of a tensor of this shape under a method with these per-merge settings. */
export function layOutUnits(method: Method, shape: readonly number[], settings: Settings): UnitLayout {
  const runElements = runOf(method, shape, settings);
  const multiple = (limit: number): number => Math.max(1, Math.floor(limit / runElements)) * runElements;
  return { unitElements: multiple(UNIT_ELEMENTS), stepElements: multiple(STEP_ELEMENTS), runElements };
}

/** The layout of a tensor that is only measured: any elements may be parted. */
export function layOutMeasured(): UnitLayout {
  return { unitElements: MEASURED_UNIT_ELEMENTS, stepElements: STEP_ELEMENTS, runElements: LANE_QUANTUM };
}

function runOf(method: Method, shape: readonly number[], settings: Settings): number {
  if (method.wholeTensors?.(settings, shape)) return alignedTensor(shape);
  return method.wholeRows?.(settings) ? alignedRows(shape) : LANE_QUANTUM;
}

/** A matrix as one unit whose steps are whole rows, for what looks at it several times. */
export function layOutRows(shape: readonly number[]): UnitLayout {
  const runElements = alignedRows(shape);
  const elements = shape.reduce((product, length) => product * length, 1);
  const stepElements = Math.max(1, Math.floor(STEP_ELEMENTS / runElements)) * runElements;
  return { unitElements: elements, stepElements, runElements };
}

/** Units of a tensor of so many elements. */
export function countUnits({ unitElements }: UnitLayout, elements: number): number {
  return Math.ceil(elements / unitElements);
}

/** Elements of the fewest whole rows that end at a multiple of LANE_QUANTUM; no more than hold the whole tensor. */
function alignedRows(shape: readonly number[]): number {
  const row = Math.max(1, shape.at(-1) ?? 1);
  const rows = (row / greatestCommonDivisor(row, LANE_QUANTUM)) * LANE_QUANTUM;
  return Math.min(rows, alignedTensor(shape));
}

function alignedTensor(shape: readonly number[]): number {
  const elements = shape.reduce((product, length) => product * length, 1);
  return Math.max(1, Math.ceil(elements / LANE_QUANTUM)) * LANE_QUANTUM;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
