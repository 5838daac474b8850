/** The library: merge and plan recipes, read checkpoints. Everything else is internal. */
export { METHODS } from '../kernels/methods/registry.js';
export type { Checkpoint, CheckpointFile, TensorLocation } from './checkpoint/checkpoint.js';
export { openCheckpoint as readCheckpoint } from './checkpoint/folder.js';
export { type ErrorKind, EXIT_CODES, isM2MergeError, M2MergeError } from './errors.js';
export type { Finding, GeometryResult, MergeAccount, MergeAccounting, ScopeGeometry } from './geometry/result.js';
export { type MeasureOptions, measureGeometry as geometry } from './measure.js';
export {
  type MergeOptions,
  type MergeRequest,
  type MergeResult,
  mergeRecipe as merge,
  mergeTogether,
  prepareMerge as plan,
} from './merge.js';
export type { Costs, Plan, PreparedMerge } from './plan/plan.js';
export { type PulledModel, type PullModelsOptions, pullModels as pull } from './pull.js';
export { loadRecipe } from './recipe/load.js';
export { parseRecipe } from './recipe/parse.js';
export type { Recipe } from './recipe/recipe.js';
export { recipeSchema } from './recipe/schema.js';
export type { Progress } from './run/scheduler.js';
export { describeWarning, type Warning } from './warnings.js';
