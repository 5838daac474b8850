/** Parameters that several methods share, with the same meaning in each. */
import { LAMBDA_INCREASE, NORM_PRESERVING } from '../consensus/lambda.js';
import type { BooleanParameter, NumberParameter, Settings } from '../parameters.js';
import { numberOf } from '../parameters.js';

export const weightParameter: NumberParameter = {
  name: 'weight',
  scope: 'model',
  kind: 'number',
  summary: "the model's share in the sum; 0 leaves the model out",
};

/** Where a model of weight 0 is read and looked at all the same. */
export const directionWeightParameter: NumberParameter = {
  ...weightParameter,
  summary: "the model's share in the direction and length of the result; one with 0 must be finite all the same",
};

export const densityParameter: NumberParameter = {
  name: 'density',
  scope: 'model',
  kind: 'number',
  default: 1,
  minimum: 0,
  maximum: 1,
  summary: 'share of the task vector that is kept',
};

export const lambdaParameter: NumberParameter = {
  name: 'lambda',
  scope: 'merge',
  kind: 'number',
  default: 1,
  summary: 'scale of the merged task vector',
};

/** λ of methods that have none in mergekit. */
export const ownLambdaParameter: NumberParameter = { ...lambdaParameter, ignoredByMergekit: true };

/** λ of a sum, which can also be found from the lengths. */
export const sumLambdaParameter: NumberParameter = {
  ...lambdaParameter,
  words: [NORM_PRESERVING],
  summary: `${lambdaParameter.summary}; norm_preserving: as long as the experts on average, mean‖τᵢ‖/‖Σwᵢτᵢ‖`,
};

/** What grows with depth as λ, a word, cannot. */
export const lambdaIncreaseParameter: NumberParameter = {
  name: LAMBDA_INCREASE,
  scope: 'merge',
  kind: 'number',
  default: 0,
  summary: 'added to lambda; a list such as [0, 0.6] grows over the layers: LiNeS, with norm_preserving as its α',
};

export function normalizeParameter(fallback: boolean): BooleanParameter {
  return {
    name: 'normalize',
    scope: 'merge',
    kind: 'boolean',
    default: fallback,
    summary: 'divide by the sum of the weights that took part',
  };
}

/** Whether an operand has no share in the result. */
export function weighsNothing(operand: Settings): boolean {
  return numberOf(operand, 'weight') === 0;
}
