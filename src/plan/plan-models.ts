/** A model that takes part in a plan, with what its tensor names say. */
import { type ModelTensors, modelTensors } from './model-tensors.js';
import type { NamedCheckpoint } from './tensors.js';

export interface PlanModel extends NamedCheckpoint {
  /** Index into `Plan.inputs`. */
  readonly input: number;
  readonly layout: ModelTensors;
}

export function planModel(named: NamedCheckpoint, input: number): PlanModel {
  return { ...named, input, layout: modelTensors(named.checkpoint) };
}
