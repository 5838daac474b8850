import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MAX_CONFIG_BYTES } from '../../src/checkpoint/config.js';
import { openCheckpoint } from '../../src/checkpoint/folder.js';
import { MAX_INDEX_BYTES } from '../../src/checkpoint/shard-index.js';
import { TensorTables } from '../../src/checkpoint/tensor-tables.js';
import { type ErrorKind, isM2MergeError, type M2MergeError } from '../../src/errors.js';
import { describeWarning } from '../../src/warnings.js';
import { encodeHeader, encodeSafetensors, readModel, type TensorToWrite, writeModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const bf16 = (name: string, ...values: number[]): TensorToWrite => ({
  name,
  dtype: 'BF16',
  shape: [values.length],
  values,
});
const TENSORS = [bf16('a', 1, 2), bf16('b', 3), bf16('c', 4, 5, 6)];
const INDEX = 'model.safetensors.index.json';
const shardName = (number: number, count: number) => `model-0000${number}-of-0000${count}.safetensors`;

function model(options: Parameters<typeof writeModel>[2] = {}): string {
  const folder = temporaryFolder();
  writeModel(folder, TENSORS, options);
  return folder;
}

async function refusal<K extends ErrorKind>(folder: string, kind: K): Promise<M2MergeError<K>> {
  const error = await openCheckpoint(folder).catch((thrown: unknown) => thrown);
  if (!isM2MergeError(error, kind)) throw new Error(`expected ${kind}, got ${error}`);
  return error;
}

describe('real models, against an independent reader', () => {
  const tiny = ['sft', 'math', 'code', 'sci', 'if'].map((name) => `recipes/tiny-rlvr/${name}`);
  const small = ['base', 'math', 'code', 'science', 'if'].map((name) => `test/fixtures/conformance/models/${name}`);
  test.each([...tiny, ...small])('%s', async (folder) => {
    const checkpoint = await openCheckpoint(folder);
    const expected = readModel(folder);
    expect(checkpoint.warnings).toEqual([]);
    expect(checkpoint.folder).toBe(resolve(folder));
    expect(checkpoint.config).toEqual(expected.config);
    expect(new Set(checkpoint.tensors.keys())).toEqual(new Set(expected.tensors.keys()));
    const contents = checkpoint.files.map(({ path }) => readFileSync(path));
    for (const [name, { file, begin, end, dtype, shape }] of checkpoint.tensors) {
      const tensor = expected.tensors.get(name)!;
      expect(checkpoint.files[file]!.name).toBe(expected.files.get(name));
      expect([dtype, shape]).toEqual([tensor.dtype, tensor.shape]);
      expect(contents[file]!.subarray(begin, end).equals(tensor.bytes)).toBe(true);
    }
    checkpoint.files.forEach(({ byteLength, headerSha256 }, i) => {
      const header = contents[i]!.subarray(0, 8 + Number(contents[i]!.readBigUInt64LE()));
      expect(byteLength).toBe(contents[i]!.length);
      expect(headerSha256).toBe(createHash('sha256').update(header).digest('hex'));
    });
  });
});

describe('models that are opened together', () => {
  test('are what each is alone, and hold equal headers once', async () => {
    const tables = new TensorTables();
    const opened = [];
    for (const name of ['sft', 'math', 'code', 'sci', 'if']) {
      const folder = `recipes/tiny-rlvr/${name}`;
      opened.push(await openCheckpoint(folder, tables));
      expect(opened.at(-1)).toEqual(await openCheckpoint(folder));
    }
    const [sft, math, ...others] = opened.map(({ tensors }) => tensors);
    for (const tensors of others) expect(tensors).toBe(sft);
    // In three files.
    expect(math).not.toBe(sft);
  });

  test('are each checked against their own file, and warned of by its name', async () => {
    const tables = new TensorTables();
    await openCheckpoint(model(), tables);
    const short = model();
    truncateSync(join(short, 'model.safetensors'), readFileSync(join(short, 'model.safetensors')).length - 2);
    await expect(openCheckpoint(short, tables)).rejects.toMatchObject({ kind: 'safetensors-invalid' });
    const entry = '"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}';
    for (const folder of [temporaryFolder(), temporaryFolder()]) {
      const file = join(folder, 'model.safetensors');
      writeFileSync(file, Buffer.concat([encodeHeader(`{${entry},${entry}}`), Buffer.alloc(2)]));
      const { warnings } = await openCheckpoint(folder, tables);
      expect(warnings.map(({ facts }) => facts)).toMatchObject([{ file }]);
    }
  });
});

describe('finds the weights', () => {
  const layout = async (folder: string) => {
    const { files, tensors } = await openCheckpoint(folder);
    return [...tensors].map(([name, { file }]) => `${name} in ${files[file]!.name}`);
  };

  test('in model.safetensors before the index, with a warning', async () => {
    const folder = model({ shards: 2 });
    writeFileSync(join(folder, 'model.safetensors'), encodeSafetensors([bf16('z', 1)]));
    expect(await layout(folder)).toEqual(['z in model.safetensors']);
    const { warnings } = await openCheckpoint(folder);
    expect(warnings.map(({ kind }) => kind)).toEqual(['stale-metadata']);
  });

  test('in the shards of the index, and in no other file', async () => {
    const folder = model({ shards: 2 });
    writeFileSync(join(folder, 'stale.safetensors'), 'not safetensors');
    expect(await layout(folder)).toEqual([
      `a in ${shardName(1, 2)}`,
      `c in ${shardName(1, 2)}`,
      `b in ${shardName(2, 2)}`,
    ]);
  });

  test('in all numbered shards without an index', async () => {
    const folder = model({ shards: 3 });
    rmSync(join(folder, INDEX));
    writeFileSync(join(folder, 'other.safetensors'), 'not a shard');
    expect(await layout(folder)).toEqual([1, 2, 3].map((n) => `${'abc'[n - 1]} in ${shardName(n, 3)}`));
  });

  test('in the only file, whatever its name', async () => {
    const folder = model();
    renameSync(join(folder, 'model.safetensors'), join(folder, 'weights.safetensors'));
    expect(await layout(folder)).toEqual(['a', 'b', 'c'].map((name) => `${name} in weights.safetensors`));
  });
});

describe('refuses folders', () => {
  test('that are not there, or are files', async () => {
    const folder = model();
    expect((await refusal(join(folder, 'nothing'), 'file-missing')).message).toContain('model folder not found');
    await refusal(join(folder, 'model.safetensors'), 'file-unreadable');
  });

  test('without weights, naming weights of other formats', async () => {
    const folder = temporaryFolder();
    for (const name of ['pytorch_model.bin', 'model.gguf', 'notes.txt']) writeFileSync(join(folder, name), '');
    expect((await refusal(folder, 'model-empty')).facts.found).toEqual(['model.gguf', 'pytorch_model.bin']);
  });

  test('weight files without a single tensor are no model', async () => {
    const folder = temporaryFolder();
    writeModel(folder, []);
    expect((await refusal(folder, 'model-empty')).message).toBe(`${folder} holds no safetensors weights`);
  });

  test('with a folder in place of the weights', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'model.safetensors'));
    await refusal(folder, 'file-unreadable');
  });

  test('with several weight files and no index', async () => {
    const folder = temporaryFolder();
    for (const name of ['a.safetensors', 'b.safetensors'])
      writeFileSync(join(folder, name), encodeSafetensors(TENSORS));
    expect((await refusal(folder, 'index-invalid')).facts.detail).toContain('a.safetensors, b.safetensors');
  });

  test('with shards of two sets', async () => {
    const folder = model({ shards: 2 });
    rmSync(join(folder, INDEX));
    copyFileSync(join(folder, shardName(1, 2)), join(folder, shardName(3, 3)));
    await refusal(folder, 'index-invalid');
  });

  test.each([shardName(0, 2), shardName(3, 2)])('with the impossible shard %s', async (name) => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, name), encodeSafetensors(TENSORS));
    await refusal(folder, 'index-invalid');
  });

  test('with missing shards, with or without an index', async () => {
    const folder = model({ shards: 3 });
    rmSync(join(folder, shardName(2, 3)));
    expect((await refusal(folder, 'weights-missing')).facts).toMatchObject({ files: [shardName(2, 3)], count: 1 });
    rmSync(join(folder, INDEX));
    rmSync(join(folder, shardName(1, 3)));
    expect((await refusal(folder, 'weights-missing')).facts.files).toEqual([shardName(1, 3), shardName(2, 3)]);
  });

  test('that lack a million shards, in a short message', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'model-000001-of-999999.safetensors'), encodeSafetensors(TENSORS));
    const error = await refusal(folder, 'weights-missing');
    expect(error.facts.count).toBe(999_998);
    expect(error.message).toContain('lacks 999998 of its weight files: model-000002-of-999999.safetensors');
    expect(error.message.length).toBeLessThan(1000);
  });

  test('with a damaged file, naming it', async () => {
    const folder = model({ shards: 2 });
    truncateSync(join(folder, shardName(2, 2)), 20);
    const error = await refusal(folder, 'safetensors-invalid');
    expect(error.facts).toMatchObject({ file: join(folder, shardName(2, 2)), rule: 'InvalidHeaderLength' });
  });

  test('with one tensor in two shards', async () => {
    const folder = model({ shards: 2 });
    rmSync(join(folder, INDEX));
    copyFileSync(join(folder, shardName(1, 2)), join(folder, shardName(2, 2)));
    expect((await refusal(folder, 'index-invalid')).message).toContain('tensor "a" is also in model-00001');
  });
});

