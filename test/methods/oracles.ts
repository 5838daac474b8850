/** What each method gives, written down again in float64 over whole arrays. Nothing here is shared with the kernels. */
import type { Settings } from '../../kernels/parameters.js';

export type Vector = readonly number[];

export interface Problem {
  readonly base: Vector;
  readonly models: readonly Vector[];
  readonly shape: readonly number[];
  /** Per model. */
  readonly own: readonly Readonly<Record<string, number>>[];
  readonly merge: Settings;
  /** All tensors of the model, for what looks at the whole. */
  readonly all: readonly Pick<Problem, 'base' | 'models'>[];
}

const total = (values: Vector): number => values.reduce((sum, value) => sum + value, 0);
const minus = (a: Vector, b: Vector): number[] => a.map((value, i) => value - b[i]!);
const dot = (a: Vector, b: Vector): number => total(a.map((value, i) => value * b[i]!));
const norm = (a: Vector): number => Math.sqrt(dot(a, a));
const column = (vectors: readonly Vector[], i: number): number[] => vectors.map((vector) => vector[i]!);
const combined = (coefficients: Vector, vectors: readonly Vector[]): number[] =>
  vectors[0]!.map((_, i) => dot(coefficients, column(vectors, i)));
const plus = (a: Vector, b: Vector): number[] => a.map((value, i) => value + b[i]!);

/** Task vectors as the engine has them: differences of f32 in f32. */
const changesOf = ({ base, models }: Pick<Problem, 'base' | 'models'>): number[][] =>
  models.map((model) => minus(model, base).map(Math.fround));
const weightsOf = ({ own }: Problem): number[] => own.map(({ weight }) => weight!);

function keepLargest(vector: Vector, kept: number): number[] {
  const order = [...vector.keys()].sort((a, b) => Math.abs(vector[b]!) - Math.abs(vector[a]!) || a - b);
  const chosen = new Set(order.slice(0, kept));
  return vector.map((value, i) => (chosen.has(i) ? value : 0));
}

function elected(changes: readonly Vector[], weights: Vector, divide: boolean): number[] {
  return changes[0]!.map((_, i) => {
    const products = column(changes, i).map((value, k) => Math.fround(value * Math.fround(weights[k]!)));
    const sign = products.reduce((sum, value) => Math.fround(sum + value), 0) >= 0 ? 1 : -1;
    const agreeing = [...products.keys()].filter((k) => Math.sign(products[k]!) === sign);
    const weight = total(agreeing.map((k) => weights[k]!));
    return total(agreeing.map((k) => products[k]!)) / (divide && Math.abs(weight) >= 1e-8 ? weight : 1);
  });
}

function rescaled(before: Vector, after: Vector): number[] {
  const [full, left] = [before, after].map((vector) => total(vector.map(Math.abs)));
  return full! < 1e-7 || left! < 1e-7 ? [...after] : after.map((value) => (value * full!) / left!);
}

function arc(a: Vector, b: Vector, t: number): number[] {
  const unit = (vector: Vector) => vector.map((value) => value / Math.max(norm(vector), 1e-7));
  const angle = Math.acos(Math.min(1, Math.max(-1, dot(unit(a), unit(b)))));
  if (Math.abs(Math.sin(angle)) < 1e-8) return combined([1 - t, t], [a, b]);
  return combined([Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)], [a, b]);
}

/** λ that makes the sum as long as the changes on average, over all tensors. */
function normPreserving(p: Problem): number {
  const changes = p.all.map(changesOf);
  const lengths = p.models.map((_, k) => norm(changes.map((own) => norm(own[k]!))));
  const sum = norm(changes.map((own) => norm(combined(weightsOf(p), own))));
  return total(lengths) / lengths.length / sum;
}

const scaledSum = (p: Problem, lambda: number): number[] => {
  const coefficients = weightsOf(p).map((weight) => lambda * weight);
  return plus(p.base, combined(coefficients, changesOf(p)));
};

/** Applies `work` to every row, or to every vector along the first dimension. */
function alongRows(shape: readonly number[], vectors: readonly Vector[], work: (rows: Vector[]) => Vector): number[] {
  const length = shape.at(-1)!;
  return Array.from({ length: vectors[0]!.length / length }, (_, row) =>
    work(vectors.map((vector) => vector.slice(row * length, (row + 1) * length))),
  ).flat();
}

function alongColumns(
  shape: readonly number[],
  vectors: readonly Vector[],
  work: (columns: Vector[]) => Vector,
): number[] {
  const columns = vectors[0]!.length / shape[0]!;
  const result = new Array<number>(vectors[0]!.length);
  for (let c = 0; c < columns; c++) {
    const pick = vectors.map((vector) => vector.filter((_, i) => i % columns === c));
    work(pick).forEach((value, row) => {
      result[row * columns + c] = value;
    });
  }
  return result;
}

