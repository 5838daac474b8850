/** Geometry and accounts of a merge, gathered from its units, as one result. */

import { createLayerIndex } from './checkpoint/layers.js';
import { accountMerge, type UnitAccount } from './geometry/accounting.js';
import { GeometryCollector } from './geometry/collect.js';
import { findFindings } from './geometry/findings.js';
import { GEOMETRY_VERSION, type GeometryResult } from './geometry/result.js';
import type { MergeJob, Plan, PreparedMerge } from './plan/plan.js';
import { layoutOf } from './plan/tensor-merge.js';
import { countUnits } from './plan/unit-layout.js';
import { publicName } from './report/public-names.js';
import type { LayerOf } from './run/measure.js';
import type { UnitReport } from './run/task.js';
import { VERSION } from './version.js';

/** Short names where they tell the experts apart, else the references as written. */
export function expertNames({ inputs }: Plan): string[] {
  const references = inputs.filter(({ role }) => role === 'model').map(({ reference }) => reference);
  const short = references.map(publicName);
  const names = new Set(short).size === short.length ? short : references;
  return names.map((name, i) => (names.indexOf(name) === i ? name : `${name} (${i + 1})`));
}

/** Layer numbers of the deepest stack of the model: that of the language model, where there are several. */
export function deepestLayers({ jobs }: Plan): LayerOf {
  const { layerOf } = createLayerIndex(jobs.map(({ tensor }) => tensor));
  const stacks = jobs.flatMap(({ tensor }) => layerOf(tensor) ?? []);
  const deepest = stacks.reduce((best, stack) => (stack.count > best.count ? stack : best), { prefix: '', count: 0 });
  return (tensor) => {
    const layer = layerOf(tensor);
    return layer?.prefix === deepest.prefix ? layer.index : undefined;
  };
}

/** What every geometry says of itself beside its numbers. */
export function describeGroup(plan: Plan) {
  const base = plan.inputs.find(({ role }) => role === 'base')!.reference;
  return {
    version: GEOMETRY_VERSION,
    tool: `m2merge ${VERSION}`,
    base: publicName(base),
    experts: expertNames(plan),
  } as const;
}

/** Takes the reports of a merge's units, in any order. */
export class MergeReport {
  readonly #plan: Plan;
  readonly #collector: GeometryCollector;
  readonly #places: ReadonlyMap<string, { readonly index: number; readonly first: number }>;
  readonly #accounts: UnitAccount[] = [];

  constructor({ plan }: PreparedMerge) {
    this.#plan = plan;
    const layerOf = deepestLayers(plan);
    const jobs = plan.jobs.filter((job): job is MergeJob => job.kind === 'merge');
    const tensors = jobs.map((job) => ({
      name: job.tensor,
      layer: layerOf(job.tensor),
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
    this.#collector = new GeometryCollector(tensors, expertNames(plan));
  }

  add(tensor: string, unit: number, { sums, account }: UnitReport): void {
    const { index, first } = this.#places.get(tensor)!;
    this.#collector.add(index, unit, sums);
    this.#accounts[first + unit] = account;
  }

  /** The result, once all units are in; `nonFinite` values were written. */
  finish(nonFinite: number): GeometryResult {
    const group = describeGroup(this.#plan);
    const dtypes = [...new Set(this.#plan.jobs.flatMap((job) => (job.kind === 'merge' ? [job.outputDtype] : [])))];
    const account = accountMerge(this.#accounts, group.experts, nonFinite);
    const measured = {
      ...group,
      ...this.#collector.finish(),
      merge_accounting: { [`${this.#plan.method} -> ${dtypes.join('+')}`]: account },
    };
    return { ...measured, findings: findFindings(measured) };
  }
}
