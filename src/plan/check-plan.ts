/** Whether a method takes what a plan would give it. */
import type { Method } from '../../kernels/method.js';
import type { TensorMerge } from '../../kernels/unit.js';
import { M2MergeError } from '../errors.js';
import type { Recipe } from '../recipe/recipe.js';
import { firstValueOf } from '../recipe/resolve.js';
import type { Plan } from './plan.js';
import { layoutOf, mergeOf, takesWhole } from './tensor-merge.js';
import { LARGEST_WHOLE_TENSOR_ELEMENTS, LONGEST_RUN_ELEMENTS } from './unit-layout.js';

/** Stands where settings are looked at and nothing is drawn. */
const NO_KEY = [0, 0] as const;

/** Throws `recipe-invalid`, `row-too-long` and `tensor-too-large` for what a method does not take. */
export function checkPlan(plan: Plan, method: Method, recipe: Recipe): void {
  checkSettings(plan, method, recipe);
  checkRows(plan);
}

function checkSettings(plan: Plan, method: Method, recipe: Recipe): void {
  const tensors = plan.jobs.flatMap((job) => (job.kind === 'merge' ? [mergeOf(plan, job, () => NO_KEY)] : []));
  checkChoices(tensors, method, recipe);
  // A base that stays as it is asks nothing of the method.
  const merged = tensors.filter(({ space, operands }) => space === 'weights' || operands.length > 0);
  const message = method.check?.(merged);
  if (message === undefined) return;
  const { line, column } = recipe.models[0]?.reference.position ?? { line: 1, column: 1 };
  const problem = { line, column, path: 'models', message };
  throw new M2MergeError('recipe-invalid', { file: recipe.file, problems: [problem] });
}

/** Choices of the merge decide which statistics are gathered; those over the whole model have to be the same for all. */
function checkChoices(tensors: readonly TensorMerge[], method: Method, recipe: Recipe): void {
  const [first] = tensors;
  const gathersModel = ({ settings }: TensorMerge): boolean =>
    method.statistics(settings).some(({ scope }) => scope === 'model');
  if (!tensors.some(gathersModel)) return;
  for (const { name, kind, scope } of method.parameters) {
    // A word in the place of a number is a choice, too.
    const isChoice = kind === 'choice' || tensors.some(({ settings }) => typeof settings[name] === 'string');
    if (!isChoice || scope !== 'merge') continue;
    if (tensors.every(({ settings }) => settings[name] === first!.settings[name])) continue;
    const { path, position } = firstValueOf(recipe, name)!;
    const message = 'varies by tensor, but the whole merge takes one value of it';
    const problem = { ...position, path, message, hint: 'give it once, for all slices and without filters' };
    throw new M2MergeError('recipe-invalid', { file: recipe.file, problems: [problem] });
  }
}

/** Rows that a method takes whole must fit into a worker's memory. */
function checkRows(plan: Plan): void {
  for (const job of plan.jobs) {
    if (job.kind !== 'merge') continue;
    const { runElements } = layoutOf(plan, job);
    const whole = takesWhole(plan, job);
    const limit = whole ? LARGEST_WHOLE_TENSOR_ELEMENTS : LONGEST_RUN_ELEMENTS;
    const facts = { tensor: job.tensor, method: plan.method, elements: runElements, limit };
    if (runElements > limit) throw new M2MergeError(whole ? 'tensor-too-large' : 'row-too-long', facts);
  }
}
