/** Modules: which tensors each name means, found by the tensors' names, and what is done with those in none. */
import { describe, expect, it } from 'vitest';
import { isM2MergeError } from '../../src/errors.js';
import { type Merged, mergeFolder } from '../run/merge-folder.js';
import { writeAdapter } from '../support/adapters.js';
import { type TensorToWrite, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** Names of a vision language model as three families of architectures call them. */
const LAYOUTS = {
  'language_model beside vision_tower': {
    text: [
      'language_model.model.embed_tokens.weight',
      'language_model.model.layers.0.w',
      'language_model.model.layers.1.w',
      'language_model.lm_head.weight',
    ],
    vision: [
      'vision_tower.patch_embed.weight',
      'vision_tower.encoder.layers.0.w',
      'vision_tower.encoder.layers.1.w',
      'vision_tower.norm.weight',
    ],
    projector: ['multi_modal_projector.linear_1.weight'],
  },
  'everything under model': {
    text: [
      'model.language_model.embed_tokens.weight',
      'model.language_model.layers.0.w',
      'model.language_model.layers.1.w',
      'model.language_model.norm.weight',
      'lm_head.weight',
    ],
    vision: ['model.visual.patch_embed.proj.weight', 'model.visual.blocks.0.w', 'model.visual.blocks.1.w'],
    projector: ['model.multi_modal_projector.linear.weight'],
  },
  'the text model without a name of its own': {
    text: ['model.embed_tokens.weight', 'model.layers.0.w', 'model.layers.1.w', 'model.norm.weight', 'lm_head.weight'],
    vision: ['visual.patch_embed.proj.weight', 'visual.blocks.0.w', 'visual.blocks.1.w'],
    projector: ['visual_projection.weight'],
  },
} as const;

const tensorsOf = (names: readonly string[], value: number): TensorToWrite[] =>
  names.map((name) => ({ name, dtype: 'F32', shape: [1], values: [value] }));

function folderOf(names: readonly string[], config: Record<string, unknown> = {}): string {
  const folder = temporaryFolder();
  writeModel(`${folder}/a`, tensorsOf(names, 100), { config });
  writeModel(`${folder}/b`, tensorsOf(names, 200), { config });
  return folder;
}

/** Modules with b's share in each: the value then tells the module. */
const modulesOf = (shares: Readonly<Record<string, number>>): string =>
  `merge_method: linear\nmodules:\n${Object.entries(shares)
    .map(
      ([name, share]) =>
        `  ${name}:\n    models: [{model: a, parameters: {weight: ${1 - share}}}, {model: b, parameters: {weight: ${share}}}]\n`,
    )
    .join('')}`;

const values = (merged: Merged, names: readonly string[]): number[] =>
  names.map((name) => merged.model.tensors.get(name)!.values[0]!);

describe.each(Object.entries(LAYOUTS))('%s', (_title, { text, vision, projector }) => {
  const all = [...text, ...vision, ...projector];
  const expectShares = (merged: Merged, shares: readonly [number, number, number]) => {
    const parts = [text, vision, projector].map((names) => [...new Set(values(merged, names))]);
    expect(parts).toEqual(shares.map((share) => [100 + 100 * share]));
  };

  it("takes mergekit's names", async () => {
    const shares = { text_decoder: 0.25, vision_tower: 0.5, multi_modal_projector: 0.75 };
    const merged = await mergeFolder(folderOf(all), modulesOf(shares));
    expectShares(merged, [0.25, 0.5, 0.75]);
    expect(merged.warnings).toEqual([]);
  });

  it('takes the paths of the layers, and "default" for the rest', async () => {
    const path = (names: readonly string[]) => names.find((name) => name.endsWith('.0.w'))!.replace('.0.w', '');
    const merged = await mergeFolder(
      folderOf(all),
      modulesOf({ [path(text)]: 0.25, [path(vision)]: 0.5, default: 0.75 }),
    );
    expectShares(merged, [0.25, 0.5, 0.75]);
  });

  it('carries over what is in no module, and says so', async () => {
    const merged = await mergeFolder(folderOf(all), modulesOf({ text_decoder: 0.5 }));
    expectShares(merged, [0.5, 0, 0]);
    expect(merged.warnings).toMatchObject([
      { kind: 'tensors-carried-over', facts: { count: vision.length + projector.length, model: 'a' } },
    ]);
  });

  it('stacks the layers of one module', async () => {
    const config = { text_config: { num_hidden_layers: 2 }, vision_config: { num_hidden_layers: 2, depth: 2 } };
    const recipe =
      'merge_method: passthrough\nmodules:\n  text_decoder:\n    slices:\n' +
      '      - sources: [{model: a, layer_range: [0, 2]}]\n      - sources: [{model: b, layer_range: [1, 2]}]\n' +
      '  vision_tower: {models: [{model: b}]}\n  projector: {models: [{model: a}]}\n';
    const merged = await mergeFolder(folderOf(all, config), recipe);
    const layer = text.find((name) => name.endsWith('.0.w'))!;
    expect(
      values(
        merged,
        [0, 1, 2].map((index) => layer.replace('.0.', `.${index}.`)),
      ),
    ).toEqual([100, 100, 200]);
    expect(values(merged, vision)).toEqual(vision.map(() => 200));
    expect(merged.model.config).toMatchObject({
      text_config: { num_hidden_layers: 3 },
      vision_config: { num_hidden_layers: 2, depth: 2 },
    });
  });
});

it('a module of whole models asks nothing of the layers of others', async () => {
  const { text, vision } = LAYOUTS['everything under model'];
  const folder = temporaryFolder();
  writeModel(`${folder}/a`, tensorsOf([...text, ...vision], 100));
  writeModel(`${folder}/b`, tensorsOf([...text, ...vision, 'model.language_model.layers.2.w'], 200));
  const both = (range: string) => `[{model: a${range}}, {model: b${range}}]`;
  const recipe = (decoder: string, tower: string) =>
    `merge_method: linear\nparameters: {weight: 1}\nmodules:\n  text_decoder: {${decoder}}\n  vision_tower: {${tower}}\n`;
  const slices = `slices: [{sources: ${both(', layer_range: [0, 2]')}}]`;
  const merged = await mergeFolder(folder, recipe(slices, `models: ${both('')}`));
  expect(new Set(values(merged, [...text, ...vision]))).toEqual(new Set([150]));
  expect(merged.model.tensors.size).toBe(text.length + vision.length);
  await expect(mergeFolder(folder, recipe(`models: ${both('')}`, `models: ${both('')}`))).rejects.toMatchObject({
    kind: 'layer-count-mismatch',
    facts: { stack: 'model.language_model.layers' },
  });
});

it('parameters of a module come before those of the recipe', async () => {
  const { text, vision, projector } = LAYOUTS['everything under model'];
  const recipe =
    'merge_method: passthrough\nmodules:\n  text_decoder: {models: [{model: a}], parameters: {scale: 2}}\n' +
    '  vision_tower: {models: [{model: a}]}\n  default: {models: [{model: a, parameters: {scale: 4}}]}\nparameters: {scale: 3}\n';
  const merged = await mergeFolder(folderOf([...text, ...vision, ...projector]), recipe);
  expect([text, vision, projector].map((names) => values(merged, names)[0])).toEqual([200, 300, 400]);
});

it('encoder and decoder of one model are told apart', async () => {
  const names = [
    'shared.weight',
    'encoder.block.0.w',
    'encoder.final_layer_norm.weight',
    'decoder.block.0.w',
    'lm_head.weight',
  ];
  const merged = await mergeFolder(folderOf(names), modulesOf({ encoder: 0.25, decoder: 0.5, default: 0.75 }));
  expect(values(merged, names)).toEqual([175, 125, 125, 150, 175]);
});

/** Which of the modules owns each name. */
async function ownersOf(names: readonly string[], modules: readonly string[]): Promise<Record<string, string[]>> {
  const shares = Object.fromEntries(modules.map((module, index) => [module, (index + 1) / 8]));
  const merged = await mergeFolder(folderOf(names), modulesOf(shares));
  const owners = values(merged, names).map((value) => modules[Math.round((value - 100) / 12.5) - 1] ?? 'none');
  return Object.fromEntries(modules.map((module) => [module, names.filter((_, i) => owners[i] === module)]));
}

it('what a tower for sound has before its layers is its own, though it is called a projection', async () => {
  const text = ['model.embed_tokens.weight', 'model.layers.0.w', 'model.layers.1.w'];
  const audio = [
    'audio_tower.feature_projection.projection.weight',
    'audio_tower.layers.0.w',
    'audio_tower.layers.1.w',
  ];
  const projector = ['multi_modal_projector.linear.weight'];
  const modules = ['audio_tower', 'text_decoder', 'multi_modal_projector'];
  expect(await ownersOf([...text, ...audio, ...projector], modules)).toEqual({
    audio_tower: audio,
    text_decoder: text,
    multi_modal_projector: projector,
  });
});

it('parts without layers are found by their names, beside a text that begins as they do', async () => {
  const text = [
    'model.embed_tokens.weight',
    'model.layers.0.w',
    'model.layers.1.w',
    'model.norm.weight',
    'lm_head.weight',
  ];
  const vision = ['model.vision_tower.conv.weight', 'model.image_newline'];
  const projector = ['model.mm_projector.0.weight'];
  const modules = ['vision_tower', 'multi_modal_projector', 'text_decoder'];
  const owners = { vision_tower: vision, multi_modal_projector: projector, text_decoder: text };
  for (const order of [modules, modules.toReversed()]) {
    expect(await ownersOf([...text, ...vision, ...projector], order)).toEqual(owners);
  }
});

it('"shared" is what encoder and decoder share, and nothing of a decoder alone', async () => {
  const names = ['model.embed_tokens.weight', 'model.layers.0.w', 'model.layers.1.w', 'lm_head.weight'];
  await expect(ownersOf(names, ['shared', 'text_decoder'])).rejects.toThrow(/the models have no module "shared"/);
});

it('all of a head goes with the text, and "default" may be left with nothing', async () => {
  const names = ['model.embed_tokens.weight', 'model.layers.0.w', 'model.layers.1.w', 'lm_head.weight', 'lm_head.bias'];
  const vision = ['visual.blocks.0.w', 'visual.blocks.1.w'];
  expect(await ownersOf([...names, ...vision], ['text_decoder', 'vision_tower', 'default'])).toEqual({
    text_decoder: names,
    vision_tower: vision,
    default: [],
  });
});

it('a name that fits no tensors is refused', async () => {
  const { text, vision } = LAYOUTS['everything under model'];
  const error = await mergeFolder(
    folderOf([...text, ...vision]),
    modulesOf({ text_decoder: 0.5, audio_tower: 0.5 }),
  ).catch((thrown: unknown) => thrown);
  expect(isM2MergeError(error, 'recipe-invalid')).toBe(true);
  expect((error as Error).message).toMatch(
    /:5:16: modules\.audio_tower: the models have no module "audio_tower" \(by their tensors they have model\.language_model, model\.visual, default\)$|:6:5: modules\.audio_tower: /,
  );
});

describe('tensors in none of the modules', () => {
  const { text, vision } = LAYOUTS['the text model without a name of its own'];
  const recipe = (base: string) => `merge_method: linear
base_model: ${base}
modules: {text_decoder: {models: [{model: ${base}}, {model: b}]}}
parameters: {weight: 1}
`;
  const visionOf = ({ model }: Merged) => vision.map((name) => model.tensors.get(name)!);

  it('are written in the dtype that the recipe names', async () => {
    const folder = folderOf([...text, ...vision]);
    const asStored = { dtype: 'F32', values: [100] };
    for (const tensor of visionOf(await mergeFolder(folder, recipe('a')))) expect(tensor).toMatchObject(asStored);
    for (const tensor of visionOf(await mergeFolder(folder, `${recipe('a')}dtype: bfloat16\n`))) {
      expect(tensor).toMatchObject({ dtype: 'BF16', values: [100] });
    }
  });

  it.each(['', 'dtype: bfloat16\n'])('have what an adapter adds to them %s', async (dtype) => {
    const folder = temporaryFolder();
    const matrix = (name: string, value: number): TensorToWrite => ({
      name,
      dtype: 'F32',
      shape: [2, 2],
      values: new Array(4).fill(value),
    });
    const names = ['model.layers.0.q_proj.weight', 'visual.blocks.0.q_proj.weight'];
    for (const [model, value] of [['a', 100] as const, ['b', 200] as const]) {
      writeModel(
        `${folder}/${model}`,
        names.map((name) => matrix(name, value)),
      );
    }
    const factor = (name: string, shape: readonly number[]) => ({ name, dtype: 'F32', shape, values: [1, 1] });
    const prefix = 'base_model.model.visual.blocks.0.q_proj.lora_';
    const factors = [factor(`${prefix}A.weight`, [1, 2]), factor(`${prefix}B.weight`, [2, 1])];
    writeAdapter(`${folder}/lora`, factors, { r: 1, lora_alpha: 4 });
    const { model } = await mergeFolder(folder, recipe('a+lora') + dtype);
    expect(model.tensors.get(names[1]!)!.values).toEqual(new Array(4).fill(104));
  });
});
