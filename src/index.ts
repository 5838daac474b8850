/** The library: merge and plan recipes, read checkpoints. Everything else is internal. */
export type { Elsewhere, Method, Preset } from '../kernels/method.js';
export { METHODS } from '../kernels/methods/registry.js';
export type {
  BooleanParameter,
  ChoiceParameter,
  NumberParameter,
  Parameter,
  ParameterScope,
  Setting,
  Settings,
} from '../kernels/parameters.js';
export type { Checkpoint, CheckpointFile, TensorLocation } from './checkpoint/checkpoint.js';
export { openCheckpoint as readCheckpoint } from './checkpoint/folder.js';
export {
  type ErrorFacts,
  type ErrorKind,
  EXIT_CODES,
  isM2MergeError,
  M2MergeError,
  type RecipeProblem,
} from './errors.js';
export type {
  ExpertGeometry,
  Finding,
  GeometryResult,
  MergeAccount,
  MergeAccounting,
  PairGeometry,
  ScopeGeometry,
} from './geometry/result.js';
export { type MeasureOptions, measureGeometry as geometry } from './measure.js';
export {
  type MergeOptions,
  type MergeRequest,
  type MergeResult,
  mergeRecipe as merge,
  mergeTogether,
  prepareMerge as plan,
} from './merge.js';
export type {
  CopyJob,
  Costs,
  Job,
  MergeJob,
  Plan,
  PlanFile,
  PlanInput,
  PlanShard,
  PreparedMerge,
} from './plan/plan.js';
export { type PulledModel, type PullModelsOptions, pullModels as pull } from './pull.js';
export { loadRecipe } from './recipe/load.js';
export { parseRecipe } from './recipe/parse.js';
export type {
  LayerRange,
  ParameterEntry,
  ParameterTable,
  ParameterValue,
  Recipe,
  RecipeBase,
  RecipeModel,
  RecipeModule,
  RecipeSlice,
  RecipeSource,
} from './recipe/recipe.js';
export type { ModelReference } from './recipe/reference.js';
export { recipeSchema } from './recipe/schema.js';
export type { Progress } from './run/scheduler.js';
export { describeWarning, type Warning } from './warnings.js';