function stock(changes: readonly Vector[]): number[] {
  const pairs = changes.flatMap((a, i) => changes.slice(i + 1).map((b) => [a, b] as const));
  const cosines = pairs.map(([a, b]) => Math.min(1, Math.max(-1, dot(a, b) / Math.max(norm(a) * norm(b), 1e-6))));
  const mean = total(cosines) / pairs.length;
  const n = changes.length;
  const divisor = 1 + (n - 1) * mean;
  const t = Math.abs(divisor) < 1e-12 ? 0 : (n * mean) / divisor;
  return combined(
    changes.map(() => t / n),
    changes,
  );
}

function meanOfChangers(problem: Problem, epsilon: number, factors: Vector): number[] {
  const changes = changesOf(problem);
  return problem.base.map((value, i) => {
    const here = column(changes, i);
    const who = [...here.keys()].filter((k) => Math.abs(here[k]!) > epsilon);
    if (who.length === 1) return value + factors[who[0]!]! * here[who[0]!]!;
    return value + total(who.map((k) => here[k]!)) / Math.max(1, who.length);
  });
}

function karcherMean(models: readonly Vector[], steps: number, tolerance: number): number[] {
  const units = models.filter((model) => norm(model) > tolerance).map((model) => model.map((x) => x / norm(model)));
  if (models.length === 1) return [...models[0]!];
  if (units.length === 0) return models[0]!.map(() => 0);
  const share = units.map(() => 1 / units.length);
  const start = combined(share, units);
  let centre: Vector = norm(start) < tolerance ? units[0]! : start.map((x) => x / norm(start));
  for (let step = 0; step < steps; step++) {
    const pulls = units.map((unit) => {
      const cosine = Math.min(1, Math.max(-1, dot(centre, unit)));
      const angle = Math.acos(cosine);
      const away = minus(
        unit,
        centre.map((x) => cosine * x),
      );
      // Opposite directions pull every way alike.
      return angle < tolerance || norm(away) < 1e-9 ? unit.map(() => 0) : away.map((x) => (x * angle) / norm(away));
    });
    const tangent = combined(share, pulls);
    const length = norm(tangent);
    if (length < tolerance) break;
    const moved = centre.map((x, i) => Math.cos(length) * x + (Math.sin(length) * tangent[i]!) / length);
    centre = moved.map((x) => x / norm(moved));
  }
  return centre.map((x) => (x * total(models.map(norm))) / models.length);
}

function crumbsOf(change: Vector, density: number, gamma: number): number[] {
  const kept = Math.floor(density * change.length);
  const outliers = Math.min(Math.floor(gamma * change.length), change.length - kept);
  return minus(keepLargest(change, kept + outliers), keepLargest(change, outliers));
}

const trim = (problem: Problem) =>
  changesOf(problem).map((change, k) => keepLargest(change, Math.floor(problem.own[k]!.density! * change.length)));
const crumbs = (problem: Problem) =>
  changesOf(problem).map((change, k) => crumbsOf(change, problem.own[k]!.density!, problem.own[k]!.gamma!));

