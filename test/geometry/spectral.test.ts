/** Spectra against a full singular value decomposition (one-sided Jacobi) of small matrices. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { thinSvd } from '../methods/thin-svd.js';
import { library } from '../run/library.js';
import { REPOSITORY, temporaryFolder } from '../support/cli.js';
import { m2merge } from '../support/command.js';
import { type ModelRead, readModel, type TensorRead, writeModel } from '../support/safetensors.js';

type Matrix = readonly (readonly number[])[];

const EXPERTS = ['alpha', 'beta', 'idle'];
const SHAPES: Readonly<Record<string, readonly [number, number]>> = {
  'model.layers.0.self_attn.q_proj.weight': [70, 40],
  'model.layers.0.mlp.down_proj.weight': [36, 90],
  'model.embed_tokens.weight': [12, 40],
};
const [TALL, WIDE, SMALL] = Object.keys(SHAPES) as [string, string, string];

function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
}

/** A random matrix whose singular values fall, so that the leading subspace is a well-defined one. */
function decaying([rows, columns]: readonly [number, number], scale: number, random: () => number): number[] {
  const terms = Array.from({ length: 20 }, (_, k) => ({
    weight: scale * 0.7 ** k,
    left: Array.from({ length: rows }, random),
    right: Array.from({ length: columns }, random),
  }));
  return Array.from({ length: rows * columns }, (_, i) =>
    terms.reduce(
      (sum, { weight, left, right }) => sum + weight * left[Math.floor(i / columns)]! * right[i % columns]!,
      0,
    ),
  );
}

/** Singular values (descending) with their vectors; those of (nearly) nothing are left out. */
function decompose(matrix: Matrix) {
  const triplets = thinSvd(matrix.flat(), matrix.length, matrix[0]!.length);
  return {
    values: triplets.map(({ value }) => value),
    left: triplets.map(({ left }) => [...left]),
    right: triplets.map(({ right }) => [...right]),
  };
}

const asMatrix = (values: readonly number[], columns: number): Matrix =>
  Array.from({ length: values.length / columns }, (_, row) => values.slice(row * columns, (row + 1) * columns));
const minus = (a: Matrix, b: Matrix): Matrix => a.map((row, i) => row.map((x, j) => x - b[i]![j]!));
const inner = (a: Matrix, b: Matrix) =>
  a.reduce((sum, row, i) => sum + row.reduce((part, x, j) => part + x * b[i]![j]!, 0), 0);

/** The largest angle of two subspaces, from the smallest singular value of the inner products of their bases. */
function angleOf(a: Matrix, b: Matrix): number {
  const products = a
    .slice(0, 8)
    .map((x) => b.slice(0, 8).map((y) => x.reduce((sum, value, i) => sum + value * y[i]!, 0)));
  return Math.acos(Math.min(1, decompose(products).values[7]!));
}

