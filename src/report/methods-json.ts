/** Merge methods as data, for programs: what `m2merge methods --json` prints. */
import type { Method } from '../../kernels/method.js';
import { defaultOf } from '../recipe/presets.js';

/** The declaration of a method without its arithmetic; plain JSON. */
export function describeMethod(method: Method): object {
  const { name, aliases = [], title, paper, equation, summary, space, operandCount, presets, elsewhere } = method;
  // As a recipe has them that names no preset.
  const parameters = method.parameters.map((parameter) => {
    const fallback = defaultOf(method, parameter);
    return { ...parameter, default: fallback, required: fallback === undefined };
  });
  return { name, aliases, title, paper, equation, summary, space, operandCount, parameters, presets, elsewhere };
}
