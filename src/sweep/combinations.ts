/** All combinations of what a sweep tries, or a sample of them. */
import type { Position } from '../recipe/position.js';
import type { Axis, Plain, Range, SweepSection } from '../recipe/sweep-keys.js';
import { randomPoints, sobolPoints } from './sample.js';

/** A value for one setting. */
export interface Setting {
  readonly setting: string;
  /** Where the sweep names it; undefined for what is chosen elsewhere. */
  readonly position: Position | undefined;
  readonly value: Plain;
}

/** Significant digits of a sampled number: enough to tell any two apart, few enough to read. */
const SAMPLED_DIGITS = 4;

/** The settings of each variant; undefined when there are more than `limit`. The last setting varies fastest. */
export function combinations(section: SweepSection, limit: number): Setting[][] | undefined {
  const starts: readonly (readonly Setting[])[] = section.variants.length === 0 ? [[]] : section.variants;
  const grid = section.sample === undefined ? product(section.axes, limit) : sampled(section);
  if (grid === undefined || starts.length * grid.length > limit) return undefined;
  return starts.flatMap((start) => grid.map((settings) => [...start, ...settings]));
}

function product(axes: readonly Axis[], limit: number): Setting[][] | undefined {
  let combined: Setting[][] = [[]];
  for (const { setting, position, values } of axes) {
    const list = values as readonly Plain[];
    if (combined.length * list.length > limit) return undefined;
    combined = combined.flatMap((before) => list.map((value) => [...before, { setting, position, value }]));
  }
  return combined;
}

function sampled({ axes, sample }: SweepSection): Setting[][] {
  const { strategy, count, seed } = sample!;
  const draw = strategy === 'sobol' ? sobolPoints : randomPoints;
  return draw(count, axes.length, seed).map((point) =>
    axes.map(({ setting, position, values }, i) => ({ setting, position, value: valueAt(values, point[i]!) })),
  );
}

/** The value at a place in [0, 1): of a list the element there, of a range the number there. */
function valueAt(values: Axis['values'], place: number): Plain {
  if (isList(values)) return values[Math.floor(place * values.length)]!;
  const { minimum, maximum, logarithmic } = values;
  const value = logarithmic ? minimum * (maximum / minimum) ** place : minimum + (maximum - minimum) * place;
  const rounded = Number(value.toPrecision(SAMPLED_DIGITS));
  return String(Math.min(maximum, Math.max(minimum, rounded)));
}

/** Whether a setting's values are listed one by one. */
export function isList(values: readonly Plain[] | Range): values is readonly Plain[] {
  return Array.isArray(values);
}
