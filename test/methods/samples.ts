/** Tensors that methods meet: sparse updates, and everything that can degenerate. */
import { createRandom } from '../support/random-models.js';
import { decodeSmallFloat, encodeSmallFloat } from '../support/small-floats.js';
import type { TensorInput } from './drive-method.js';

export const DTYPES = ['F32', 'BF16', 'F16'] as const;
export type SampleDtype = (typeof DTYPES)[number];

const round = (dtype: SampleDtype, value: number): number =>
  dtype === 'F32' ? Math.fround(value) : decodeSmallFloat(dtype, encodeSmallFloat(dtype, value));

export interface Sample extends TensorInput {
  readonly name: string;
  readonly base: readonly number[];
}

/** What `models` experts make of a base, in values of the dtype; `scale` is the size of their changes. */
export function samples(models: number, dtype: SampleDtype, seed = 1, scale = 0.01): Sample[] {
  const random = createRandom(seed);
  const draw = (count: number, size: number) =>
    Array.from({ length: count }, () => round(dtype, size * (random() - 0.5)));
  const sample = (
    name: string,
    shape: readonly number[],
    change: (base: number, model: number, i: number) => number,
  ) => {
    const base = draw(
      shape.reduce((product, length) => product * length, 1),
      0.1,
    );
    const values = Array.from({ length: models }, (_, model) =>
      base.map((value, i) => round(dtype, value + change(value, model, i))),
    );
    return { name, shape, base, models: values };
  };
  const update = () => scale * (random() - 0.5);
  const shared = Array.from({ length: 200 }, update);
  return [
    sample('matrix', [17, 13], () => update()),
    sample('matrix of several units', [24, 16], (_base, _model, i) => 0.5 * shared[i % 200]! + update()),
    sample('sparse', [11, 7], () => (random() < 0.6 ? 0 : update())),
    sample('vector', [70], () => update()),
    sample('one element', [1], () => update()),
    sample('unchanged', [6, 5], () => 0),
    sample('unchanged in the last model', [9, 4], (_base, model) => (model === models - 1 ? 0 : update())),
    sample('identical', [5, 9], (_base, _model, i) => shared[i]!),
    sample('opposite', [8, 3], (_base, model, i) => (model % 2 === 0 ? shared[i]! : -shared[i]!)),
    { ...sample('zeros', [3, 3], () => 0), base: Array(9).fill(0), models: Array(models).fill(Array(9).fill(0)) },
  ];
}
