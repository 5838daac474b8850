/** Bad input, each once, through the command line: one message that names the place, and nothing left behind. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { m2merge } from '../support/command.js';
import { encodeHeader, encodeSafetensors, readModel, writeModel } from '../support/safetensors.js';
import { createWorkplace, expectRefusal, f32, RECIPE, type Refusal } from './workplace.js';

/** The output lies in a folder that does not exist, which must not exist afterwards either. */
const ARGS = ['recipe.yaml', 'merged/out'];

describe('recipes', () => {
  const method = (name: string, parameters = '{}') =>
    `${RECIPE.replace('task_arithmetic', name)}parameters: ${parameters}\n`;
  const sumOf = (weight: string) =>
    method('linear', '{normalize: false}')
      .replace('base_model: base\n', '')
      .replaceAll('weight: 1', `weight: ${weight}`);
  const refused: Record<string, Refusal & { recipe: string }> = {
    'YAML that cannot be read': {
      recipe: 'merge_method: [linear\nmodels:\n',
      status: 3,
      says: [/^error: recipe\.yaml:\d+:\d+: /m],
    },
    'an unknown method': {
      recipe: RECIPE.replace('task_arithmetic', 'task_aritmetic'),
      status: 3,
      says: ['recipe.yaml:1:15: ', 'task_aritmetic', 'did you mean "task_arithmetic"?'],
    },
    'a missing weight': {
      recipe: RECIPE.replace('{model: b, parameters: {weight: 1}}', '{model: b}'),
      status: 3,
      says: ['recipe.yaml:5:', 'models[1]', 'model "b" has no value of "weight"'],
    },
    'a density above 1': {
      recipe: method('ties').replace('{weight: 1}}\n  -', '{weight: 1, density: 1.5}}\n  -'),
      status: 3,
      says: ['recipe.yaml:4:49: ', /models\[0\]\.parameters\.density: .*1\.5/],
    },
    'a weight that is not a number': {
      recipe: RECIPE.replace('{weight: 1}', '{weight: .nan}'),
      status: 3,
      says: ['recipe.yaml:4:', /models\[0\]\.parameters\.weight: .*nan/],
    },
    'weights that add up to 0': {
      recipe: method('linear')
        .replace('base_model: base\n', '')
        .replace('b, parameters: {weight: 1}', 'b, parameters: {weight: -1}'),
      status: 3,
      says: ['recipe.yaml:', 'add up to 0', 'normalize: false'],
    },
    'an average in which nothing has weight': {
      recipe: sumOf('0'),
      status: 3,
      says: ['recipe.yaml:', 'every model has weight 0'],
    },
    'an average in which nothing has weight in some tensors': {
      recipe: sumOf('[{filter: norm, value: 0}, {value: 1}]'),
      status: 3,
      says: ['recipe.yaml:', 'every model has weight 0 in some tensors'],
    },
    'a choice that varies by tensor where trimming is over the whole model': {
      recipe: method('ties', '{trim_scope: model, trim_rule: [{filter: norm, value: threshold}, {value: exact}]}'),
      status: 3,
      says: ['recipe.yaml:6:', 'parameters.trim_rule: varies by tensor'],
    },
    'a density over the whole model that varies by layer': {
      recipe: method('ties', '{trim_scope: model, density: [{filter: norm, value: 0.5}, {value: 1}]}'),
      status: 3,
      says: ['recipe.yaml:', 'trim_scope: model', 'density'],
    },
    'a model that is not there': {
      recipe: RECIPE.replace('{model: b', '{model: ./models/c'),
      status: 4,
      says: ['recipe.yaml:5:13: ', 'model "./models/c" not found', /looked for a folder at .*models\/c/],
    },
    'a page of the Hub instead of a name': {
      recipe: RECIPE.replace('{model: b', '{model: "https://huggingface.co/org/some-model/tree/main"'),
      status: 4,
      says: ['hint: models on the Hub go by their name: org/some-model\n'],
    },
    'a single word, which an old model of the Hub may be called as well': {
      recipe: RECIPE.replace('{model: b', '{model: gpt2'),
      status: 4,
      says: ['model "gpt2" not found', 'then the working folder; on the Hub it would be hf://gpt2'],
    },
    'a folder that is nearly the one': {
      recipe: RECIPE.replace('base_model: base', 'base_model: ./bas'),
      status: 4,
      says: ['model "./bas" not found', 'hint: did you mean "base"? looked for a folder at '],
    },
    'a file instead of its folder': {
      recipe: RECIPE.replace('model: b,', 'model: b/model.safetensors,'),
      status: 4,
      says: ['recipe.yaml:5:13: model "b/model.safetensors" is a file', 'named by the folder'],
    },
  };
  for (const [title, { recipe, ...refusal }] of Object.entries(refused)) {
    it(title, () => expectRefusal(createWorkplace(recipe), ARGS, refusal));
  }

  it('a recipe that is not there', async () => {
    await expectRefusal(createWorkplace(), ['recipes/none.yaml', 'merged/out'], {
      status: 3,
      says: ['recipes/none.yaml'],
    });
  });

  it('a model that is looked for beside the recipe and in the working folder', async () => {
    const folder = createWorkplace();
    mkdirSync(join(folder, 'recipes'));
    writeFileSync(join(folder, 'recipes/r.yaml'), RECIPE.replace('{model: b', '{model: c'));
    const beside = join(folder, 'recipes/c').replaceAll('.', '\\.');
    const says = ['recipes/r.yaml:5:', new RegExp(`${beside} and ${join(folder, 'c').replaceAll('.', '\\.')};`)];
    await expectRefusal(folder, ['recipes/r.yaml', 'merged/out'], { status: 4, says });
  });
});