describe('spectra', () => {
  const folder = temporaryFolder();
  let models: ModelRead[];
  let result: Awaited<ReturnType<typeof library.geometry>>;
  const matrixOf = (model: number, tensor: string) =>
    asMatrix(models[model]!.tensors.get(tensor)!.values, SHAPES[tensor]![1]);

  const recipe = () => {
    const text = JSON.stringify({
      merge_method: 'task_arithmetic',
      base_model: 'base',
      models: EXPERTS.map((model) => ({ model, parameters: { weight: 1 } })),
    });
    return library.parseRecipe(text, { file: 'group', folder });
  };

  beforeAll(async () => {
    const random = createRandom(5);
    const base = Object.fromEntries(Object.entries(SHAPES).map(([name, shape]) => [name, decaying(shape, 1, random)]));
    const common = Object.fromEntries(
      Object.entries(SHAPES).map(([name, shape]) => [name, decaying(shape, 0.02, random)]),
    );
    for (const name of ['base', ...EXPERTS]) {
      const tensors = Object.entries(SHAPES).map(([tensor, shape]) => {
        const own = decaying(shape, 0.02, random);
        const isSame = name === 'base' || name === 'idle';
        const values = base[tensor]!.map((x, i) => (isSame ? x : x + own[i]! + common[tensor]![i]!));
        return { name: tensor, dtype: 'F32', shape, values };
      });
      writeModel(join(folder, name), tensors);
    }
    models = ['base', ...EXPERTS].map((name) => readModel(join(folder, name)));
    result = await library.geometry(recipe(), { spectral: true });
  });

  it.each([TALL, WIDE])('of %s: ranks, shares, shift and angles of a full decomposition', (tensor) => {
    const base = decompose(matrixOf(0, tensor));
    const { spectral } = result.tensors[tensor]!;
    for (const [j, name] of ['alpha', 'beta'].entries()) {
      const [model, change] = [matrixOf(1 + j, tensor), minus(matrixOf(1 + j, tensor), matrixOf(0, tensor))];
      const [whole, delta] = [decompose(model), decompose(change)];
      const energy = inner(change, change);
      const leading = (values: readonly number[]) => values.slice(0, 8);
      const squares = (values: readonly number[]) => leading(values).reduce((sum, x) => sum + x ** 2, 0);
      const found = spectral!.experts[name]!;
      const shift = Math.sqrt(squares(whole.values.map((x, i) => x - base.values[i]!)) / squares(base.values));
      for (const [value, wanted] of [
        [found.stable_rank, energy / delta.values[0]! ** 2],
        [found.head_share, delta.values[0]! ** 2 / energy],
        [found.leading_share, squares(delta.values) / energy],
        [found.spectral_shift, shift],
        [found.left_angle, angleOf(base.left, whole.left)],
        [found.right_angle, angleOf(base.right, whole.right)],
      ] as const) {
        expect(Math.abs(value! / wanted - 1)).toBeLessThan(1e-3);
      }
    }
  });

  it.each([TALL, WIDE])('of %s: cosines of heads and tails', (tensor) => {
    const changes = [1, 2].map((model) => minus(matrixOf(model, tensor), matrixOf(0, tensor)));
    const heads = changes.map((change) => {
      const { values, left, right } = decompose(change);
      return change.map((row, i) => row.map((_, j) => values[0]! * left[0]![i]! * right[0]![j]!));
    });
    const tails = changes.map((change, i) => minus(change, heads[i]!));
    const cosine = ([a, b]: readonly Matrix[]) => inner(a!, b!) / Math.sqrt(inner(a!, a!) * inner(b!, b!));
    const found = result.tensors[tensor]!.spectral!.pairs['alpha|beta']!;
    expect(Math.abs(found.head_cosine! - cosine(heads))).toBeLessThan(1e-4);
    expect(Math.abs(found.tail_cosine! - cosine(tails))).toBeLessThan(1e-4);
  });

  it('add up over scopes, leave out small matrices, and are null for an expert that changed nothing', () => {
    expect(result.global.spectral!.matrices).toBe(2);
    expect(result.layers['0']!.spectral!.matrices).toBe(2);
    expect(result.modules.q!.spectral!.matrices).toBe(1);
    expect(result.modules.q!.spectral).toEqual(result.tensors[TALL]!.spectral);
    expect(result.tensors[SMALL]!.spectral).toBe(undefined);
    const energy = (tensor: string) => result.tensors[tensor]!.experts.alpha!.norm ** 2;
    const head = (tensor: string) => result.tensors[tensor]!.spectral!.experts.alpha!.head_share! * energy(tensor);
    const share = (head(TALL) + head(WIDE)) / (energy(TALL) + energy(WIDE));
    expect(result.global.spectral!.experts.alpha!.head_share).toBeCloseTo(share, 12);
    for (const value of Object.values(result.global.spectral!.experts.idle!)) expect(value).toBe(null);
    expect(result.global.spectral!.pairs['alpha|idle']).toEqual({ head_cosine: null, tail_cosine: null });
  });

  it('do not depend on threads, tiles or kernels', async () => {
    for (const options of [{ threads: 3, tileElements: 4096 }, { kernels: 'reference' }] as const) {
      expect(await library.geometry(recipe(), { ...options, spectral: true })).toEqual(result);
    }
  });

  it('cost is stated before the work, on stderr', async () => {
    const { stdout, stderr, status } = await m2merge(
      ['geometry', '--base', 'base', ...EXPERTS, '--spectral', '--threads', '1'],
      folder,
    );
    expect(status).toBe(0);
    expect(stderr).toMatch(/^spectra of 2 matrices: 5 more passes, \S+ Tflop, about \S+ s on 1 thread$/m);
    expect(stdout).toContain('Spectra');
  });
});

