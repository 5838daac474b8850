/** A model that takes part in a plan, with what its tensor names say. */
import type { TensorTable } from '../checkpoint/tensor-tables.js';
import { type Warning, warning } from '../warnings.js';
import { type ModelTensors, modelTensors } from './model-tensors.js';
import type { NamedCheckpoint } from './tensors.js';

export interface PlanModel extends NamedCheckpoint {
  /** Index into `Plan.inputs`. */
  readonly input: number;
  readonly layout: ModelTensors;
}

/** What names say, by the table of the tensors: experts of one base share it, and so do variants of a sweep. */
const layouts = new WeakMap<TensorTable, ModelTensors>();

export function planModel(named: NamedCheckpoint, input: number): PlanModel {
  const { tensors } = named.checkpoint;
  const layout = layouts.get(tensors) ?? modelTensors(tensors);
  layouts.set(tensors, layout);
  return { ...named, input, layout };
}

/**
 * What the models gave reason to say, and which of them are one checkpoint under two texts: mergekit counts such as two,
 * so that a base spelt otherwise among the models is an expert that learned nothing.
 */
export function warningsOfModels(inputs: readonly PlanModel[]): Warning[] {
  const twins = inputs.flatMap(({ name, checkpoint }, index) => {
    const same = inputs.slice(0, index).find((other) => other.checkpoint === checkpoint);
    return same === undefined || same.name === name ? [] : [warning('model-twice', { model: same.name, other: name })];
  });
  return [...inputs.flatMap(({ checkpoint }) => checkpoint.warnings), ...twins];
}