/** A file with the given header text and this many bytes of data. */
const raw = (header: string, dataBytes: number): Buffer =>
  Buffer.concat([encodeHeader(header), Buffer.alloc(dataBytes)]);

describe('models', () => {
  const layer = f32('layer.weight', [2, 2], 1, 2, 3, 4);
  const norm = f32('norm.weight', [3], 1, 1, 1);
  const refused: Record<string, { bytes: (valid: Buffer) => Buffer; says: readonly (string | RegExp)[] }> = {
    'shapes that differ': {
      bytes: () => encodeSafetensors([f32('layer.weight', [4], 1, 2, 3, 4), norm]),
      says: ['tensor "layer.weight" is [4] in b but [2, 2] in base'],
    },
    'a tensor that one model lacks': {
      bytes: () => encodeSafetensors([layer]),
      says: ['tensor "norm.weight" of base is missing from b'],
    },
    'integers where the base has floats': {
      bytes: () => encodeSafetensors([{ ...layer, dtype: 'I32' }, norm]),
      says: ['tensor "layer.weight" is I32 in b'],
    },
    'a file cut short': { bytes: (valid) => valid.subarray(0, -5), says: ['b/model.safetensors: '] },
    'a file cut short inside the header': { bytes: (valid) => valid.subarray(0, 20), says: ['b/model.safetensors: '] },
    'an empty file': { bytes: () => Buffer.alloc(0), says: ['b/model.safetensors: '] },
    'tensors that overlap': {
      bytes: () =>
        raw(
          '{"layer.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"norm.weight":{"dtype":"F32","shape":[3],"data_offsets":[12,24]}}',
          24,
        ),
      says: ['b/model.safetensors: ', /"(layer|norm)\.weight"/],
    },
    'a header said to be longer than the file': {
      bytes: (valid) => {
        const bytes = Buffer.from(valid);
        bytes.writeBigUInt64LE(50_000_000n);
        return bytes;
      },
      says: ['b/model.safetensors: ', /50,?000,?000/],
    },
    'a header length beyond 2^53': {
      bytes: (valid) => Buffer.concat([Buffer.alloc(8, 0xff), valid.subarray(8)]),
      says: ['b/model.safetensors: '],
    },
  };
  for (const [title, { bytes, says }] of Object.entries(refused)) {
    it(title, async () => {
      const folder = createWorkplace();
      const file = join(folder, 'b/model.safetensors');
      writeFileSync(file, bytes(readFileSync(file)));
      await expectRefusal(folder, ARGS, { status: 4, says });
    });
  }

  it('an index that leads out of the folder', async () => {
    const folder = createWorkplace();
    writeModel(join(folder, 'c'), [layer, norm], { shards: 2 });
    const index = { weight_map: { 'layer.weight': '../a/model.safetensors', 'norm.weight': '../a/model.safetensors' } };
    writeFileSync(join(folder, 'c/model.safetensors.index.json'), JSON.stringify(index));
    writeFileSync(join(folder, 'recipe.yaml'), RECIPE.replace('{model: b', '{model: c'));
    await expectRefusal(folder, ARGS, {
      status: 4,
      says: ['c/model.safetensors.index.json: ', '../a/model.safetensors'],
    });
  });

  it('weights of another format', async () => {
    const folder = createWorkplace(RECIPE.replace('{model: b', '{model: c'));
    mkdirSync(join(folder, 'c'));
    writeFileSync(join(folder, 'c/pytorch_model.bin'), 'x');
    await expectRefusal(folder, ARGS, { status: 4, says: [/\/c holds no safetensors/, 'pytorch_model.bin'] });
  });
});

