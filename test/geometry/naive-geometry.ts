/** Geometry as one would write it first: whole tensors as numbers, float64, one loop for each metric. */
import type { ModelRead, TensorRead } from '../support/safetensors.js';

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const dot = (a: readonly number[], b: readonly number[]): number => sum(a.map((x, i) => x * b[i]!));

/** Elements of a scope, tensor after tensor. */
export interface NaiveScope {
  readonly base: readonly number[];
  /** Task vectors, and whether stored bits differ, by expert. */
  readonly changes: readonly (readonly number[])[];
  readonly differs: readonly (readonly boolean[])[];
}

function differing(a: TensorRead, b: TensorRead): boolean[] {
  const width = a.bytes.length / a.values.length;
  const text = ({ bytes }: TensorRead, i: number) => bytes.subarray(i * width, (i + 1) * width).join();
  // Values of different dtypes have no bits in common to compare.
  return a.values.map((value, i) => (a.dtype === b.dtype ? text(a, i) !== text(b, i) : value !== b.values[i]));
}

export function naiveScope(base: ModelRead, experts: readonly ModelRead[], tensors: readonly string[]): NaiveScope {
  const of = (model: ModelRead, name: string) => model.tensors.get(name)!;
  return {
    base: tensors.flatMap((name) => of(base, name).values),
    changes: experts.map((expert) =>
      tensors.flatMap((name) => of(expert, name).values.map((value, i) => value - of(base, name).values[i]!)),
    ),
    differs: experts.map((expert) => tensors.flatMap((name) => differing(of(base, name), of(expert, name)))),
  };
}

/** Metrics of expert j. */
export function naiveExpert({ base, changes, differs }: NaiveScope, j: number) {
  const [x, marks, n] = [changes[j]!, differs[j]!, base.length];
  const count = (holds: (i: number) => boolean) => x.filter((_, i) => holds(i)).length;
  const larger = (i: number) => Math.max(Math.abs(base[i]!), Math.abs(base[i]! + x[i]!));
  const sorted = x.map((value) => value ** 2).sort((a, b) => b - a);
  const energy = sum(sorted);
  const top = (share: number) => {
    const whole = Math.floor(share * n);
    return (sum(sorted.slice(0, whole)) + (share * n - whole) * (sorted[whole] ?? 0)) / energy;
  };
  const others = differs.filter((_, k) => k !== j);
  return {
    changed_fraction: count((i) => marks[i]!) / n,
    changed_fraction_relative: count((i) => Math.abs(x[i]!) > 1e-3 * larger(i)) / n,
    changed_fraction_absolute: count((i) => Math.abs(x[i]!) > 1e-5) / n,
    norm: Math.sqrt(energy),
    relative_norm: Math.sqrt(energy / dot(base, base)),
    max_abs: x.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
    energy_top_20_percent: top(0.2),
    unique: count((i) => marks[i]! && !others.some((other) => other[i])),
    shared: count((i) => marks[i]! && others.some((other) => other[i])),
  };
}

/** Metrics of experts j and k. */
export function naivePair({ base, changes, differs }: NaiveScope, j: number, k: number) {
  const [x, y, n] = [changes[j]!, changes[k]!, base.length];
  const count = (holds: (i: number) => boolean) => x.filter((_, i) => holds(i)).length;
  const [inX, inY] = [(i: number) => differs[j]![i]!, (i: number) => differs[k]![i]!];
  const both = (i: number) => inX(i) && inY(i);
  const overlap = count(both);
  const [p, q] = [count(inX) / n, count(inY) / n];
  const exponents = base.map((value) => (value === 0 ? -127 : Math.floor(Math.log2(Math.abs(value)))));
  const expected = sum(
    [...new Set(exponents)].map((exponent) => {
      const within = (holds: (i: number) => boolean) => count((i) => exponents[i] === exponent && holds(i));
      return (within(inX) * within(inY)) / within(() => true);
    }),
  );
  const onOverlap = (values: readonly number[]) => values.filter((_, i) => both(i));
  const xy = dot(x, y);
  const jaccard = overlap / count((i) => inX(i) || inY(i));
  const exponentNull = expected / (n * (p + q) - expected);
  return {
    dot: xy,
    cosine: xy / Math.sqrt(dot(x, x) * dot(y, y)),
    sign_flip_z: xy / Math.sqrt(sum(x.map((value, i) => (value * y[i]!) ** 2))),
    jaccard,
    jaccard_null_independent: (p * q) / (p + q - p * q),
    jaccard_null_exponent: exponentNull,
    jaccard_lift: jaccard / exponentNull,
    overlap,
    sign_conflict_on_overlap: count((i) => x[i]! * y[i]! < 0) / overlap,
    cosine_on_overlap: xy / Math.sqrt(dot(onOverlap(x), onOverlap(x)) * dot(onOverlap(y), onOverlap(y))),
    distance: Math.sqrt(sum(x.map((value, i) => (value - y[i]!) ** 2))),
    norm_ratio: Math.sqrt(dot(x, x) / dot(y, y)),
  };
}

/** Metrics of the group. */
export function naiveGroup({ base, changes, differs }: NaiveScope) {
  const times = base.map((_, i) => differs.filter((marks) => marks[i]).length);
  const side = (sign: number) => base.map((_, i) => sum(changes.map((x) => Math.max(sign * x[i]!, 0))));
  const [positive, negative] = [side(1), side(-1)];
  const cancels = positive.filter((mass, i) => times[i]! > 1 && mass - negative[i]! === 0).length;
  return {
    parameters: base.length,
    base_norm: Math.sqrt(dot(base, base)),
    changed_by_k: Array.from({ length: changes.length + 1 }, (_, k) => times.filter((one) => one === k).length),
    exact_cancellation_on_overlap: cancels / times.filter((one) => one > 1).length,
    conflict_mass: sum(positive.map((mass, i) => Math.min(mass, negative[i]!))) / (sum(positive) + sum(negative)),
  };
}

/** Energies of the channels of MLPs: rows of gate and up, columns of down; `mlps` are prefixes of tensor names. */
export function naiveChannels(base: ModelRead, expert: ModelRead, mlps: readonly string[]): number[] {
  return mlps.flatMap((mlp) => {
    const matrix = (name: string) => {
      const [from, to] = [base, expert].map((model) => model.tensors.get(`${mlp}.${name}.weight`)!);
      const [, columns] = from!.shape;
      return { columns: columns!, x: to!.values.map((value, i) => value - from!.values[i]!) };
    };
    const down = matrix('down_proj');
    return Array.from({ length: down.columns }, (_, channel) => {
      const rows = ['gate_proj', 'up_proj'].flatMap((name) => {
        const { columns, x } = matrix(name);
        return x.slice(channel * columns, (channel + 1) * columns);
      });
      const column = down.x.filter((_, i) => i % down.columns === channel);
      return dot(rows, rows) + dot(column, column);
    });
  });
}
