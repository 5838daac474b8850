/** Geometry and accounts of a merge, gathered from its units, as one result. */

import { largestStack } from './checkpoint/layers.js';
import { accountMerge, type MeasuredUnit, removedShares } from './geometry/accounting.js';
import { GeometryCollector } from './geometry/collect.js';
import { findFindings } from './geometry/findings.js';
import { GEOMETRY_VERSION, type GeometryResult, type MergeAccount, type MergeAccounting } from './geometry/result.js';
import { measuredJobs, unmeasuredTensors } from './plan/measured-jobs.js';
import type { MergeJob, Plan, PreparedMerge } from './plan/plan.js';
import { layoutOf } from './plan/tensor-merge.js';
import { countUnits } from './plan/unit-layout.js';
import { publicName } from './report/public-names.js';
import type { LayerOf } from './run/measure.js';
import type { ReportRequest } from './run/shared-reports.js';
import { VERSION } from './version.js';
import { type Warning, warning } from './warnings.js';

/** Short names where they tell the experts apart, else the references as written. */
export function expertNames({ inputs }: Plan): string[] {
  const references = inputs.filter(({ role }) => role === 'model').map(({ reference }) => reference);
  const short = references.map(publicName);
  const names = new Set(short).size === short.length ? short : references;
  return names.map((name, i) => (names.indexOf(name) === i ? name : `${name} (${i + 1})`));
}

/** Layer numbers of the language model, where there are several stacks of layers. */
export function measuredLayers(plan: Plan): LayerOf {
  return largestStack(measuredJobs(plan).map(({ tensor, elements }) => [tensor, elements] as const));
}

/** What every geometry says of itself beside its numbers. */
export function describeGroup(plan: Plan) {
  const base = plan.inputs.find(({ role }) => role === 'base')!.reference;
  const experts = expertNames(plan);
  const leftOut = [...unmeasuredTensors(plan)].map(([tensor, models]) => {
    return [tensor, models.map((model) => experts[model]!)] as const;
  });
  return {
    version: GEOMETRY_VERSION,
    tool: `m2merge ${VERSION}`,
    base: publicName(base),
    experts,
    ...(leftOut.length === 0 ? {} : { left_out: Object.fromEntries(leftOut) }),
  } as const;
}

/** Says which tensors a geometry leaves out. */
export function leftOutWarnings(plan: Plan): Warning[] {
  const tensors = unmeasuredTensors(plan);
  const [first] = tensors;
  if (first === undefined) return [];
  const references = plan.inputs.filter(({ role }) => role === 'model').map(({ reference }) => reference);
  const models = [...new Set([...tensors.values()].flat())].sort((a, b) => a - b).map((model) => references[model]!);
  return [warning('report-partial', { tensor: first[0], count: tensors.size, models })];
}

/** What a merge did to its experts, and their geometry when that was asked for. */
export interface FinishedReport {
  readonly account: MergeAccount;
  readonly geometry: GeometryResult | undefined;
}

/** Takes the reports of a merge's units, in any order. */
export class MergeReport {
  readonly #plan: Plan;
  readonly #jobs: readonly MergeJob[];
  readonly #collector: GeometryCollector | undefined;
  readonly #places: ReadonlyMap<string, { readonly index: number; readonly first: number }>;
  readonly #units: MeasuredUnit[] = [];

  /** With `geometry`, units come with the sums of their experts. */
  constructor({ plan }: PreparedMerge, geometry: boolean) {
    this.#plan = plan;
    const layerOf = measuredLayers(plan);
    this.#jobs = measuredJobs(plan);
    const tensors = this.#jobs.map((job) => ({
      name: job.tensor,
      layer: layerOf(job.tensor),
      shape: job.shape,
      units: countUnits(layoutOf(plan, job), job.elements),
    }));
    let first = 0;
    this.#places = new Map(
      tensors.map(({ name, units }, index) => {
        const place = { index, first };
        first += units;
        return [name, place] as const;
      }),
    );
    this.#collector = geometry ? new GeometryCollector(tensors, expertNames(plan)) : undefined;
  }

  /** What to ask a run for. */
  get request(): ReportRequest {
    return {
      geometry: this.#collector !== undefined,
      covers: (tensor) => this.#places.has(tensor),
      onUnit: (tensor, unit, { sums, ...measured }) => {
        const { index, first } = this.#places.get(tensor)!;
        if (sums !== undefined) this.#collector?.add(index, unit, sums);
        this.#units[first + unit] = measured;
      },
    };
  }

  /** The result, once all units are in; `nonFinite` values were written. */
  finish(nonFinite: number): FinishedReport {
    const group = describeGroup(this.#plan);
    const dtypes = [...new Set(this.#jobs.map(({ outputDtype }) => outputDtype))];
    const account = accountMerge(this.#units, group.experts, nonFinite);
    if (this.#collector === undefined) return { account, geometry: undefined };
    const removed = removedShares(this.#units, group.experts);
    const accounting = { ...account, removed, ...densities(this.#plan, this.#jobs) };
    const measured = {
      ...group,
      ...this.#collector.finish(),
      merge_accounting: { [`${this.#plan.method} -> ${dtypes.join('+')}`]: accounting },
    };
    return { account, geometry: { ...measured, findings: findFindings(measured) } };
  }
}

/** The share of elements that was to be kept of each expert, where the method has such a parameter. */
function densities(plan: Plan, jobs: readonly MergeJob[]): Pick<MergeAccounting, 'density'> {
  const names = expertNames(plan);
  const kept = names.map(() => 0);
  let elements = 0;
  for (const job of jobs) {
    elements += job.elements;
    for (const { model, settings, isOnlyMeasured } of job.operands) {
      const { density, weight } = plan.settings[settings]!;
      if (typeof density !== 'number') return {};
      // Of what has no share in the merge nothing is trimmed.
      kept[model]! += (isOnlyMeasured || weight === 0 ? 1 : density) * job.elements;
    }
  }
  return { density: Object.fromEntries(names.map((name, i) => [name, kept[i]! / elements])) };
}
