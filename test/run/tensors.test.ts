/** Tensors of every kind through whole merges: dtypes, what is carried over, what is left out, and odd shapes. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder as sharedFolder } from '../support/cli.js';
import { type TensorToWrite, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { mergeFolder, valuesOf } from './merge-folder.js';

const tensor = (name: string, dtype: string, values: readonly number[], shape = [values.length]): TensorToWrite => ({
  name,
  dtype,
  shape,
  values,
});

const RECIPE = `merge_method: task_arithmetic
base_model: base
models: [{model: a, parameters: {weight: 0.5}}, {model: b, parameters: {weight: 1}}]
`;

function write(models: Record<string, readonly TensorToWrite[]>, folder = temporaryFolder()): string {
  for (const [name, tensors] of Object.entries(models)) writeModel(join(folder, name), tensors);
  return folder;
}

describe('dtypes', () => {
  const base = [1, -2, 0.5, 0];
  const a = [2, -3, 0.5, 4];
  const b = [1.5, -2, 1, -1];
  // base + (a - base) / 2 + (b - base), exact in every format here.
  const expected = [2, -2.5, 1, 1];
  const outputs = { BF16: 'BF16', F16: 'F16', F32: 'F32', F64: 'F32', F8_E4M3: 'BF16', F8_E5M2: 'BF16' };
  for (const [dtype, output] of Object.entries(outputs)) {
    it(`${dtype} is merged and written as ${output}`, async () => {
      const one = (values: readonly number[]) => [tensor('w', dtype, values)];
      const merged = await mergeFolder(write({ base: one(base), a: one(a), b: one(b) }), RECIPE);
      expect(merged.model.tensors.get('w')).toMatchObject({ dtype: output, shape: [4], values: expected });
      const widened = { kind: 'dtype-implied', facts: { from: dtype, to: output, count: 1 } };
      expect(merged.warnings).toEqual(dtype === output ? [] : [widened]);
    });
  }

  it('a model under two names counts twice in an average', async () => {
    const folder = write({ a: [tensor('w', 'F32', a)], b: [tensor('w', 'F32', b)] });
    const models = 'models: [{model: a}, {model: b}, {model: ./a}]';
    const merged = await mergeFolder(
      folder,
      `merge_method: linear\n${models}\nparameters: {weight: 0.25, normalize: false}\n`,
    );
    expect(valuesOf(merged, 'w')).toEqual(a.map((value, i) => value / 2 + b[i]! / 4));
  });

  it('mixed ones become what the base is, without a base f32, or what the recipe says', async () => {
    const folder = write({
      base: [tensor('w', 'BF16', base)],
      a: [tensor('w', 'F16', a)],
      b: [tensor('w', 'F64', b)],
    });
    const plain = await mergeFolder(folder, RECIPE);
    expect(plain.model.tensors.get('w')).toMatchObject({ dtype: 'BF16', values: expected });
    expect(plain.warnings).toEqual([
      { kind: 'dtype-implied', facts: { from: 'BF16 and F16 and F64', to: 'BF16', count: 1 } },
    ]);
    const averaged = await mergeFolder(
      folder,
      `merge_method: linear\nmodels: [{model: base}, {model: a}]\nparameters: {weight: 1}\n`,
    );
    expect(averaged.model.tensors.get('w')).toMatchObject({ dtype: 'F32' });
    const half = await mergeFolder(folder, `${RECIPE}dtype: float16\n`);
    expect(half.model.tensors.get('w')).toMatchObject({ dtype: 'F16', values: expected });
    expect(half.warnings).toEqual([]);
  });

  it('one model can have tensors of several', async () => {
    const tensors = (values: readonly number[]) => [tensor('narrow', 'BF16', values), tensor('wide', 'F32', values)];
    const merged = await mergeFolder(write({ base: tensors(base), a: tensors(a), b: tensors(b) }), RECIPE);
    expect(merged.model.tensors.get('narrow')).toMatchObject({ dtype: 'BF16', values: expected });
    expect(merged.model.tensors.get('wide')).toMatchObject({ dtype: 'F32', values: expected });
  });
});

describe('carried over from the base, bit for bit', () => {
  it('integers and booleans, whatever the models have', async () => {
    const carried = { BOOL: 1, U8: 1, I8: 1, I16: 2, I32: 4, I64: 8, U64: 8, F8_E8M0: 1 };
    const tensors = (fill: number) => [
      ...Object.entries(carried).map(([dtype, width]) => ({
        name: `x.${dtype}`,
        dtype,
        shape: [3],
        bytes: new Uint8Array(3 * width).fill(fill),
      })),
      tensor('w', 'F32', [fill]),
    ];
    const merged = await mergeFolder(write({ base: tensors(1), a: tensors(0), b: tensors(0) }), RECIPE);
    for (const [dtype, width] of Object.entries(carried)) {
      const bytes = new Uint8Array(3 * width).fill(1);
      expect(merged.model.tensors.get(`x.${dtype}`)).toMatchObject({ dtype, shape: [3], bytes });
    }
    expect(valuesOf(merged, 'w')).toEqual([-0.5]);
  });

  it('floats in which no model has weight, NaN and all', async () => {
    const odd = Float32Array.from([Number.NaN, -0, 1e-45, Number.NEGATIVE_INFINITY]);
    const bits = new Uint32Array(odd.buffer);
    bits[0] = 0xffc12345;
    const bytes = new Uint8Array(odd.buffer);
    const tensors = [{ name: 'w', dtype: 'F32', shape: [4], bytes }];
    const recipe = RECIPE.replace(/weight: (0\.5|1)/g, 'weight: 0');
    const merged = await mergeFolder(write({ base: tensors, a: tensors, b: tensors }), recipe);
    expect(merged.model.tensors.get('w')!.bytes).toEqual(bytes);
    // They are written in the recipe's dtype all the same, zeros with their sign.
    const narrow = await mergeFolder(write({ base: tensors, a: tensors, b: tensors }), `${recipe}dtype: bfloat16\n`);
    const values = [Number.NaN, -0, 0, Number.NEGATIVE_INFINITY];
    expect(narrow.model.tensors.get('w')).toMatchObject({ dtype: 'BF16', values });
  });
});

describe('weights of dtypes that are not merged', () => {
  const packed = (...values: number[]) => ({ name: 'q.weight', dtype: 'U8', shape: [2], values });
  const plain = (...values: number[]) => ({ name: 'q.weight', dtype: 'F32', shape: [2], values });

  it("are the base's where all models have such, with a warning", async () => {
    const merged = await mergeFolder(write({ base: [packed(1, 2)], a: [packed(3, 4)], b: [packed(5, 6)] }), RECIPE);
    expect(merged.model.tensors.get('q.weight')).toMatchObject({ dtype: 'U8', values: [1, 2] });
    const facts = { tensor: 'q.weight', dtype: 'U8', model: 'base', count: 1 };
    expect(merged.warnings).toEqual([{ kind: 'weights-unmerged', facts }]);
  });

  it('are refused beside floats, whichever model has them', async () => {
    for (const odd of ['base', 'a', 'b']) {
      const models = Object.fromEntries(
        ['base', 'a', 'b'].map((name) => [name, [name === odd ? packed(1, 2) : plain(1, 2)]]),
      );
      await expect(mergeFolder(write(models), RECIPE)).rejects.toMatchObject({
        kind: 'dtype-unmergeable',
        facts: { tensor: 'q.weight', model: odd, dtype: 'U8' },
      });
    }
  });
});

it('tensors that the base has not are warned of and left out', async () => {
  const folder = write({
    base: [tensor('w', 'F32', [0])],
    a: [tensor('w', 'F32', [1]), tensor('value_head', 'F32', [1]), tensor('critic', 'F32', [1])],
    b: [tensor('w', 'F32', [1])],
  });
  const merged = await mergeFolder(folder, RECIPE);
  expect([...merged.model.tensors.keys()]).toEqual(['w']);
  expect(merged.warnings).toEqual([{ kind: 'extra-tensor', facts: { model: 'a', tensor: 'critic', count: 2 } }]);
});

describe('odd shapes', () => {
  const shaped = (value: number) => [
    tensor('empty', 'F32', [], [0]),
    tensor('empty.matrix', 'BF16', [], [3, 0]),
    tensor('matrix', 'F32', [value, -value, 0, 2 * value], [2, 2]),
    tensor('scalar', 'F32', [value], []),
    tensor('single', 'BF16', [-value], [1, 1, 1]),
  ];
  const folder = write({ base: shaped(0), a: shaped(2), b: shaped(2) }, sharedFolder());
  const recipes = {
    linear: RECIPE.replace('task_arithmetic', 'linear').replace('base_model: base\n', ''),
    task_arithmetic: `${RECIPE}parameters: {normalize: true}\n`,
    ties: RECIPE.replace('task_arithmetic', 'ties'),
    'ties over the model, of the papers': `${RECIPE.replace('task_arithmetic', 'ties')}parameters: {trim_scope: model, trim_rule: threshold, zero_sign: majority, rescale: l1}\n`,
    dare_linear: `${RECIPE.replace('task_arithmetic', 'dare_linear')}parameters: {normalize: true}\n`,
    dare_ties: `${RECIPE.replace('task_arithmetic', 'dare_ties')}parameters: {normalize: true, zero_sign: majority}\n`,
  };
  for (const [title, recipe] of Object.entries(recipes)) {
    it(`${title}: tensors without elements, scalars and single elements`, async () => {
      const { model } = await mergeFolder(folder, recipe);
      expect(model.tensors.get('empty')).toMatchObject({ dtype: 'F32', shape: [0], values: [] });
      expect(model.tensors.get('empty.matrix')).toMatchObject({ dtype: 'BF16', shape: [3, 0], values: [] });
      expect(model.tensors.get('matrix')).toMatchObject({ shape: [2, 2], values: [2, -2, 0, 4] });
      expect(model.tensors.get('scalar')).toMatchObject({ shape: [], values: [2] });
      expect(model.tensors.get('single')).toMatchObject({ dtype: 'BF16', shape: [1, 1, 1], values: [-2] });
    });
  }
});