export const ORACLES: Readonly<Record<string, (problem: Problem) => Vector>> = {
  linear: (p) =>
    combined(
      weightsOf(p).map((weight) => weight / total(weightsOf(p))),
      p.models,
    ),
  task_arithmetic: (p) =>
    plus(
      p.base,
      combined(
        weightsOf(p).map((weight) => 0.7 * weight),
        changesOf(p),
      ),
    ),
  'task_arithmetic, norm preserving': (p) => scaledSum(p, normPreserving(p)),
  'task_arithmetic, LiNeS': (p) => scaledSum(p, normPreserving(p) + Number(p.merge.lambda_increase)),
  consensus: (p) => {
    const changes = changesOf(p);
    const merged = combined(weightsOf(p), changes);
    return p.base.map((value, i) => {
      const here = column(changes, i);
      const caring = here.filter((own) => Math.abs(own) > Math.fround(0.4) * Math.abs(total(here) - own));
      return caring.length >= 2 ? value + merged[i]! : value;
    });
  },
  ties: (p) => plus(p.base, elected(trim(p), weightsOf(p), true)),
  breadcrumbs: (p) => plus(p.base, combined(weightsOf(p), crumbs(p))),
  breadcrumbs_ties: (p) => plus(p.base, elected(crumbs(p), weightsOf(p), false)),
  'breadcrumbs, rescaled': (p) => {
    const changes = changesOf(p);
    return plus(
      p.base,
      combined(
        weightsOf(p),
        crumbs(p).map((left, k) => rescaled(changes[k]!, left)),
      ),
    );
  },
  sce: (p) => plus(p.base, sceMerge(p, changesOf(p))),
  ram: (p) =>
    meanOfChangers(
      p,
      Math.fround(1e-5),
      p.models.map(() => 1),
    ),
  'ram of bits': (p) =>
    meanOfChangers(
      p,
      0,
      p.models.map(() => 1),
    ),
  ramplus_tl: (p) => {
    const changes = changesOf(p);
    const factors = changes.map((change, k) => {
      const mine = [...change.keys()].filter((i) => Math.abs(change[i]!) > Math.fround(1e-5));
      const alone = mine.filter((i) =>
        changes.every((other, j) => j === k || Math.abs(other[i]!) <= Math.fround(1e-5)),
      );
      return alone.length === 0 ? 1 : 1 + 0.1 * Math.min(0.2, (mine.length - alone.length) / alone.length);
    });
    return meanOfChangers(p, Math.fround(1e-5), factors);
  },
  model_stock: (p) => plus(p.base, stock(changesOf(p))),
  'model_stock by rows': (p) => plus(p.base, alongRows(p.shape, changesOf(p), stock)),
  slerp: ({ base, models: [model] }) => {
    const [a, b] = [norm(base), norm(model!)];
    const cosine = dot(base, model!) / ((a > 1e-8 ? a : 1) * (b > 1e-8 ? b : 1));
    if (Math.abs(cosine) > 0.9995) return combined([0.7, 0.3], [base, model!]);
    const angle = Math.acos(cosine);
    return combined([Math.sin(0.7 * angle) / Math.sin(angle), Math.sin(0.3 * angle) / Math.sin(angle)], [base, model!]);
  },
  nuslerp: (p) => arc(p.models[0]!, p.models[1]!, shareOfSecond(p)),
  'nuslerp by rows': (p) => alongRows(p.shape, p.models, ([a, b]) => arc(a!, b!, shareOfSecond(p))),
  'nuslerp by columns': (p) => alongColumns(p.shape, p.models, ([a, b]) => arc(a!, b!, shareOfSecond(p))),
  'nuslerp of changes': (p) => plus(p.base, arc(changesOf(p)[0]!, changesOf(p)[1]!, shareOfSecond(p))),
  multislerp: (p) => multi(p.models, weightsOf(p)),
  'multislerp of changes': (p) => plus(p.base, multi(changesOf(p), weightsOf(p))),
  karcher: ({ models }) => karcherMean(models, 10, 1e-5),
  nearswap: ({ base, models: [model] }) =>
    base.map((value, i) => {
      const weight = Math.min(1, 0.002 / Math.max(Math.abs(value - model![i]!), 1e-6));
      return weight * model![i]! + (1 - weight) * value;
    }),
  passthrough: ({ models: [model] }) => model!.map((value) => 0.5 * value),
};

const shareOfSecond = (p: Problem): number => weightsOf(p)[1]! / total(weightsOf(p));

function multi(vectors: readonly Vector[], given: Vector): Vector {
  if (vectors.length === 1) return vectors[0]!;
  const weights = given.map((weight) => weight / total(given));
  const units = vectors.map((vector) => vector.map((x) => x / (norm(vector) + 1e-8)));
  const mean = combined(weights, units);
  if (norm(mean) < 1e-8) return combined(weights, vectors);
  return mean.map((x) => (x / norm(mean)) * dot(weights, vectors.map(norm)));
}

function sceMerge({ merge }: Problem, changes: readonly Vector[]): number[] {
  const n = changes[0]!.length;
  const share = merge.select_topk as number;
  const variances = changes[0]!.map((_, i) => {
    const here = column(changes, i);
    const mean = total(here) / here.length;
    return Math.fround(total(here.map((x) => (x - mean) ** 2)) / here.length);
  });
  const count = Math.floor(share * variances.filter((x) => x !== 0).length);
  const order = [...variances.keys()].sort((a, b) => variances[b]! - variances[a]! || a - b);
  const selected = new Set(share >= 1 ? order : order.slice(0, count));
  const shown = changes.map((change) => change.map((x, i) => (selected.has(i) ? x : 0)));
  const means = shown.map((change) => dot(change, change) / n);
  const floor = (merge.least_energy as number) ?? 0;
  const sum = total(means);
  const weights = means.map((mean) => (sum === 0 || sum < floor ? 1 / means.length : mean / sum));
  const merged = merge.selection_for === 'weights' ? changes : shown;
  return merged[0]!.map((_, i) => {
    const here = column(merged, i);
    const sign = here.reduce((a, x) => Math.fround(a + x), 0) >= 0 ? 1 : -1;
    const agreeing = [...here.keys()].filter((k) => Math.sign(here[k]!) === sign);
    const weight = total(agreeing.map((k) => weights[k]!));
    return agreeing.length === 0
      ? 0
      : total(agreeing.map((k) => weights[k]! * here[k]!)) / Math.max(weight, floor || weight || 1);
  });
}
