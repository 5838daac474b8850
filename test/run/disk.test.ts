/** Disks that fill up and inputs that go away while they are read: typed errors, and nothing left. */
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ErrorKind, isM2MergeError } from '../../src/errors.js';
import { asWriteError } from '../../src/io/write-error.js';
import { PositionedFiles } from '../../src/run/files.js';
import { OutputFolder } from '../../src/run/output-folder.js';
import { m2merge } from '../support/command.js';
import { mountSmallDisk } from '../support/small-disk.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { library } from './library.js';
import { writeSparseModel } from './sparse-model.js';

/** Uses up what is left of a disk. */
function fill(disk: string): void {
  try {
    for (let file = 0; ; file++) writeFileSync(join(disk, `filler-${file}`), Buffer.alloc(16_000_000));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

const withoutFiller = (disk: string): string[] => readdirSync(disk).filter((name) => !name.startsWith('filler'));

/** A folder with models base and a of this many tensors, and a recipe for them. */
function createModels(tensors: number): string {
  const folder = temporaryFolder();
  for (const name of ['base', 'a']) writeSparseModel(join(folder, name), tensors);
  const recipe = 'merge_method: task_arithmetic\nbase_model: base\nmodels: [{model: a, parameters: {weight: 1}}]\n';
  writeFileSync(join(folder, 'recipe.yaml'), recipe);
  return folder;
}

/** Merges slowly, one unit after the other; `onFirstUnit` is called when the first one is written. */
async function mergeSlowly(folder: string, output: string, onFirstUnit: () => void): Promise<unknown> {
  const recipe = await library.loadRecipe(join(folder, 'recipe.yaml'));
  let units = 0;
  const onProgress = () => {
    if (units++ === 0) onFirstUnit();
  };
  return library.merge(recipe, { output, threads: 1, kernels: 'reference', onProgress });
}

async function failure<K extends ErrorKind>(work: Promise<unknown>, kind: K) {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isM2MergeError(error, kind)) throw new Error(`expected ${kind}, got ${error}`, { cause: error });
  return error;
}

describe('a full disk', () => {
  it('is seen before anything is written', async (context) => {
    const disk = mountSmallDisk(context, 1);
    const folder = createModels(1);
    const run = await m2merge(['recipe.yaml', join(disk, 'deep/down/out')], folder);
    expect(run).toMatchObject({ status: 5, stdout: '' });
    expect(run.stderr).toMatch(/^error: not enough space at .*: [\d.]+ MB needed, [\d.]+ \wB available$/m);
    const [needed] = /[\d.]+ MB needed/.exec(run.stderr)!;
    const plan = (await m2merge(['plan', 'recipe.yaml', join(disk, 'deep/down/out')], folder)).stdout;
    expect(plan).toMatch(new RegExp(`^  disk +${needed}, [\\d.]+ \\wB free: not enough$`, 'm'));
    expect(readdirSync(disk)).toEqual([]);
  });

  it('in the middle of a run', async (context) => {
    const disk = mountSmallDisk(context, 112);
    const folder = createModels(20);
    const error = await failure(
      mergeSlowly(folder, join(disk, 'merged/out'), () => fill(disk)),
      'disk-full',
    );
    expect(error.message).toMatch(/^no space left while writing .*model\.safetensors$/);
    expect(error.exitCode).toBe(5);
    expect(withoutFiller(disk)).toEqual([]);
  });

  it('when the small files are written', async (context) => {
    const disk = mountSmallDisk(context, 70);
    const path = join(disk, 'out');
    const folder = await OutputFolder.create(path, [], false);
    fill(disk);
    const error = await failure(folder.write('tokenizer.json', Buffer.alloc(100_000)), 'disk-full');
    expect(error.facts.path).toBe(join(path, 'tokenizer.json'));
    await folder.discard();
    expect(withoutFiller(disk)).toEqual([]);
  });

  it.runIf(existsSync('/dev/full'))('is told from other errors', () => {
    const files = new PositionedFiles({ inputs: [], outputs: ['/dev/full', temporaryFolder()] });
    const kindOf = (write: () => void): unknown => {
      try {
        write();
      } catch (error) {
        return isM2MergeError(error) && error.kind;
      }
      return undefined;
    };
    expect(kindOf(() => files.write(0, new Uint8Array(10), 0))).toBe('disk-full');
    expect(kindOf(() => files.write(1, new Uint8Array(10), 0))).toBe('output-unwritable');
    const defect = new TypeError('not of the file system');
    expect(asWriteError(defect, 'x')).toBe(defect);
  });
});

describe('an input that changes while it is read', () => {
  it('shrinks', async () => {
    const folder = createModels(12);
    const input = join(folder, 'a/model.safetensors');
    const work = mergeSlowly(folder, join(folder, 'merged/out'), () => truncateSync(input, 4_000_000));
    const error = await failure(work, 'read-short');
    expect(error.facts.file).toBe(input);
    expect(error.facts.found).toBeLessThan(error.facts.expected);
    expect(readdirSync(folder).sort()).toEqual(['a', 'base', 'recipe.yaml']);
  });

  it('disappears after it was planned', async () => {
    const folder = createModels(1);
    const input = join(folder, 'a/model.safetensors');
    const recipe = await library.loadRecipe(join(folder, 'recipe.yaml'));
    mkdirSync(join(folder, 'merged'));
    const work = library.merge(recipe, { output: join(folder, 'merged/out'), onPlan: () => unlinkSync(input) });
    const error = await failure(work, 'file-unreadable');
    expect(error.facts).toEqual({ path: input, reason: 'ENOENT' });
    expect(readdirSync(join(folder, 'merged'))).toEqual([]);
  });

  it('is another file by the time it is opened', async () => {
    const folder = createModels(1);
    const input = join(folder, 'a/model.safetensors');
    const recipe = await library.loadRecipe(join(folder, 'recipe.yaml'));
    const replace = (): void => {
      // As who saves a checkpoint does: written aside, then renamed.
      copyFileSync(input, `${input}.new`);
      utimesSync(`${input}.new`, 1, 1);
      renameSync(`${input}.new`, input);
    };
    const work = library.merge(recipe, { output: join(folder, 'merged/out'), onPlan: replace });
    const error = await failure(work, 'input-changed');
    expect(error.facts).toEqual({ path: input });
    expect(existsSync(join(folder, 'merged'))).toBe(false);
  });

  it('is written to in place', async () => {
    const folder = createModels(12);
    const input = join(folder, 'a/model.safetensors');
    const write = (): void => {
      const file = openSync(input, 'r+');
      writeSync(file, 'x', statSync(input).size - 1);
      closeSync(file);
    };
    const error = await failure(mergeSlowly(folder, join(folder, 'merged/out'), write), 'input-changed');
    expect(error.facts).toEqual({ path: input });
    expect(readdirSync(folder).sort()).toEqual(['a', 'base', 'recipe.yaml']);
  });

  it('loses its name to another file, which is not read', async () => {
    const folder = createModels(12);
    const input = join(folder, 'a/model.safetensors');
    const output = join(folder, 'out');
    const replace = (): void => {
      writeFileSync(`${input}.new`, 'something else');
      renameSync(`${input}.new`, input);
    };
    await mergeSlowly(folder, output, replace);
    expect(existsSync(join(output, 'model.safetensors'))).toBe(true);
  });
});
