/** Configs of stacked models beyond what one architecture shows: shared fields, nested sections, rules by layer number. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeWarning } from '../../src/warnings.js';
import { mergeFolder } from '../run/merge-folder.js';
import { writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

type Config = Readonly<Record<string, unknown>>;

/** A model with these stacks of layers, by prefix. */
function write(folder: string, name: string, stacks: Readonly<Record<string, number>>, config: Config): void {
  const names = Object.entries(stacks).flatMap(([prefix, count]) =>
    Array.from({ length: count }, (_, index) => [
      `${prefix}.${index}.norm.weight`,
      `${prefix}.${index}.mlp.weight`,
    ]).flat(),
  );
  const tensors = ['model.embed_tokens.weight', ...names].map((tensor) => {
    return { name: tensor, dtype: 'F32', shape: [4, 2], values: new Array(8).fill(1) };
  });
  writeModel(join(folder, name), tensors, { config });
}

const slice = (begin: number, end: number): string => `{sources: [{model: m, layer_range: [${begin}, ${end}]}]}`;
const slices = (...ranges: readonly (readonly [number, number])[]): string =>
  `[${ranges.map(([begin, end]) => slice(begin, end)).join(', ')}]`;

/** The config of the model put together of these ranges of one with `count` layers, and what was warned of. */
async function stack(config: Config, count: number, ...ranges: readonly (readonly [number, number])[]) {
  const folder = temporaryFolder();
  write(folder, 'm', { 'model.layers': count }, config);
  const merged = await mergeFolder(folder, `merge_method: passthrough\nslices: ${slices(...ranges)}\n`);
  return {
    config: merged.model.config,
    text: readFileSync(join(merged.output, 'config.json'), 'utf8'),
    warnings: merged.warnings,
  };
}

describe('a field that two stacks share', () => {
  const both = async (config: Config, encoder: string, decoder?: string) => {
    const folder = temporaryFolder();
    write(folder, 'm', { 'encoder.layers': 4, 'decoder.layers': 4 }, config);
    const more = decoder === undefined ? '' : `decoder: {slices: ${decoder}}, `;
    const modules = `{encoder: {slices: ${encoder}}, ${more}default: {models: [{model: m}]}}`;
    return mergeFolder(folder, `merge_method: passthrough\nmodules: ${modules}\n`);
  };

  it('follows where they agree', async () => {
    const merged = await both({ num_layers: 4 }, slices([0, 4], [3, 4]), slices([0, 2], [1, 4]));
    expect(merged.model.config).toMatchObject({ num_layers: 5 });
    expect(merged.warnings).toEqual([]);
  });

  it('stays and is told of where they do not', async () => {
    const merged = await both({ num_layers: 4 }, slices([0, 4], [3, 4]), slices([0, 3]));
    expect(merged.model.config).toMatchObject({ num_layers: 4 });
    expect(merged.warnings).toEqual([{ kind: 'field-contested', facts: { key: 'num_layers' } }]);
  });

  it('stays as well where one of the two is not stacked', async () => {
    const merged = await both({ num_layers: 4 }, slices([0, 4], [3, 4]));
    expect(merged.model.config).toMatchObject({ num_layers: 4 });
    expect(merged.warnings).toEqual([{ kind: 'field-contested', facts: { key: 'num_layers' } }]);
    const apart = await both({ num_layers: 4, num_decoder_layers: 4 }, slices([0, 4], [3, 4]));
    expect(apart.model.config).toMatchObject({ num_layers: 5, num_decoder_layers: 4 });
    expect(apart.warnings).toEqual([]);
  });

  it('is each its own where there is one for each', async () => {
    const merged = await both({ encoder_layers: 4, decoder_layers: 4 }, slices([0, 4], [3, 4]), slices([0, 3]));
    expect(merged.model.config).toMatchObject({ encoder_layers: 5, decoder_layers: 3 });
  });
});

