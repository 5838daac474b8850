/** Models with LoRA adapters: against float64, and bit for bit against models that hold the sums. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { library } from '../run/library.js';
import { mergeFolder, valuesOf } from '../run/merge-folder.js';
import { adapted, transposed, writeAdapter } from '../support/adapters.js';
import { temporaryFolder } from '../support/cli.js';
import { m2merge } from '../support/command.js';
import { randomTensor } from '../support/random-models.js';
import { decodeValues, type TensorToWrite, writeModel } from '../support/safetensors.js';

const UP = 'model.layers.0.mlp.up_proj.weight';
const QUERY = 'model.layers.1.self_attn.q_proj.weight';
const EMBEDDING = 'model.embed_tokens.weight';
const NORM = 'model.norm.weight';
const RANK = 4;

/** More than one unit and odd everywhere, so that tiles and units end inside rows. */
const SHAPES: Readonly<Record<string, readonly [number, number]>> = {
  [UP]: [1_501, 703],
  [QUERY]: [64, 48],
  [EMBEDDING]: [129, 37],
};

const valuesIn = ({ dtype, bytes }: TensorToWrite): number[] => decodeValues(dtype, bytes!);

interface Experiment {
  readonly factors: readonly TensorToWrite[];
  /** The dense tensors in f32, and in float64. */
  readonly dense: ReadonlyMap<string, Float64Array>;
  readonly exact: ReadonlyMap<string, Float64Array>;
}

/** An adapter of the three matrices, and what it makes of the base. */
function experiment(base: readonly TensorToWrite[], seed: number, scale: number): Experiment {
  const factors: TensorToWrite[] = [];
  const dense = new Map<string, Float64Array>();
  const exact = new Map<string, Float64Array>();
  Object.entries(SHAPES).forEach(([name, [rows, columns]], i) => {
    const weight = valuesIn(base.find((tensor) => tensor.name === name)!);
    const module = `base_model.model.${name.replace(/\.weight$/, '')}`;
    const isEmbedding = name === EMBEDDING;
    // PEFT's A takes the inputs: of an embedding, the rows.
    const [inputs, outputs] = isEmbedding ? [rows, columns] : [columns, rows];
    const [aName, bName] = isEmbedding ? ['lora_embedding_A', 'lora_embedding_B'] : ['lora_A.weight', 'lora_B.weight'];
    const a = randomTensor(`${module}.${aName}`, [RANK, inputs], seed + 2 * i, 0.02);
    const b = randomTensor(`${module}.${bName}`, [outputs, RANK], seed + 2 * i + 1, 0.02);
    factors.push(a, b);
    const left = isEmbedding ? transposed(valuesIn(a), rows) : valuesIn(b);
    const right = isEmbedding ? transposed(valuesIn(b), RANK) : valuesIn(a);
    dense.set(name, adapted(weight, left, right, RANK, scale));
    exact.set(name, adapted(weight, left, right, RANK, scale, true));
  });
  return { factors, dense, exact };
}

