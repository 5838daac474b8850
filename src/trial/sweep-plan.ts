/** What a sweep will read, write and take, and how many variants the disk holds at once. */
import { M2MergeError } from '../errors.js';
import { checkDistinct } from '../output-place.js';
import { buildPlan } from '../plan/build.js';
import { SharedInputs, textOfInputs } from '../plan/inputs.js';
import { DEFAULT_SPOOL_BYTES, type StreamCost, streamCost, streamWarnings } from '../plan/stream-costs.js';
import type { Evaluation, Keep } from '../recipe/sweep-keys.js';
import { bytesFor, SIDE_FILE_BYTES } from '../run/output-folder.js';
import type { SweepCosts } from '../sweep/costs.js';
import type { SweepVariant } from '../sweep/expand.js';
import { describeWarning, type Warning, warning } from '../warnings.js';
import { bytesToCome, cachedWeights } from './cache-room.js';
import { modelFolder, type SweepMerging } from './run-sweep.js';

/**
 * Variants merged in one run, at most: each takes about 1 MB of kernel memory in each worker, and messages grow with
 * them; beyond this, sharing the reads gains little.
 */
const MAX_TOGETHER = 16;

/** Bytes a second that a common SSD reads and writes: what the estimate of time assumes. */
const READ_RATE = 1e9;
const WRITE_RATE = 500e6;

export interface SweepPlanOptions {
  readonly keep: Keep;
  readonly evaluation: Evaluation | undefined;
  /** Variants that are still to be judged. */
  readonly toJudge: number;
  /** Mean seconds that evaluations have taken so far; undefined before the first. */
  readonly meanSeconds: number | undefined;
  readonly folder: string;
  readonly freeBytes: number;
  readonly merging: SweepMerging;
  /** Refuse what is only warned of. */
  readonly strict: boolean;
}

/** What a sweep costs, and what there is to say of that before it starts. */
export interface PricedSweep {
  readonly costs: SweepCosts;
  readonly warnings: readonly Warning[];
}

/**
 * Plans every variant that is to be merged, so that a mistake in the last is found before the first runs, and prices the
 * whole. Throws `sweep-too-large` and what planning a merge throws.
 */
export async function planSweep(open: readonly SweepVariant[], options: SweepPlanOptions): Promise<PricedSweep> {
  const { keep, evaluation, folder, merging } = options;
  const priced = await priceVariants(open, options);
  const streamed = Math.max(0, ...priced.map(({ stream }) => stream?.once ?? 0));
  const held = Math.max(0, ...priced.map(({ stream }) => stream?.held ?? 0));
  const fetched = merging.stream
    ? Math.min(streamed, held + (merging.spoolBytes ?? DEFAULT_SPOOL_BYTES))
    : await bytesToCome(new Map(priced.flatMap(({ weights }) => weights)), folder);
  const freeBytes = Math.max(0, options.freeBytes - fetched);
  const writes = keep !== 'none' || evaluation !== undefined;
  const variantBytes = writes ? Math.max(0, ...priced.map(({ bytes }) => bytes)) : 0;
  const { waveSize, waves } = planWaves(variantBytes, open.length, freeBytes, { keep, folder, evaluation });
  const bytesRead = sum(wavesOf(priced, waveSize).map(readsOf));
  const bytesWritten = writes ? sum(priced.map(({ bytes }) => bytes - SIDE_FILE_BYTES)) : 0;
  const together = keep === 'all' ? open.length : Math.min(open.length, keep === 'best' ? waveSize + 1 : waveSize);
  const perEvaluation = options.meanSeconds ?? evaluation?.timeout ?? 0;
  const costs: SweepCosts = {
    open: open.length,
    waves,
    waveSize,
    variantBytes,
    bytesRead,
    bytesWritten,
    diskBytes: together * variantBytes,
    freeBytes,
    mergeSeconds: bytesRead / READ_RATE + bytesWritten / WRITE_RATE,
    evaluationSeconds: evaluation === undefined ? 0 : Math.ceil(options.toJudge / evaluation.parallel) * perEvaluation,
  };
  const again = streamed > 0 && waves > 1 ? { waves, once: streamed, fetched: waves * streamed } : undefined;
  const ofWaves = again === undefined ? [] : [warning('stream-waves', again)];
  return { costs, warnings: [...priced.flatMap(({ warnings }) => warnings), ...passes(priced), ...ofWaves] };
}

