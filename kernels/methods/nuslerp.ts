/** NuSLERP: spherical interpolation of two models or two task vectors, whole, by row or by column. */
import { combination, rowCombination } from '../consensus/combination.js';
import type { Method } from '../method.js';
import { weightsOf } from '../operand-table.js';
import { flagOf, type Settings } from '../parameters.js';
import { type ColumnProducts, columnCount, columnProducts } from '../statistics/column-products.js';
import { dot, type Gram, gramStatistic } from '../statistics/gram.js';
import type { Combine, TensorMerge, UnitContext } from '../unit.js';
import { directionWeightParameter } from './common-parameters.js';

const PRODUCTS = 'products';

/** Norms are divided by no less than this, sums of weights by no less than that, sines likewise (mergekit's constants). */
const SMALLEST_NORM = 1e-7;
const SMALLEST_WEIGHT_SUM = 1e-6;
const SMALLEST_SINE = 1e-8;

/** Twice the largest vocabulary. Each unit of a tensor has sums of all its columns, 12 MB of so many. */
const MOST_COLUMNS = 524_288;

type Direction = 'whole' | 'rows' | 'columns';

function directionOf(settings: Settings): Direction {
  if (flagOf(settings, 'nuslerp_flatten')) return 'whole';
  return flagOf(settings, 'nuslerp_row_wise') ? 'columns' : 'rows';
}

export const nuslerp: Method = {
  name: 'nuslerp',
  title: 'NuSLERP',
  equation: 'sin((1−t)φ)/sin φ · x₁ + sin(tφ)/sin φ · x₂,  t = w₂/(w₁+w₂);  x = θ, or τ with a base',
  summary: 'Spherical interpolation of two models by their weights; with a base, of their task vectors.',
  space: 'either',
  operandCount: { minimum: 2, maximum: 2 },
  commonRows: true,
  parameters: [
    directionWeightParameter,
    {
      name: 'nuslerp_flatten',
      scope: 'merge',
      kind: 'boolean',
      default: true,
      summary: 'interpolate each tensor as one vector',
    },
    {
      name: 'nuslerp_row_wise',
      scope: 'merge',
      kind: 'boolean',
      default: false,
      summary:
        'without nuslerp_flatten: vectors along the first dimension instead of the last, as mergekit computes it',
    },
  ],
  elsewhere: {
    mergekit:
      'the same; the cosine is rounded to the work dtype, and opposite vectors give rounding errors where a line is taken here',
  },
  presets: { mergekit: {} },
  statistics(settings) {
    const direction = directionOf(settings);
    if (direction === 'rows') return [];
    return [direction === 'whole' ? gramStatistic(PRODUCTS) : columnProducts(PRODUCTS)];
  },
  ignores: () => false,
  wholeRows: (settings) => directionOf(settings) === 'rows',
  check(tensors) {
    const wide = tensors.find(
      (merge) => directionOf(merge.settings) === 'columns' && columnCount(merge) > MOST_COLUMNS,
    );
    return (
      wide &&
      `nuslerp_row_wise takes at most ${MOST_COLUMNS} vectors of a tensor; one of [${wide.shape.join(', ')}] has ${columnCount(wide)}`
    );
  },
  combine(context) {
    const t = shareOfSecond(context.merge);
    const coefficientsOf = (gram: Gram) => interpolation(dot(gram, 0, 0), dot(gram, 0, 1), dot(gram, 1, 1), t);
    const direction = directionOf(context.merge.settings);
    if (direction === 'rows') return rowCombination(context, coefficientsOf);
    if (direction === 'columns') return columnCombination(context, t);
    return combination(context, coefficientsOf(context.statistics[PRODUCTS] as Gram));
  },
};

function shareOfSecond(merge: TensorMerge): number {
  const [first, second] = weightsOf(merge) as [number, number];
  return Math.abs(first + second) < SMALLEST_WEIGHT_SUM ? 0.5 : second / (first + second);
}

/** Coefficients of two vectors, from their inner products. */
function interpolation(aa: number, ab: number, bb: number, t: number): [number, number] {
  const [normA, normB] = [aa, bb].map((square) => Math.max(Math.sqrt(square), SMALLEST_NORM));
  const angle = Math.acos(Math.min(1, Math.max(-1, ab / (normA! * normB!))));
  const sine = Math.sin(angle);
  if (Math.abs(sine) < SMALLEST_SINE) return [1 - t, t];
  return [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine];
}

function columnCombination({ kernels, merge, statistics, allocate }: UnitContext, t: number): Combine {
  const products = statistics[PRODUCTS] as ColumnProducts;
  const columns = columnCount(merge);
  const slot = allocate(2 * columns * Float64Array.BYTES_PER_ELEMENT);
  const coefficients = new Float64Array(kernels.memory.buffer, slot, 2 * columns);
  for (let column = 0; column < columns; column++) {
    const [aa, ab, bb] = [0, 1, 2].map((k) => products[k * columns + column]!) as [number, number, number];
    [coefficients[column], coefficients[columns + column]] = interpolation(aa, ab, bb, t);
  }
  return ({ operands: [a, b], firstIndex, count }, destination) =>
    kernels.combineColumns(a!, b!, count, firstIndex % columns, columns, slot, destination);
}