describe('holds the index against the shards', () => {
  const rewrite = (folder: string, weightMap: Record<string, string>) =>
    writeFileSync(join(folder, INDEX), JSON.stringify({ weight_map: weightMap }));

  test('a tensor in another file than said', async () => {
    const folder = model({ shards: 2 });
    rewrite(folder, { a: shardName(1, 2), b: shardName(1, 2), c: shardName(2, 2) });
    expect((await refusal(folder, 'index-invalid')).facts.detail).toBe(
      `tensor "b" is said to be in ${shardName(1, 2)}, which lacks it (and 1 more)`,
    );
  });

  test('a tensor that the index leaves out is taken along, with a warning', async () => {
    const folder = model({ shards: 2 });
    rewrite(folder, { a: shardName(1, 2), b: shardName(2, 2) });
    const { tensors, warnings } = await openCheckpoint(folder);
    expect([...tensors.keys()]).toEqual(['a', 'c', 'b']);
    expect(warnings.map(describeWarning)).toEqual([
      `${join(folder, INDEX)}: does not list tensor "c", which a shard holds`,
    ]);
  });

  test('a file outside of the folder', async () => {
    const folder = model({ shards: 2 });
    rewrite(folder, { a: '../model.safetensors' });
    await refusal(folder, 'index-invalid');
  });

  test('an index too large or not text', async () => {
    const folder = model({ shards: 2 });
    writeFileSync(join(folder, INDEX), Buffer.of(0xff));
    expect((await refusal(folder, 'index-invalid')).facts.detail).toBe('not valid UTF-8');
    truncateSync(join(folder, INDEX), MAX_INDEX_BYTES + 1);
    expect((await refusal(folder, 'index-invalid')).facts.detail).toContain('the limit is 268435456');
  });
});

describe('reads config.json', () => {
  test('as data', async () => {
    expect((await openCheckpoint(model({ config: { num_hidden_layers: 2 } }))).config).toEqual({
      num_hidden_layers: 2,
    });
    expect((await openCheckpoint(model())).config).toBeUndefined();
  });

  test('and refuses one that is too large or not JSON', async () => {
    const folder = model();
    writeFileSync(join(folder, 'config.json'), '{"a": 1');
    expect((await refusal(folder, 'config-invalid')).message).toContain('at line 1 column 8');
    truncateSync(join(folder, 'config.json'), MAX_CONFIG_BYTES + 1);
    expect((await refusal(folder, 'config-invalid')).facts.detail).toContain('the limit is 16777216');
  });
});