/** What passes cost: variants read together, so that the one that fetches most says it for all. */
function passes(priced: readonly PricedVariant[]): Warning[] {
  const streams = priced.flatMap(({ stream }) => stream ?? []);
  return streams
    .sort((a, b) => b.fetched - a.fetched)
    .slice(0, 1)
    .flatMap(streamWarnings);
}

interface PricedVariant {
  /** The same text for variants that read the same models. */
  readonly inputs: string;
  readonly bytesRead: number;
  /** Of its folder. */
  readonly bytes: number;
  /** What it fetches when it is streamed. */
  readonly stream: StreamCost | undefined;
  /** What there is to say of its merge, beside what it fetches. */
  readonly warnings: readonly Warning[];
  /** Its weight files on the Hub, with their bytes. */
  readonly weights: readonly (readonly [path: string, bytes: number])[];
}

async function priceVariants(
  variants: readonly SweepVariant[],
  { merging, strict, folder }: SweepPlanOptions,
): Promise<PricedVariant[]> {
  const shared = new SharedInputs();
  const priced: PricedVariant[] = [];
  for (const variant of variants) {
    const { recipe } = variant;
    const inputs = textOfInputs(recipe);
    const built = buildPlan(recipe, await shared.open(recipe, merging), merging);
    await checkDistinct(modelFolder(folder, variant), built);
    const stream = merging.stream ? streamCost(built, merging.spoolBytes) : undefined;
    const warnings = [...built.warnings, ...(stream === undefined ? [] : streamWarnings(stream))];
    if (strict && warnings.length > 0) {
      throw new M2MergeError('warnings-refused', { warnings: warnings.map(describeWarning) });
    }
    const bytes = bytesFor(built.plan.shards);
    const costs = { bytesRead: built.costs.bytesRead, bytes, weights: cachedWeights(built) };
    priced.push({ inputs, ...costs, stream, warnings: built.warnings });
  }
  return priced;
}

function wavesOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

/** Bytes that variants read together: as much as the one of each set of models that reads most. */
function readsOf(wave: readonly PricedVariant[]): number {
  const most = new Map<string, number>();
  for (const { inputs, bytesRead } of wave) most.set(inputs, Math.max(bytesRead, most.get(inputs) ?? 0));
  return sum([...most.values()]);
}

/**
 * How many variants are merged together: as many as fit when their models go again, else all up to MAX_TOGETHER. Throws
 * `sweep-too-large`, with what would fit.
 */
export function planWaves(
  variantBytes: number,
  count: number,
  freeBytes: number,
  { keep, folder, evaluation }: Pick<SweepPlanOptions, 'keep' | 'folder' | 'evaluation'>,
): { readonly waveSize: number; readonly waves: number } {
  const fitting = variantBytes === 0 ? count : Math.floor(freeBytes / variantBytes);
  if (fitting < Math.min(count, heldAtLeast(keep, count))) {
    const proposal = evaluation === undefined ? undefined : proposeWaves(variantBytes, count, fitting);
    const needed = heldAtLeast(keep, count) * variantBytes;
    throw new M2MergeError('sweep-too-large', { path: folder, count, needed, available: freeBytes, proposal });
  }
  const room = keep === 'all' ? count : keep === 'best' ? fitting - 1 : fitting;
  const waveSize = Math.max(1, Math.min(count, room, MAX_TOGETHER));
  return { waveSize, waves: Math.ceil(count / waveSize) };
}

/** Models that a sweep holds at some time, at least. */
const heldAtLeast = (keep: Keep, count: number): number => (keep === 'all' ? count : keep === 'best' ? 2 : 1);

/** What fits instead: the best model and a wave beside it, or a wave at a time. */
function proposeWaves(variantBytes: number, count: number, fitting: number) {
  const keep: 'best' | 'none' = fitting >= 2 ? 'best' : 'none';
  const waveSize = Math.min(keep === 'best' ? fitting - 1 : fitting, MAX_TOGETHER);
  return waveSize < 1 ? undefined : { keep, waveSize, waves: Math.ceil(count / waveSize), variantBytes };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
