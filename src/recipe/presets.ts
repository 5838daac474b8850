/** What a recipe's preset decides: the value of a parameter that the recipe does not give. */
import type { Method, Preset } from '../../kernels/method.js';
import type { Parameter, Setting } from '../../kernels/parameters.js';

/** The preset of a recipe that names none. */
export const DEFAULT_PRESET: Preset = 'mergekit';

/** What a parameter is where only the preset says something of it; undefined when the recipe must. */
export function defaultOf(
  { presets }: Pick<Method, 'presets'>,
  parameter: Parameter,
  preset: Preset = DEFAULT_PRESET,
): Setting | undefined {
  return presets[preset]?.[parameter.name] ?? parameter.default;
}
