/** Adapters that do not fit, are no LoRA, or lie: each is refused with what was expected and found. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { addAdapter } from '../../src/checkpoint/adapter.js';
import { readAdapterConfig } from '../../src/checkpoint/adapter-config.js';
import { openAdapter } from '../../src/checkpoint/adapter-folder.js';
import { readAdapterTensorName } from '../../src/checkpoint/adapter-names.js';
import { openCheckpoint } from '../../src/checkpoint/folder.js';
import { parseModulePattern } from '../../src/checkpoint/module-pattern.js';
import { describeWarning } from '../../src/warnings.js';
import { adapterConfig, writeAdapter } from '../support/adapters.js';
import { type TensorToWrite, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const zeros = (name: string, shape: readonly number[], dtype = 'F32'): TensorToWrite => ({
  name,
  dtype,
  shape,
  values: new Float64Array(shape.reduce((product, length) => product * length, 1)),
});

const MODULE = 'base_model.model.model.layers.0.q_proj';
const PAIR = [zeros(`${MODULE}.lora_A.weight`, [4, 3]), zeros(`${MODULE}.lora_B.weight`, [2, 4])];
const MAGNITUDES = zeros(`${MODULE}.lora_magnitude_vector`, [2]);

async function joined(
  tensors: readonly TensorToWrite[],
  changes: Readonly<Record<string, unknown>> = {},
  base: readonly TensorToWrite[] = [zeros('model.layers.0.q_proj.weight', [2, 3])],
  config: Readonly<Record<string, unknown>> = {},
) {
  const folder = temporaryFolder();
  writeModel(join(folder, 'base'), base, { config });
  writeAdapter(join(folder, 'lora'), tensors, changes);
  const names = { model: 'base', adapter: 'lora' };
  return addAdapter(await openCheckpoint(join(folder, 'base')), await openAdapter(join(folder, 'lora')), names);
}

describe('adapters that fit', () => {
  it('become terms of the tensors they are for', async () => {
    const { files, tensors } = await joined(PAIR);
    expect(files.map(({ name }) => name)).toEqual(['model.safetensors', 'adapter_model.safetensors']);
    const { lowRank } = tensors.get('model.layers.0.q_proj.weight')!;
    expect(lowRank).toMatchObject({ rank: 4, scale: 4, transposed: false, left: { file: 1 }, right: { file: 1 } });
  });

  it('may carry the name of their training, and ranks of their own', async () => {
    const named = PAIR.map((tensor) => ({ ...tensor, name: tensor.name.replace('.weight', '.default.weight') }));
    const { tensors } = await joined(named, { r: 8, rank_pattern: { q_proj: 4 }, alpha_pattern: { q_proj: 2 } });
    expect(tensors.get('model.layers.0.q_proj.weight')!.lowRank).toMatchObject({ rank: 4, scale: 0.5 });
  });

  it.each([
    ['a Linear layer, whatever the config says', 'model.layers.0.q_proj', undefined, true, false],
    ['a Conv1D layer, told by the one beside it that is not square', 'h.0.attn.c_proj', [3, 12], false, true],
    ['a Linear layer that is called as one', 'model.layers.0.attn.c_proj', [12, 3], true, false],
    ['a layer called so where nothing tells: as the config says', 'h.0.attn.c_proj', undefined, true, true],
    ['and otherwise not', 'h.0.attn.c_proj', undefined, false, false],
  ] as const)('of a square matrix are as the layer has it: %s', async (_, name, wider, flag, isTransposed) => {
    const module = `base_model.model.${name}`;
    const square = [zeros(`${module}.lora_A.weight`, [4, 3]), zeros(`${module}.lora_B.weight`, [3, 4])];
    const beside = wider === undefined ? [] : [zeros('h.0.mlp.c_fc.weight', wider)];
    const base = [zeros(`${name}.weight`, [3, 3]), ...beside];
    const { tensors } = await joined(square, { fan_in_fan_out: flag }, base);
    expect(tensors.get(`${name}.weight`)!.lowRank!.transposed).toBe(isTransposed);
  });

  it.each([
    ['model.language_model.layers.0.q_proj', 'model.layers.0.q_proj'],
    ['model.language_model.layers.0.q_proj', 'language_model.model.layers.0.q_proj'],
    ['model.visual.blocks.0.attn.qkv', 'visual.blocks.0.attn.qkv'],
    ['transformer.h.0.attn.c_attn', 'h.0.attn.c_attn'],
    ['h.0.attn.c_attn', 'transformer.h.0.attn.c_attn'],
    ['layers.0.q_proj', 'model.layers.0.q_proj'],
    ['model.layers.0.q_proj', 'layers.0.q_proj'],
  ])('made of %s find %s', async (made, saved) => {
    const module = `base_model.model.${made}`;
    const pair = [zeros(`${module}.lora_A.weight`, [4, 3]), zeros(`${module}.lora_B.weight`, [2, 4])];
    // Patterns are held to the name in the model that was trained, as PEFT does.
    const { tensors } = await joined(pair, { alpha_pattern: { [`^${made}`]: 2 } }, [zeros(`${saved}.weight`, [2, 3])]);
    expect(tensors.get(`${saved}.weight`)!.lowRank).toMatchObject({ rank: 4, scale: 0.5 });
  });

  it('add to a tensor that the adapter replaces', async () => {
    const { tensors } = await joined([...PAIR, zeros(`${MODULE}.base_layer.weight`, [2, 3])]);
    expect(tensors.get('model.layers.0.q_proj.weight')).toMatchObject({ file: 1, lowRank: { rank: 4 } });
  });

  it('are refused where two layers may be meant', async () => {
    const base = ['layers.0.q_proj.weight', 'language_model.model.layers.0.q_proj.weight'];
    const module = 'base_model.model.model.language_model.layers.0.q_proj';
    const pair = [zeros(`${module}.lora_A.weight`, [4, 3]), zeros(`${module}.lora_B.weight`, [2, 4])];
    const shapes = ['model.layers.0.q_proj.weight', ...base].map((name) => zeros(name, [2, 3]));
    await expect(joined(pair, {}, shapes)).rejects.toMatchObject({ kind: 'adapter-mismatch' });
  });

  it('warn where embedding and head are tied and both stored', async () => {
    const head = [
      zeros('base_model.model.lm_head.lora_A.weight', [4, 3]),
      zeros('base_model.model.lm_head.lora_B.weight', [5, 4]),
    ];
    const base = [zeros('model.embed_tokens.weight', [5, 3]), zeros('lm_head.weight', [5, 3])];
    const kinds = async (config: Readonly<Record<string, unknown>>) =>
      (await joined(head, {}, base, config)).warnings.map(({ kind }) => kind);
    expect(await kinds({ tie_word_embeddings: true })).toEqual(['adapter-head']);
    expect(await kinds({ tie_word_embeddings: false })).toEqual([]);
    expect(await kinds({ text_config: { tie_word_embeddings: true } })).toEqual(['adapter-head']);
    expect(await kinds({})).toEqual([]);
  });

  it('warn of an embedding that is the head too', async () => {
    const embedding = 'base_model.model.model.embed_tokens';
    const tensors = [zeros(`${embedding}.lora_embedding_A`, [4, 5]), zeros(`${embedding}.lora_embedding_B`, [3, 4])];
    const base = [zeros('model.embed_tokens.weight', [5, 3])];
    for (const config of [{ tie_word_embeddings: true }, {}]) {
      const { warnings } = await joined(tensors, {}, base, config);
      expect(warnings.map(describeWarning)).toEqual([
        'adapter lora changes "model.embed_tokens.weight", which the model also uses as its head; in training the head stayed as it was',
      ]);
    }
  });
});

describe('adapters that do not fit', () => {
  const other = 'base_model.model.model.layers.7.q_proj';
  const cases: Record<string, [readonly TensorToWrite[], Readonly<Record<string, unknown>>, RegExp]> = {
    'a module that the base lacks': [
      [...PAIR, zeros(`${other}.lora_A.weight`, [4, 3]), zeros(`${other}.lora_B.weight`, [2, 4])],
      {},
      /"base_model\.model\.model\.layers\.7\.q_proj\.lora_A\.weight" of adapter lora does not fit "model\.layers\.7\.q_proj\.weight" of base: the model has no such tensor \(and 1 more/,
    ],
    'another shape': [
      [zeros(`${MODULE}.lora_A.weight`, [4, 5]), PAIR[1]!],
      {},
      /does not fit "model\.layers\.0\.q_proj\.weight" of base: the matrix is \[2, 3\] but its factors are \[2, 4\] and \[4, 5\]/,
    ],
    'one factor only': [[PAIR[0]!], {}, /lora_A\.weight" lacks another factor/],
    'a factor twice': [
      [...PAIR, zeros(`${MODULE}.lora_A.default.weight`, [4, 3])],
      {},
      /lora_A\.default\.weight" is given twice/,
    ],
    'a rank that the config denies': [PAIR, { r: 8 }, /lora_A\.weight" has rank 4, adapter_config\.json says 8/],
    'integers as factors': [[zeros(PAIR[0]!.name, [4, 3], 'I32'), PAIR[1]!], {}, /is I32, expected a floating point/],
    'a saved module of another shape': [
      [...PAIR, zeros('base_model.model.model.layers.0.q_proj.modules_to_save.weight', [5, 3])],
      {},
      /it is \[5, 3\] in the adapter but \[2, 3\] in the model/,
    ],
    'no tensors': [[], {}, /it holds no tensors/],
    'DoRA without magnitudes': [PAIR, { use_dora: true }, /lora_A\.weight" lacks the magnitudes of DoRA/],
    'magnitudes without DoRA': [[...PAIR, MAGNITUDES], {}, /lora_A\.weight" has magnitudes, but use_dora is not set/],
    'magnitudes without factors': [[MAGNITUDES], { use_dora: true }, /lora_magnitude_vector" lacks another factor/],
    'magnitudes of another length': [
      [...PAIR, zeros(MAGNITUDES.name, [3])],
      { use_dora: true },
      /"base_model.*lora_magnitude_vector" of adapter lora does not fit .* it has 2 rows but \[3\] magnitudes/,
    ],
    'DoRA of inputs as rows': [
      [zeros(`${MODULE}.lora_A.weight`, [4, 2]), zeros(`${MODULE}.lora_B.weight`, [3, 4]), zeros(MAGNITUDES.name, [3])],
      { use_dora: true },
      /cannot be added to weights: DoRA rescales the columns of a matrix that is stored as \[inputs, outputs\]/,
    ],
    'another kind': [PAIR, { peft_type: 'LOHA' }, /it is of type "LOHA", not LORA/],
    'a base that PiSSA changed': [PAIR, { init_lora_weights: 'pissa_niter_16' }, /changed the base model too/],
    'single tokens': [PAIR, { trainable_token_indices: [1, 2] }, /single rows of the embedding/],
    'a rank that is none': [PAIR, { r: 0 }, /"r" is 0, expected a whole number above 0/],
    'an alpha that is none': [PAIR, { lora_alpha: '16' }, /"lora_alpha" is "16", expected a number/],
    'patterns that are none': [PAIR, { alpha_pattern: { '(?=x)': 3 } }, /a pattern that is not supported/],
  };
  it.each(Object.entries(cases))('%s', async (_, [tensors, changes, message]) => {
    await expect(joined(tensors, changes)).rejects.toThrow(message);
  });

  it('a rank or a factor beyond all reason is refused before memory is taken for it', async () => {
    const wide = [zeros(`${MODULE}.lora_A.weight`, [2049, 1]), zeros(`${MODULE}.lora_B.weight`, [1, 2049])];
    const base = [zeros('model.layers.0.q_proj.weight', [1, 1])];
    await expect(joined(wide, { r: 2049 }, base)).rejects.toThrow(/has rank 2049, at most 2048 is possible/);
    const columns = 8_388_608 / 512 + 1;
    const long = [
      {
        name: `${MODULE}.lora_A.weight`,
        dtype: 'F8_E5M2',
        shape: [512, columns],
        bytes: new Uint8Array(512 * columns),
      },
      zeros(`${MODULE}.lora_B.weight`, [1, 512]),
    ];
    const row = [zeros('model.layers.0.q_proj.weight', [1, columns])];
    await expect(joined(long, { r: 512 }, row)).rejects.toThrow(/rank times columns is at most 8388608/);
  });

  it('files that are missing are named', async () => {
    const folder = temporaryFolder();
    await expect(openAdapter(folder)).rejects.toThrow(/config of the adapter not found: .*adapter_config\.json/);
    writeFileSync(join(folder, 'adapter_config.json'), JSON.stringify(adapterConfig()));
    await expect(openAdapter(folder)).rejects.toThrow(/weights of the adapter not found: .*adapter_model\.safetensors/);
    writeFileSync(join(folder, 'adapter_model.bin'), '');
    const failure = await openAdapter(folder).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      kind: 'model-empty',
      message: `${folder} holds no safetensors weights`,
      hint: 'found adapter_model.bin; convert them to safetensors first',
    });
  });
});

it('an adapter alone is no model', async () => {
  const folder = temporaryFolder();
  writeAdapter(folder, PAIR);
  const failure = await openCheckpoint(folder).catch((error: unknown) => error);
  expect(failure).toMatchObject({ kind: 'model-empty', hint: expect.stringContaining('base+adapter') });
});

describe('names of adapter tensors', () => {
  it.each([
    ['base_model.model.model.layers.0.mlp.up_proj.lora_B.weight', 'factor', 'model.layers.0.mlp.up_proj.weight'],
    ['base_model.model.q.base_layer.lora_A.weight', 'factor', 'q.weight'],
    ['base_model.model.wte.lora_embedding_A', 'factor', 'wte.weight'],
    ['base_model.model.lm_head.modules_to_save.default.weight', 'whole', 'lm_head.weight'],
    ['base_model.model.model.embed_tokens.base_layer.weight', 'whole', 'model.embed_tokens.weight'],
    ['base_model.model.q_proj.bias', 'whole', 'q_proj.bias'],
  ])('%s', (name, kind, tensor) => expect(readAdapterTensorName(name)).toMatchObject({ kind, tensor }));

  it.each(['a.lora_B.bias', 'a.token_adapter.trainable_tokens_delta', 'a.lora_C.weight'])('%s is refused', (name) => {
    expect(readAdapterTensorName(`base_model.model.${name}`)).toHaveProperty('unsupported');
  });
});

describe('patterns of modules', () => {
  it.each([
    ['q_proj', 'model.layers.0.self_attn.q_proj', true],
    ['q_proj', 'model.layers.0.self_attn.xq_proj', false],
    ['q_proj', 'q_proj', true],
    ['model.layers.0.self_attn.q_proj', 'model.layers.0.self_attn.q_proj', true],
    ['layers\\.(0|1)\\..*\\.q_proj', 'model.layers.1.self_attn.q_proj', true],
    ['layers\\.(0|1)\\..*\\.q_proj', 'model.layers.2.self_attn.q_proj', false],
    ['layers.[0-3].mlp.(?:up|down)_proj', 'model.layers.3.mlp.down_proj', true],
    ['^model.layers.0.q', 'model.layers.0.q', true],
  ])('%s in %s: %s', (pattern, module, matches) => expect(parseModulePattern(pattern)!.matches(module)).toBe(matches));

  it.each(['(a+)+', '(a|a)*b', 'a*b*c*d*', '(?<x>a)', '\\1', '(', 'a'.repeat(201), '(?=a)', 'a{1,2'])(
    '%s is not supported',
    (pattern) => expect(parseModulePattern(pattern)).toBeUndefined(),
  );

  it('cannot hang on a long name', () => {
    const pattern = parseModulePattern('.*a.*a.*b')!;
    expect(pattern.matches('a'.repeat(300))).toBe(false);
  });
});

it('the defaults of a config are those of PEFT', () => {
  expect(readAdapterConfig({ peft_type: 'LORA' }, 'file').scaleOf('q', 8)).toBe(1);
});
