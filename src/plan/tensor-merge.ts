/** A planned job as methods see it. */
import { findMethod } from '../../kernels/methods/registry.js';
import type { Operand, TensorMerge } from '../../kernels/unit.js';
import type { MergeJob, Plan } from './plan.js';
import { layOutUnits, type UnitLayout } from './unit-layout.js';

/**
 * The merge of one tensor, of the operands that have a share in it: what else is read for a report must not change it.
 * `randomKeyOf` gives the key of a model's random numbers.
 */
export function mergeOf(plan: Plan, job: MergeJob, randomKeyOf: (model: number) => Operand['randomKey']): TensorMerge {
  return {
    elements: job.elements,
    shape: job.shape,
    space: job.base === undefined ? 'weights' : 'taskVectors',
    settings: plan.settings[job.settings]!,
    operands: job.operands
      .filter(({ isOnlyMeasured }) => !isOnlyMeasured)
      .map(({ model, settings }) => ({ model, settings: plan.settings[settings]!, randomKey: randomKeyOf(model) })),
  };
}

/** How the job's tensor is cut. */
export function layoutOf(plan: Plan, { shape, settings }: MergeJob): UnitLayout {
  return layOutUnits(findMethod(plan.method)!, shape, plan.settings[settings]!);
}

/** Whether the method takes the job's tensor as a whole, to decompose it. */
export function takesWhole(plan: Plan, { shape, settings }: MergeJob): boolean {
  return findMethod(plan.method)!.wholeTensors?.(plan.settings[settings]!, shape) ?? false;
}