describe('models with adapters', () => {
  const work = temporaryFolder();
  const base = [...Object.entries(SHAPES), [NORM, [37]] as const].map(([name, shape], i) =>
    randomTensor(name, shape, 10 + i, 0.02),
  );
  const experts = { a: experiment(base, 100, 16 / RANK), b: experiment(base, 200, 16 / RANK) };

  beforeAll(() => {
    writeModel(join(work, 'base'), base, {
      config: { model_type: 'llama', torch_dtype: 'bfloat16', tie_word_embeddings: false },
    });
    for (const [name, { factors, dense }] of Object.entries(experts)) {
      writeAdapter(join(work, `lora-${name}`), factors);
      const tensors = base.map((tensor) => {
        const values = dense.get(tensor.name) ?? valuesIn(tensor);
        return { name: tensor.name, dtype: 'F32', shape: tensor.shape, values };
      });
      writeModel(join(work, `dense-${name}`), tensors, { shards: 2 });
    }
  });

  it('is base + scale·B·A, as float64 has it', async () => {
    const text = 'merge_method: linear\ndtype: float32\nmodels: [{model: base+lora-a, parameters: {weight: 1}}]\n';
    const merged = await mergeFolder(work, text);
    for (const [name, expected] of experts.a.exact) {
      const found = valuesOf(merged, name);
      const largest = found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
      // Values are below 0.2, and there are RANK + 2 roundings, of numbers no larger.
      expect(largest).toBeLessThan(0.2 * 2 ** -24 * (RANK + 2));
    }
    expect(valuesOf(merged, NORM)).toEqual(valuesIn(base[3]!));
  });

  const METHODS = {
    linear: 'merge_method: linear\nparameters: {weight: 0.5}',
    'task arithmetic': 'merge_method: task_arithmetic\nbase_model: base\nparameters: {weight: 0.7}',
    ties: 'merge_method: ties\nbase_model: base\nparameters: {weight: 1, density: 0.3, trim_scope: tensor}',
    'ties over the model':
      'merge_method: ties\nbase_model: base\nparameters: {weight: 1, density: 0.3, trim_scope: model}',
  };
  const models = (a: string, b: string): string => `models: [{model: ${a}}, {model: ${b}}]\ndtype: bfloat16\n`;

  for (const [title, head] of Object.entries(METHODS)) {
    it(`${title}: the bytes of a merge of the dense models, whatever threads, tiles and kernels`, async () => {
      const dense = await mergeFolder(work, `${head}\n${models('dense-a', 'dense-b')}`);
      const expected = readFileSync(join(dense.output, 'model.safetensors'));
      const variations = [
        { threads: 1 },
        { threads: 3, tileElements: 4_096 },
        { tileElements: 1_048_576, kernels: 'reference' as const },
      ];
      for (const options of variations) {
        const merged = await mergeFolder(
          work,
          `${head}\n${models('base+lora-a', '{model: base, lora: lora-b}')}`,
          options,
        );
        expect(readFileSync(join(merged.output, 'model.safetensors')).equals(expected)).toBe(true);
      }
    });
  }

  it('is a base as well', async () => {
    const recipe = (origin: string, model: string): string =>
      `merge_method: task_arithmetic\nbase_model: ${origin}\ndtype: bfloat16\nmodels: [{model: ${model}, parameters: {weight: 0.5}}]\n`;
    const dense = await mergeFolder(work, recipe('dense-a', 'dense-b'));
    const merged = await mergeFolder(work, recipe('base+lora-a', 'base+lora-b'));
    const [found, expected] = [merged, dense].map(({ output }) => readFileSync(join(output, 'model.safetensors')));
    expect(found!.equals(expected!)).toBe(true);
    expect(merged.plan.inputs.map(({ reference, role }) => [role, reference])).toEqual([
      ['base', 'base+lora-a'],
      ['model', 'base+lora-b'],
    ]);
  });

  it('measures what the dense models measure', async () => {
    const measure = async (names: readonly string[]) => {
      const models = names.map((model) => ({ model, parameters: { weight: 1 } }));
      const text = JSON.stringify({ merge_method: 'task_arithmetic', base_model: 'base', models });
      const { global, tensors } = await library.geometry(library.parseRecipe(text, { folder: work }));
      return JSON.parse(JSON.stringify({ global, tensors }).replaceAll(/base\+lora-|dense-/g, ''));
    };
    expect(await measure(['base+lora-a', 'base+lora-b'])).toEqual(await measure(['dense-a', 'dense-b']));
  });

  it('plans from headers, and names the adapter in plan and manifest', async () => {
    writeFileSync(
      join(work, 'plan.yaml'),
      `merge_method: linear\nparameters: {weight: 1}\n${models('base', 'base+lora-a')}`,
    );
    const planned = await m2merge(['plan', 'plan.yaml'], work);
    expect(planned.stderr).toBe('');
    expect(planned.stdout).toContain('base+lora-a');
    const merged = await mergeFolder(
      work,
      `merge_method: linear\nparameters: {weight: 1}\n${models('base', 'base+lora-a')}`,
    );
    const manifest = JSON.parse(readFileSync(join(merged.output, 'm2merge_manifest.json'), 'utf8'));
    expect(manifest.inputs[1].files.map(({ name }: { name: string }) => name)).toEqual([
      'model.safetensors',
      'adapter_model.safetensors',
    ]);
  });

  it('takes modules_to_save and biases as they are', async () => {
    const head = randomTensor('base_model.model.lm_head.weight', [6, 4], 1, 0.5);
    const bias = randomTensor('base_model.model.q.base_layer.bias', [4], 2, 0.5);
    const origin = [
      randomTensor('lm_head.weight', [6, 4], 3, 0.5),
      randomTensor('q.weight', [4, 4], 4, 0.5),
      randomTensor('q.bias', [4], 5, 0.5),
    ];
    writeModel(join(work, 'biased'), origin);
    writeAdapter(join(work, 'whole'), [head, bias], { bias: 'all', modules_to_save: ['lm_head'] });
    const merged = await mergeFolder(
      work,
      'merge_method: linear\nmodels: [{model: biased+whole, parameters: {weight: 1}}]\n',
    );
    expect(valuesOf(merged, 'lm_head.weight')).toEqual(valuesIn(head));
    expect(valuesOf(merged, 'q.bias')).toEqual(valuesIn(bias));
    expect(valuesOf(merged, 'q.weight')).toEqual(valuesIn(origin[1]!));
  });

  it('has its own scale where rsLoRA or a pattern says so, and the transpose of Conv1D', async () => {
    const [rows, columns] = [6, 9];
    const names = ['h.0.attn.c_attn', 'h.1.attn.c_attn'];
    const origin = names.map((name, i) => randomTensor(`${name}.weight`, [rows, columns], i, 0.5));
    const a = names.map((name, i) => randomTensor(`base_model.model.${name}.lora_A.weight`, [RANK, rows], 10 + i, 0.5));
    const b = names.map((name, i) =>
      randomTensor(`base_model.model.${name}.lora_B.weight`, [columns, RANK], 20 + i, 0.5),
    );
    writeModel(join(work, 'gpt2'), origin);
    const changes = { use_rslora: true, alpha_pattern: { 'h.1.attn.c_attn': 3 }, fan_in_fan_out: true };
    writeAdapter(join(work, 'gpt2-lora'), [...a, ...b], changes);
    const text = 'merge_method: linear\ndtype: float32\nmodels: [{model: gpt2+gpt2-lora, parameters: {weight: 1}}]\n';
    const merged = await mergeFolder(work, text);
    [16, 3].forEach((alpha, i) => {
      const [left, right] = [transposed(valuesIn(a[i]!), rows), transposed(valuesIn(b[i]!), RANK)];
      const expected = adapted(valuesIn(origin[i]!), left, right, RANK, alpha / Math.sqrt(RANK));
      expect(valuesOf(merged, `${names[i]}.weight`)).toEqual([...expected]);
    });
  });
});
