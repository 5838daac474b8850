/** Merge methods as data, for programs: what `m2merge methods --json` prints. */
import type { Method } from '../../kernels/method.js';

/** The declaration of a method without its arithmetic; plain JSON. */
export function describeMethod(method: Method): object {
  const { name, aliases = [], title, paper, equation, summary, space, operandCount, presets, elsewhere } = method;
  const parameters = method.parameters.map((parameter) => ({
    ...parameter,
    required: parameter.default === undefined,
  }));
  return { name, aliases, title, paper, equation, summary, space, operandCount, parameters, presets, elsewhere };
}
