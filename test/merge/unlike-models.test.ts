/** Models that are not quite alike: tied and untied heads, vocabularies of different size, tensors that some lack. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isM2MergeError } from '../../src/errors.js';
import { type Merged, mergeFolder, valuesOf } from '../run/merge-folder.js';
import { EMBED, HEAD, type LayeredModel, layerTensor, NORM, PLACES, writeLayered } from '../support/layered-models.js';
import { readModel, type TensorToWrite, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const A = 1000;
const B = 2000;

const LINEAR = 'merge_method: linear\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n';
const TASK =
  'merge_method: task_arithmetic\nbase_model: base\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n';

type Changes = Partial<LayeredModel>;

function folderOf(models: Readonly<Record<string, Changes>>): string {
  const folder = temporaryFolder();
  const offsets: Readonly<Record<string, number>> = { base: 0, a: A, b: B };
  for (const [name, changes] of Object.entries(models)) {
    writeLayered(folder, name, { offset: offsets[name]!, layers: 2, ...changes });
  }
  return folder;
}

async function refusal(folder: string, recipe: string) {
  const error = await mergeFolder(folder, recipe).catch((thrown: unknown) => thrown);
  if (!isM2MergeError(error)) throw new Error('expected a refusal');
  return error;
}

const first = (merged: Merged, tensor: string): number => valuesOf(merged, tensor)[0]!;
const kindsOf = (merged: Merged): string[] => merged.warnings.map(({ kind }) => kind);

describe('one model under two texts', () => {
  it('counts as two, as in mergekit, and is warned of', async () => {
    const folder = temporaryFolder();
    writeLayered(folder, 'a', { offset: 100, layers: 1 });
    writeLayered(folder, 'b', { offset: 200, layers: 1 });
    const models = ['a', './a', 'b'].map((model) => `{model: ${model}, parameters: {weight: 1}}`).join(', ');
    const merged = await mergeFolder(folder, `merge_method: linear\nmodels: [${models}]\n`);
    expect(valuesOf(merged, NORM)[0]).toBeCloseTo((100 + 100 + 200) / 3 + PLACES.norm, 4);
    expect(merged.warnings).toEqual([{ kind: 'model-twice', facts: { model: 'a', other: './a' } }]);
  });
});

describe('heads', () => {
  const cases = [
    { base: false, expert: false },
    { base: false, expert: true },
    { base: true, expert: false },
    { base: true, expert: true },
  ];
  for (const { base, expert } of cases) {
    const name = (own: boolean) => (own ? 'untied' : 'tied');
    it(`base ${name(base)}, expert ${name(expert)}`, async () => {
      const folder = folderOf({ base: { head: base }, a: { head: expert } });
      const recipe =
        'merge_method: task_arithmetic\nbase_model: base\nmodels: [{model: a}]\nparameters: {weight: 0.5}\n';
      const merged = await mergeFolder(folder, recipe);
      const baseHead = base ? PLACES.head : PLACES.embed;
      const expertHead = A + (expert ? PLACES.head : PLACES.embed);
      if (base || expert) expect(first(merged, HEAD)).toBe(baseHead + (expertHead - baseHead) / 2);
      else expect(merged.model.tensors.has(HEAD)).toBe(false);
      expect(first(merged, EMBED)).toBe(PLACES.embed + A / 2);
      expect(merged.model.config!.tie_word_embeddings).toBe(!(base || expert));
      expect(merged.warnings).toEqual([]);
    });
  }

  it('keep the key where a multimodal config has it, and add it where there is none', async () => {
    const nested = { tie_word_embeddings: true, text_config: { tie_word_embeddings: true, hidden_size: 2 } };
    const both = await mergeFolder(folderOf({ a: { config: nested }, b: { head: true } }), LINEAR);
    expect(both.model.config).toMatchObject({
      tie_word_embeddings: false,
      text_config: { tie_word_embeddings: false },
    });
    const none = { tie_word_embeddings: undefined };
    const added = await mergeFolder(folderOf({ a: { config: none }, b: { head: true } }), LINEAR);
    expect(added.model.config!.tie_word_embeddings).toBe(false);
    const alike = await mergeFolder(folderOf({ a: { head: true, config: none }, b: { head: true } }), LINEAR);
    expect(alike.model.config).not.toHaveProperty('tie_word_embeddings');
  });

  it('are not the embedding of a model whose config says so: one without a head is refused', async () => {
    const reward = { config: { tie_word_embeddings: false } };
    const refused = { kind: 'tensor-missing', facts: { tensor: HEAD, model: 'a' } };
    const folder = folderOf({ base: { head: true }, a: reward });
    const arithmetic =
      'merge_method: task_arithmetic\nbase_model: base\nmodels: [{model: a, parameters: {weight: 1}}]\n';
    await expect(mergeFolder(folder, arithmetic)).rejects.toMatchObject(refused);
    await expect(mergeFolder(folderOf({ a: reward, b: { head: true } }), LINEAR)).rejects.toMatchObject(refused);
    await expect(mergeFolder(folderOf({ base: reward, a: { head: true } }), arithmetic)).rejects.toMatchObject({
      facts: { tensor: HEAD, model: 'base' },
    });
  });

  it('are tied by what is said of the text, not of a tower; and never to what layers read besides', async () => {
    const config = { tie_word_embeddings: undefined, vision_config: { tie_word_embeddings: false } };
    const perLayer = {
      name: 'model.embed_tokens_per_layer.weight',
      dtype: 'F32',
      shape: [4, 6],
      values: new Array(24).fill(1),
    };
    const merged = await mergeFolder(
      folderOf({ a: { config, extra: [perLayer] }, b: { config, head: true, extra: [perLayer] } }),
      LINEAR,
    );
    expect(merged.model.tensors.has(HEAD)).toBe(true);
    expect(merged.warnings).toEqual([]);
  });

  it('that are stored although they are tied stay so when all models do it', async () => {
    const tied = { head: true, config: { tie_word_embeddings: true } };
    const merged = await mergeFolder(folderOf({ a: tied, b: tied }), LINEAR);
    expect(merged.model.tensors.has(HEAD)).toBe(true);
    expect(merged.model.config!.tie_word_embeddings).toBe(true);
  });
});

describe('vocabularies of different size', () => {
  const shapeOf = (merged: Merged, tensor: string) => merged.model.tensors.get(tensor)!.shape;

  it('linear keeps the rows that all models have', async () => {
    const merged = await mergeFolder(
      folderOf({ a: { vocabulary: 6, head: true }, b: { vocabulary: 4, head: true } }),
      LINEAR,
    );
    expect(shapeOf(merged, EMBED)).toEqual([4, 2]);
    expect(shapeOf(merged, HEAD)).toEqual([4, 2]);
    expect(valuesOf(merged, EMBED)).toEqual(new Array(8).fill(1501));
    expect(merged.model.config!.vocab_size).toBe(4);
    expect(kindsOf(merged)).toEqual(['rows-cut', 'rows-cut']);
  });

  it('task vectors keep the rows of the base', async () => {
    const merged = await mergeFolder(folderOf({ base: {}, a: { vocabulary: 6 }, b: {} }), TASK);
    expect(valuesOf(merged, EMBED)).toEqual(new Array(8).fill(3001));
    expect(merged.model.config!.vocab_size).toBe(4);
    expect(merged.warnings).toEqual([{ kind: 'rows-cut', facts: { model: 'a', tensor: EMBED, rows: 6, kept: 4 } }]);
  });

  it('a model with fewer rows than the base is refused', async () => {
    const { kind, message } = await refusal(folderOf({ base: {}, a: { vocabulary: 3 }, b: {} }), TASK);
    expect(kind).toBe('shape-mismatch');
    expect(message).toBe(`tensor "${EMBED}" is [3, 2] in a but [4, 2] in base`);
  });

  it('slerp, as some others, keeps what base and model have in common', async () => {
    const recipe = 'merge_method: slerp\nbase_model: base\nmodels: [{model: base}, {model: a}]\nparameters: {t: 1}\n';
    const merged = await mergeFolder(folderOf({ base: { vocabulary: 5 }, a: { vocabulary: 3 } }), recipe);
    expect(shapeOf(merged, EMBED)).toEqual([3, 2]);
    expect(merged.model.config!.vocab_size).toBe(3);
  });

  it('other tensors of different shape are refused', async () => {
    const bias = (length: number) => [
      { name: 'model.proj.bias', dtype: 'F32', shape: [length], values: new Array(length).fill(1) },
    ];
    const { message } = await refusal(folderOf({ a: { extra: bias(2) }, b: { extra: bias(3) } }), LINEAR);
    expect(message).toBe('tensor "model.proj.bias" is [3] in b but [2] in a');
  });
});

describe('tensors that some models lack', () => {
  const BIAS = 'self_attn.q_proj.bias';
  const Q = 'self_attn.q_proj.weight';
  const UP = 'mlp.up_proj.weight';
  const withBias = { kinds: [Q, UP, BIAS] };

  it('a kind that no layer of a model has is merged from the others', async () => {
    const merged = await mergeFolder(folderOf({ a: {}, b: withBias }), LINEAR);
    expect(first(merged, layerTensor(1, BIAS))).toBe(B + 20);
    expect(first(merged, layerTensor(1, UP))).toBe((A + B) / 2 + 20);
    expect(merged.warnings).toEqual([
      { kind: 'partial-tensor', facts: { model: 'a', tensor: layerTensor(0, BIAS), count: 2 } },
    ]);
  });

  it('an expert without it leaves it to the other experts', async () => {
    const merged = await mergeFolder(folderOf({ base: withBias, a: {}, b: withBias }), TASK);
    expect(first(merged, layerTensor(0, BIAS))).toBe(B + 10);
    expect(kindsOf(merged)).toEqual(['partial-tensor']);
  });

  it.each([
    ['no expert has it', TASK, {}],
    ['fewer have it than the method merges', TASK.replace('task_arithmetic', 'nuslerp'), withBias],
  ])('stays the base’s where %s, and that is said', async (_, recipe, b) => {
    const merged = await mergeFolder(folderOf({ base: withBias, a: {}, b }), recipe);
    expect([0, 1].map((layer) => first(merged, layerTensor(layer, BIAS)))).toEqual([10, 20]);
    const models = b === withBias ? ['a'] : ['a', 'b'];
    expect(merged.warnings).toEqual(
      models.map((model) => ({ kind: 'base-kept', facts: { model, tensor: layerTensor(0, BIAS), count: 2 } })),
    );
  });

  it('what the base lacks is left out', async () => {
    const merged = await mergeFolder(folderOf({ base: {}, a: withBias, b: withBias }), TASK);
    expect(merged.model.tensors.has(layerTensor(0, BIAS))).toBe(false);
    expect(merged.warnings).toEqual([
      { kind: 'extra-tensor', facts: { model: 'a', tensor: layerTensor(0, BIAS), count: 2 } },
    ]);
  });

  it.each([
    ['slerp', '{t: 0.5}'],
    ['arcee_fusion', '{}'],
  ])('%s takes what only one of the two has from that one, but no part of another kind', async (method, parameters) => {
    const recipe = `merge_method: ${method}\nbase_model: base\nmodels: [{model: base}, {model: a}]\nparameters: ${parameters}\n`;
    const reward = { extra: [{ name: 'value_head.weight', dtype: 'F32', shape: [1], values: [1] }] };
    const ofModel = await mergeFolder(folderOf({ base: {}, a: { ...withBias, ...reward } }), recipe);
    expect([0, 1].map((layer) => first(ofModel, layerTensor(layer, BIAS)))).toEqual([A + 10, A + 20]);
    expect(ofModel.warnings).toEqual([
      { kind: 'extra-tensor', facts: { model: 'a', tensor: 'value_head.weight', count: 1 } },
      { kind: 'partial-tensor', facts: { model: 'base', tensor: layerTensor(0, BIAS), count: 2 } },
    ]);
    const ofBase = await mergeFolder(folderOf({ base: withBias, a: {} }), recipe);
    expect([0, 1].map((layer) => first(ofBase, layerTensor(layer, BIAS)))).toEqual([10, 20]);
    expect(kindsOf(ofBase)).toEqual(['base-kept']);
  });

  it('one layer without what the others have is a damaged model', async () => {
    const folder = folderOf({ a: {}, b: {} });
    const extra = [{ name: layerTensor(1, 'mlp.gate.weight'), dtype: 'F32', shape: [1], values: [1] }];
    const both = [...extra, { name: layerTensor(0, 'mlp.gate.weight'), dtype: 'F32', shape: [1], values: [1] }];
    writeLayered(folder, 'a', { offset: A, layers: 2, extra: both });
    writeLayered(folder, 'b', { offset: B, layers: 2, extra });
    const { message } = await refusal(folder, LINEAR);
    expect(message).toBe('tensor "model.layers.0.mlp.gate.weight" of a is missing from b');
  });

  it('a whole part, as a vision tower, may be missing; the final norm may not', async () => {
    const tower = [0, 1].map((index) => ({
      name: `visual.blocks.${index}.attn.qkv.weight`,
      dtype: 'F32',
      shape: [2],
      values: [7, 8],
    }));
    const merged = await mergeFolder(folderOf({ a: { extra: tower }, b: {} }), LINEAR);
    expect(valuesOf(merged, 'visual.blocks.1.attn.qkv.weight')).toEqual([7, 8]);
    expect(kindsOf(merged)).toEqual(['partial-tensor']);
    const extra = [{ name: 'model.post_norm.weight', dtype: 'F32', shape: [1], values: [1] }];
    const { message } = await refusal(folderOf({ a: { extra }, b: {} }), LINEAR);
    expect(message).toBe('tensor "model.post_norm.weight" of a is missing from b');
  });

  /** Model `name` anew, without the tensors whose names match. */
  function removeFrom(folder: string, name: string, pattern: RegExp): void {
    const { tensors } = readModel(join(folder, name));
    const left = [...tensors].filter(([tensor]) => !pattern.test(tensor));
    writeModel(
      join(folder, name),
      left.map(([tensor, { dtype, shape, values }]) => ({ name: tensor, dtype, shape, values })),
    );
  }

  it.each([
    ['the final norm', /^model\.norm/, NORM],
    ['the embedding', /embed_tokens/, EMBED],
    ['the first layer', /layers\.0\./, layerTensor(0)],
    ['a layer between others', /layers\.1\./, layerTensor(1)],
  ])('%s is missing in whichever model lacks it', async (_, pattern, tensor) => {
    for (const damaged of ['base', 'a', 'b']) {
      const folder = folderOf({ base: { layers: 3 }, a: { layers: 3 }, b: { layers: 3 } });
      removeFrom(folder, damaged, pattern);
      const recipes = damaged === 'base' ? [TASK] : [TASK, LINEAR];
      for (const recipe of recipes) {
        const { kind, facts } = await refusal(folder, recipe);
        expect({ kind, facts }).toMatchObject({ kind: 'tensor-missing', facts: { tensor, model: damaged } });
      }
    }
  });

  it('without a base, what the first model lacks is missing as what another lacks', async () => {
    const extra = [{ name: 'score.weight', dtype: 'F32', shape: [1], values: [1] }];
    for (const [owner, other] of [['a', 'b'] as const, ['b', 'a'] as const]) {
      const { facts } = await refusal(folderOf({ [owner]: { extra }, [other]: {} }), LINEAR);
      expect(facts).toMatchObject({ tensor: 'score.weight', model: other, presentIn: owner });
    }
  });

  it('a method for two models takes over what only one has', async () => {
    const recipe = 'merge_method: nuslerp\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n';
    const merged = await mergeFolder(folderOf({ a: {}, b: withBias }), recipe);
    expect(first(merged, layerTensor(0, BIAS))).toBe(B + 10);
    const narrow = await mergeFolder(folderOf({ a: {}, b: withBias }), `${recipe}dtype: float16\n`);
    expect(narrow.model.tensors.get(layerTensor(0, BIAS))).toMatchObject({
      dtype: 'F16',
      values: new Array(4).fill(B + 10),
    });
  });
});

describe('models of which no layers are called alike', () => {
  const wrapped = ['a', 'b'].map((part): TensorToWrite => {
    const name = `model.language_model.layers.0.${part}.weight`;
    return { name, dtype: 'F32', shape: [1], values: [1] };
  });
  const recipes = { 'as weights': LINEAR.replace('{model: b}', '{model: vision}'), 'as task vectors': TASK };

  for (const [name, recipe] of Object.entries(recipes)) {
    it(`are refused, ${name}`, async () => {
      const folder = folderOf({ a: {}, b: {} });
      for (const model of ['vision', 'base']) writeModel(join(folder, model), wrapped);
      const { kind, facts } = await refusal(folder, recipe);
      expect(kind).toBe('tensor-missing');
      expect(facts).toMatchObject(
        recipe === TASK ? { tensor: wrapped[0]!.name, model: 'a', presentIn: 'base', count: 2 } : { model: 'vision' },
      );
    });
  }
});