it('are right where the eighth and the ninth singular value are nearly equal, too', async () => {
  const group = join(REPOSITORY, 'recipes/tiny-rlvr');
  const tensor = 'model.layers.0.self_attn.o_proj.weight';
  const read = (name: string): TensorRead => readModel(join(group, name)).tensors.get(tensor)!;
  const folder = temporaryFolder();
  const [base, expert] = ['sft', 'if'].map((name) => {
    const { dtype, shape, bytes, values } = read(name);
    writeModel(join(folder, name), [{ name: tensor, dtype, shape, bytes }]);
    return decompose(asMatrix(values, shape[1]!));
  });
  expect(1 - base!.values[8]! / base!.values[7]!).toBeLessThan(2e-3);
  const models = [{ model: 'if', parameters: { weight: 1 } }];
  const text = JSON.stringify({ merge_method: 'task_arithmetic', base_model: 'sft', models });
  const recipe = library.parseRecipe(text, { file: 'group', folder });
  const { spectral } = (await library.geometry(recipe, { spectral: true })).global;
  const found = spectral!.experts.if!;
  const squares = (values: readonly number[]) => values.slice(0, 8).reduce((sum, x) => sum + x ** 2, 0);
  const moved = expert!.values.map((value, i) => value - base!.values[i]!);
  for (const [value, wanted] of [
    [found.spectral_shift, Math.sqrt(squares(moved) / squares(base!.values))],
    [found.left_angle, angleOf(base!.left, expert!.left)],
    [found.right_angle, angleOf(base!.right, expert!.right)],
  ] as const) {
    expect(Math.abs(value! / wanted - 1)).toBeLessThan(0.02);
  }
});

it('are of as many directions as a matrix has', async () => {
  const folder = temporaryFolder();
  const tensor = 'model.layers.0.mlp.up_proj.weight';
  const [rows, columns] = [40, 70];
  // Singular values 3, 2, 1 along three directions; the expert is half as long again in the same ones.
  const value = (i: number, of: readonly number[]): number =>
    of.reduce(
      (sum, size, k) => sum + size * Math.cos((k + 1) * Math.floor(i / columns)) * Math.sin((k + 1) * (i % columns)),
      0,
    );
  for (const [name, factor] of [
    ['base', 1],
    ['grown', 1.5],
  ] as const) {
    const values = Array.from({ length: rows * columns }, (_, i) => factor * value(i, [3, 2, 1]));
    writeModel(join(folder, name), [{ name: tensor, dtype: 'F32', shape: [rows, columns], values }]);
  }
  const models = [{ model: 'grown', parameters: { weight: 1 } }];
  const text = JSON.stringify({ merge_method: 'task_arithmetic', base_model: 'base', models });
  const recipe = library.parseRecipe(text, { file: 'group', folder });
  const { spectral } = (await library.geometry(recipe, { spectral: true })).global;
  const found = spectral!.experts.grown!;
  expect(found.left_angle).toBeLessThan(1e-6);
  expect(found.right_angle).toBeLessThan(1e-6);
  expect(found.spectral_shift).toBeCloseTo(0.5, 6);
});