it('a tokenizer that cannot be copied is found before anything is merged', async () => {
  const folder = createWorkplace();
  symlinkSync('../blobs/gone', join(folder, 'base/tokenizer.json'));
  const says = /cannot read .*base\/tokenizer\.json: it is a link to nothing/;
  for (const args of [
    ['plan', 'recipe.yaml'],
    ['recipe.yaml', 'out'],
  ]) {
    const { status, stderr } = await m2merge(args, folder);
    expect(status).toBe(4);
    expect(stderr).toMatch(says);
  }
  expect(readdirSync(folder)).not.toContain('out');
});

describe('output folders', () => {
  it('one that exists is left alone, and replaced with --overwrite', async () => {
    const folder = createWorkplace();
    expect((await m2merge(['recipe.yaml', 'out', '--quiet'], folder)).status).toBe(0);
    writeFileSync(join(folder, 'out/stale.txt'), 'of the model before');
    truncateSync(join(folder, 'out/model.safetensors'), 10);
    await expectRefusal(folder, ['recipe.yaml', 'out'], { status: 5, says: [/already exists: .*out/, '--overwrite'] });
    expect((await m2merge(['recipe.yaml', 'out', '--quiet', '--overwrite'], folder)).status).toBe(0);
    expect(readModel(join(folder, 'out')).tensors.get('layer.weight')!.values).toEqual([11, 22, 33, 44]);
    expect(() => readFileSync(join(folder, 'out/stale.txt'))).toThrow('ENOENT');
  });

  it('an empty one is used, and one that holds no model is never replaced', async () => {
    const folder = createWorkplace();
    mkdirSync(join(folder, 'out'));
    expect((await m2merge(['recipe.yaml', 'out', '--quiet'], folder)).status).toBe(0);
    mkdirSync(join(folder, 'letters'));
    writeFileSync(join(folder, 'letters/dear.txt'), 'dear');
    await expectRefusal(folder, ['recipe.yaml', 'letters', '--overwrite'], {
      status: 5,
      says: ['letters', 'no model'],
    });
    await expectRefusal(folder, ['recipe.yaml', 'recipe.yaml', '--overwrite'], { status: 5, says: ['recipe.yaml'] });
    await expectRefusal(folder, ['recipe.yaml', 'recipe.yaml/out'], { status: 5, says: ['recipe.yaml/out'] });
  });

  const overlapping = { 'an input': 'a', 'inside an input': 'base/merged/out', 'around the inputs': '.' };
  for (const [title, output] of Object.entries(overlapping)) {
    it(`${title} is refused, also with --overwrite and by plan`, async () => {
      const folder = createWorkplace();
      await expectRefusal(folder, ['recipe.yaml', output, '--overwrite'], { status: 5, says: ['input model'] });
      await expectRefusal(folder, ['plan', 'recipe.yaml', output], { status: 5, says: ['input model'] });
    });
  }

  it('an input by another way is refused', async () => {
    const folder = createWorkplace(RECIPE.replaceAll(/\b(base|a|b)(?=$|,)/gm, 'models/$1'));
    for (const name of ['base', 'a', 'b']) {
      const tensors = [...readModel(join(folder, name)).tensors].map(([tensor, rest]) => ({ name: tensor, ...rest }));
      writeModel(join(folder, 'models', name), tensors);
    }
    symlinkSync(join(folder, 'models'), join(folder, 'link'));
    const says = ['input model models/a'];
    await expectRefusal(folder, ['recipe.yaml', 'link/a', '--overwrite'], { status: 5, says });
    await expectRefusal(folder, ['recipe.yaml', 'link/a/merged'], { status: 5, says });
  });
});

