/** The mean of the rows of each matrix that has rows of no token: what those rows hold. Found before anything is merged. */
import type { MergeJob, Source } from '../plan/plan.js';
import { sourcesOf } from '../plan/sources.js';
import { countUnits, LANE_QUANTUM, UNIT_ELEMENTS } from '../plan/unit-layout.js';
import type { TaskRunner } from './pool.js';
import { type SourceFinder, storedVector } from './stored-sources.js';
import { type StoredVector, unitOf } from './stored-vector.js';
import type { RowSumsResult } from './task.js';

/** Elements summed at once: as many as are widened at once for a merge. */
const STEP_ELEMENTS = 8192;

const LAYOUT = { unitElements: UNIT_ELEMENTS, stepElements: STEP_ELEMENTS, runElements: LANE_QUANTUM };

/**
 * The mean row of every source of the plan that needs one, in f32: sums in f64 of all elements of a unit in their order,
 * and of the units in theirs, so that it does not depend on threads or tiles.
 */
export async function findMeanRows(
  finder: SourceFinder,
  runner: TaskRunner,
): Promise<ReadonlyMap<Source, Float32Array> | undefined> {
  const found = new Map<Source, Float32Array>();
  for (const job of finder.plan.jobs) {
    for (const source of job.kind === 'copy' ? [] : sourcesOf(job)) {
      const map = source.rows && finder.plan.rowMaps![source.rows.map]!;
      if (map === undefined || map.rows === map.averaged) continue;
      const vector = storedVector(finder, job as MergeJob, source);
      found.set(source, await meanOf(vector, job as MergeJob, map.averaged, runner));
    }
  }
  return found.size === 0 ? undefined : found;
}

async function meanOf(
  vector: StoredVector,
  { tensor, shape, elements }: MergeJob,
  averaged: number,
  runner: TaskRunner,
): Promise<Float32Array> {
  const [, columns = 1] = shape;
  const merge = { elements, shape, space: 'weights', settings: {}, operands: [] } as const;
  const part = { variant: 0, merge, operands: [0], onlyMeasured: [], statistics: {} };
  const units = Array.from({ length: countUnits(LAYOUT, elements) }, (_, unit) => unit);
  const partial = await Promise.all(
    units.map(async (unit) => {
      const firstIndex = unit * LAYOUT.unitElements;
      const count = Math.min(LAYOUT.unitElements, elements - firstIndex);
      const operands = [unitOf(vector, firstIndex, count)];
      const inputs = { tensor, firstIndex, count, layout: LAYOUT, base: undefined, operands, anchored: false };
      const { result } = await runner.run({ kind: 'sum-rows', inputs, part });
      return (result[0] as RowSumsResult).sums;
    }),
  );
  const sums = new Float64Array(columns);
  for (const part of partial) {
    for (let column = 0; column < columns; column++) sums[column]! += part[column]!;
  }
  // Without any token there is nothing to take the mean of.
  return Float32Array.from(sums, (sum) => sum / Math.max(1, averaged));
}
