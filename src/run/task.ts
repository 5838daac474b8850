/** What travels between the scheduler and its workers: self-contained pieces of work, so that any may run anywhere. */
import type { CompiledKernels } from '../../kernels/load.js';
import type { TensorMerge } from '../../kernels/unit.js';
import type { OutputDtype } from '../checkpoint/dtype.js';
import type { ErrorFacts, ErrorKind } from '../errors.js';
import type { MeasuredUnit, UnitAccount, UnitRemovals } from '../geometry/accounting.js';
import type { ProjectionWish } from '../geometry/projection.js';
import type { SpectralSums } from '../geometry/spectrum.js';
import type { UnitSums } from '../geometry/unit-sums.js';
import { UNIT_ELEMENTS, type UnitLayout } from '../plan/unit-layout.js';
import type { Rounding } from '../recipe/recipe.js';
import type { InputFile } from './files.js';
import type { StoredVector } from './stored-vector.js';

/** Bytes of a unit of a tensor that is copied. */
export const COPY_UNIT_BYTES = 2 * UNIT_ELEMENTS;

/** Where a unit's result goes. */
export interface OutputVector {
  /** Index into the worker's output files; undefined when the result is only looked at. */
  readonly file: number | undefined;
  /** Byte of the tensor's first element in the file. */
  readonly begin: number;
  readonly dtype: OutputDtype;
  readonly rounding: Rounding;
  /** Key of stochastic rounding for this tensor. */
  readonly randomKey: readonly [low: number, high: number];
}

/** Elements [firstIndex, firstIndex + count) of one tensor in all inputs that a visit reads. */
export interface UnitInputs {
  readonly tensor: string;
  readonly firstIndex: number;
  readonly count: number;
  readonly layout: UnitLayout;
  readonly base: StoredVector | undefined;
  readonly operands: readonly StoredVector[];
  /** The operands but the first are read as differences to it; see `Method.anchored`. */
  readonly anchored: boolean;
}

/** What one variant makes of a unit. */
export interface UnitPart {
  /** Index into the worker's methods. */
  readonly variant: number;
  readonly merge: TensorMerge;
  /** For each operand of `merge`, then for those that only reports look at, its index in `UnitInputs.operands`. */
  readonly operands: readonly number[];
  /** The models of the latter. */
  readonly onlyMeasured: readonly number[];
  /** Concluded statistics, cut down to this unit. */
  readonly statistics: Readonly<Record<string, unknown>>;
}

export interface ObserveAction {
  readonly kind: 'observe';
  readonly part: UnitPart;
  /** Name of the statistic, and what its collector asked for (null in the first pass). */
  readonly statistic: string;
  readonly request: unknown;
}

/**
 * What a merge measures in the same pass, which needs a base: what it made of its experts, and of the experts themselves
 * nothing (another variant of the visit measures them), the lengths of their task vectors, or the whole geometry.
 */
export interface ReportWish {
  readonly experts: 'nothing' | 'squares' | 'geometry';
  /** Whether to tell what trimming, election and cancellation took away. */
  readonly removals: boolean;
}

export interface CombineAction {
  readonly kind: 'combine';
  readonly part: UnitPart;
  readonly output: OutputVector;
  readonly report: ReportWish | undefined;
}

/** Measure the geometry of a unit's task vectors. */
export interface MeasureAction {
  readonly kind: 'measure';
  readonly part: UnitPart;
  readonly projection: ProjectionWish | undefined;
}

export type Action = ObserveAction | CombineAction | MeasureAction;

/** Reads a unit once and does everything that is asked of it while it is in the cache. */
export interface VisitTask {
  readonly kind: 'visit';
  readonly inputs: UnitInputs;
  readonly actions: readonly Action[];
  /** Keep what the passes derive, such as masks, for the unit's next visit. */
  readonly retain: boolean;
}

export interface CopyTask {
  readonly kind: 'copy';
  /** Index into the worker's input files, and into its output files. */
  readonly source: number;
  readonly target: number;
  /** Bytes [sourceBegin, sourceBegin + byteLength) of the input go to `targetBegin` and after. */
  readonly sourceBegin: number;
  readonly targetBegin: number;
  readonly byteLength: number;
}

/** Finds the spectra of a matrix, reading it once for each pass that takes. */
export interface SpectralTask {
  readonly kind: 'spectral';
  /** The whole tensor, laid out in rows. */
  readonly inputs: UnitInputs;
  readonly part: UnitPart;
  /** Key of the random subspace that the search starts from. */
  readonly key: readonly [low: number, high: number];
}

/** Adds up the rows of a matrix that a unit covers, for their mean. */
export interface SumRowsTask {
  readonly kind: 'sum-rows';
  /** The matrix is the only operand. */
  readonly inputs: UnitInputs;
  readonly part: UnitPart;
}

export type Task = VisitTask | CopyTask | SpectralTask | SumRowsTask;

export interface ObserveResult {
  readonly kind: 'observe';
  readonly partial: unknown;
}

export interface WriteResult {
  readonly kind: 'write';
  /** xxHash64 of the bytes written, 16 hex digits; of nothing when nothing is written. */
  readonly checksum: string;
  /** NaN and infinite values: in the base (or 0), in each operand, and in what was written. */
  readonly nonFinite: { readonly base: number; readonly operands: readonly number[]; readonly output: number };
  /** What was asked for by `CombineAction.report`. */
  readonly report?: CombineReport;
}

/** What a merge made of its experts in one unit, and as much of the experts as was asked for. */
export interface CombineReport {
  readonly account: UnitAccount;
  readonly removals?: UnitRemovals | undefined;
  readonly squares?: readonly number[] | undefined;
  readonly sums?: UnitSums | undefined;
}

/** What a variant is told of one merged unit; `sums` when it asked for the geometry. */
export interface UnitReport extends MeasuredUnit {
  readonly sums: UnitSums | undefined;
}

export interface MeasureResult {
  readonly kind: 'measure';
  readonly sums: UnitSums;
}

export interface SpectralResult {
  readonly kind: 'spectral';
  readonly sums: SpectralSums;
}

export interface RowSumsResult {
  readonly kind: 'row-sums';
  /** By column. */
  readonly sums: Float64Array;
}

export type ActionResult = ObserveResult | WriteResult | MeasureResult | SpectralResult | RowSumsResult;

/** One result for each action of a visit; all other tasks have one. */
export type TaskResult = readonly ActionResult[];

/** What a worker is told once. */
export interface WorkerSetup {
  /** Name of the method of each variant. */
  readonly methods: readonly string[];
  readonly inputFiles: readonly InputFile[];
  readonly outputFiles: readonly string[];
  /** Most files that a worker keeps open. */
  readonly openFiles: number;
  /** Compiled SIMD kernels; undefined for the reference kernels. */
  readonly simd: CompiledKernels | undefined;
  readonly tileElements: number;
  /** Bytes that a worker has for what passes over units derive for the next one. */
  readonly retainedBytes: number;
}

export type WorkerRequest = { readonly id: number; readonly task: Task };

/** Tells a worker to end when it has done what it was given. */
export const END = 'end';

/** What a pool tells a worker: the setup first, then task after task, then the end. */
export type PoolMessage = WorkerSetup | WorkerRequest | typeof END;

/** What went wrong, with a task or, after the last, with the end. */
interface Failed {
  readonly id: number | typeof END;
}

export type WorkerReply =
  | { readonly id: number; readonly result: TaskResult }
  | (Failed & { readonly error: { readonly kind: ErrorKind; readonly facts: ErrorFacts[ErrorKind] } })
  | (Failed & { readonly defect: { readonly reason: string; readonly trace: string | undefined } });