describe('the depth', () => {
  it('is written where a section of the language model has none', async () => {
    const { config, warnings } = await stack(
      { text_config: { hidden_size: 2 }, qformer_config: { num_hidden_layers: 12 } },
      3,
      [0, 2],
      [0, 3],
    );
    expect(config).toMatchObject({
      text_config: { num_hidden_layers: 5, hidden_size: 2 },
      qformer_config: { num_hidden_layers: 12 },
    });
    expect(warnings).toEqual([]);
  });

  it('of a tower within a model of several is written there', async () => {
    const folder = temporaryFolder();
    const thinker = { text_config: { num_hidden_layers: 3 }, vision_config: { depth: 3 } };
    write(folder, 'm', { 'thinker.model.layers': 3, 'thinker.visual.blocks': 3 }, { thinker_config: thinker });
    const modules = `{thinker.visual: {slices: ${slices([0, 2], [1, 3])}}, default: {models: [{model: m}]}}`;
    const merged = await mergeFolder(folder, `merge_method: passthrough\nmodules: ${modules}\n`);
    expect(merged.model.config!.thinker_config).toEqual({ ...thinker, vision_config: { depth: 4 } });
  });

  it('is not taken from a section that only has the name of a part of the path', async () => {
    const { config } = await stack({ num_hidden_layers: 3, model: { hidden_size: 2 } }, 3, [0, 2], [0, 3]);
    expect(config).toMatchObject({ num_hidden_layers: 5, model: { hidden_size: 2 } });
  });

  it.each([
    [{ num_hidden_layers: 7 }, 'does not have the depth of the base ("num_hidden_layers" is 7)'],
    [{ blocks: 3 }, 'states no number of layers that is known'],
  ])('%j: is told of where it cannot be written', async (written, says) => {
    const { config, warnings } = await stack(written, 3, [0, 2], [0, 3]);
    expect(config).toMatchObject(written);
    expect(warnings.map(describeWarning)).toEqual([expect.stringContaining(says)]);
  });
});

describe('rules by layer number', () => {
  const broken = async (config: Config, ...ranges: readonly (readonly [number, number])[]) => {
    const { warnings } = await stack({ num_hidden_layers: 8, ...config }, 8, ...ranges);
    return warnings.map(({ kind, facts }) => [kind, 'key' in facts ? facts.key : '']);
  };

  it.each([
    [{ full_attention_interval: 4 }],
    [{ sliding_window_pattern: 4 }],
    [{ decoder_sparse_step: 2 }],
    [{ first_k_dense_replace: 3 }],
    [{ attn_layer_period: 4, attn_layer_offset: 2 }],
    [{ global_attn_every_n_layers: 3 }],
    [{ moe_layer_freq: 2 }],
    [{ max_window_layers: 3, use_sliding_window: true }],
  ])('%j: told of where layers come to places of another kind', async (rule) => {
    const [key] = Object.keys(rule);
    expect(await broken(rule, [0, 3], [2, 8])).toEqual([['layer-rule-broken', key]]);
  });

  it.each([
    [
      'layers keep their kinds',
      { full_attention_interval: 4 },
      [
        [0, 8],
        [4, 8],
      ],
    ],
    [
      'other layers of the same kinds',
      { full_attention_interval: 4 },
      [
        [0, 1],
        [0, 1],
        [0, 1],
        [3, 8],
      ],
    ],
    [
      'a list names the kinds',
      { full_attention_interval: 4, layer_types: [...'abcdefgh'] },
      [
        [0, 3],
        [2, 8],
      ],
    ],
    [
      'every layer is of one kind',
      { decoder_sparse_step: 1 },
      [
        [0, 3],
        [2, 8],
      ],
    ],
  ] as const)('not told of where %s', async (_, rule, ranges) => {
    expect(await broken(rule, ...ranges)).toEqual([]);
  });

  it('of experts are told of beside a list of kinds of attention', async () => {
    const config = { decoder_sparse_step: 2, layer_types: [...'abcdefgh'] };
    expect(await broken(config, [0, 3], [2, 8])).toEqual([['layer-rule-broken', 'decoder_sparse_step']]);
  });
});

it('kinds of layers that are written as runs of them follow', async () => {
  const config = { num_layers: 4, attention_types: [[['global', 'local'], 2]] };
  const stacked = await stack(config, 4, [0, 2], [1, 4]);
  expect(stacked.config!.attention_types).toEqual(
    ['global', 'local', 'local', 'global', 'local'].map((kind) => [[kind], 1]),
  );
  const odd = await stack({ num_layers: 4, attention_types: [['x'], [['y'], 1e9], 3] }, 4, [0, 2], [1, 4]);
  expect(odd.config!.attention_types).toEqual([['x'], [['y'], 1e9], 3]);
});

it('numbers in lists stay floats where they were', async () => {
  const folder = temporaryFolder();
  write(folder, 'm', { 'model.layers': 3 }, {});
  const written = '{"num_hidden_layers": 3, "ffn_multipliers": [1.0, 0.5, 2e0], "layer_scales": [1, 2, 3]}';
  writeFileSync(join(folder, 'm/config.json'), written);
  const merged = await mergeFolder(folder, `merge_method: passthrough\nslices: ${slices([0, 2], [1, 3])}\n`);
  const text = readFileSync(join(merged.output, 'config.json'), 'utf8');
  expect(text).toContain('"ffn_multipliers": [1.0,0.5,0.5,2.0]');
  expect(text).toContain('"layer_scales": [1,2,2,3]');
});