describe('options', () => {
  const wrong = {
    '--threads 0': '--threads',
    '--threads two': '--threads',
    '--tile 63': '--tile',
    '--tile 100': '--tile must be a multiple of 64',
    '--spool-size 1GB': '--spool-size bounds the disk of --stream',
    '--out-shard-size abc': '--out-shard-size',
    '--out-shard-size 0': '--out-shard-size',
    '--seed -1': '--seed',
    '--kernels fast': '--kernels',
    '--overwite': "unknown option '--overwite'",
  };
  for (const [options, says] of Object.entries(wrong)) {
    it(options, () => expectRefusal(createWorkplace(), [...ARGS, ...options.split(' ')], { status: 2, says: [says] }));
  }

  it('no recipe, and one argument too many', async () => {
    await expectRefusal(createWorkplace(), [], { status: 2, says: ["'recipe'"] });
    await expectRefusal(createWorkplace(), [...ARGS, 'third'], { status: 2, says: ['too many arguments'] });
  });

  it('one model compared with itself', async () => {
    const says = ['both models are a: nothing to compare'];
    await expectRefusal(createWorkplace(), ['diff', 'a', 'a'], { status: 2, says });
  });

  it.each([
    ['recipe.yaml --plan --push org/name', "'--plan' cannot be used with option '--push <repo>'"],
    ['recipe.yaml --plan --sha256', "'--plan' cannot be used with option '--sha256'"],
    ['sweep recipe.yaml --best --keep all', "'--best' cannot be used with option '--keep <which>'"],
    ['sweep recipe.yaml --best --retry', "'--best' cannot be used with option '--retry'"],
    ['sweep recipe.yaml --best --set lambda=5', "'--best' cannot be used with option '--set <setting=values>'"],
    ['recipe.yaml --private', '--private'],
    ['recipe.yaml --branch tests', '--branch'],
    ['recipe.yaml --intermediate-dir steps', '--intermediate-dir is for the models of several documents'],
    ['plan recipe.yaml --intermediate-dir steps', '--intermediate-dir is for the models of several documents'],
  ])('an option that would do nothing: %s', async (args, message) => {
    await expectRefusal(createWorkplace(), args.split(' '), { status: 2, says: [message] });
  });

  it('wrong usage is an event with --json, as any failure', async () => {
    const messages = {
      '--threads two': "option '--threads <n>' argument 'two' is invalid. Expected a whole number of at least 1.",
      '--overwite': "unknown option '--overwite'",
      '--seed 9007199254740993': 'Expected a whole number of at most 9007199254740991.',
    };
    for (const [options, message] of Object.entries(messages)) {
      const { status, stdout, stderr } = await m2merge([...ARGS, ...options.split(' '), '--json'], createWorkplace());
      const hint = 'see m2merge --help';
      expect({ status, stderr }).toEqual({ status: 2, stderr: '' });
      const texts = { message: expect.stringContaining(message), hint };
      expect(JSON.parse(stdout)).toEqual({ event: 'error', kind: 'usage', ...texts, facts: texts });
    }
    expect(JSON.parse((await m2merge(['plan', '--json'], createWorkplace())).stdout)).toMatchObject({ kind: 'usage' });
  });
});
