/** Runs that write the same output at the same time. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OutputFolder } from '../../src/run/output-folder.js';
import { temporaryFolder } from '../support/temporary-folder.js';

async function begin(path: string, text: string, overwrite = false): Promise<OutputFolder> {
  const folder = await OutputFolder.create(path, [], overwrite);
  await folder.write('model.safetensors', text);
  return folder;
}

describe('two runs of one output', () => {
  it('the second to be ready does not replace what the first has made, unless told to', async () => {
    const place = temporaryFolder();
    const path = join(place, 'out');
    const [first, second, third] = [
      await begin(path, 'first'),
      await begin(path, 'second'),
      await begin(path, '3', true),
    ];
    await first.commit();
    await expect(second.commit()).rejects.toMatchObject({ kind: 'output-exists', facts: { path } });
    await second.discard();
    expect(readFileSync(join(path, 'model.safetensors'), 'utf8')).toBe('first');
    await third.commit();
    expect(readFileSync(join(path, 'model.safetensors'), 'utf8')).toBe('3');
    expect(readdirSync(place)).toEqual(['out']);
  });

  it('an empty folder is taken, and files that came meanwhile are left alone even with --overwrite', async () => {
    const path = join(temporaryFolder(), 'out');
    mkdirSync(path);
    const [taking, late] = [await begin(path, 'taken'), await begin(join(path, 'below'), 'late', true)];
    await late.discard();
    await taking.commit();
    expect(readdirSync(path)).toEqual(['model.safetensors']);
    const other = join(temporaryFolder(), 'other');
    const replacing = await begin(other, 'new', true);
    mkdirSync(other);
    writeFileSync(join(other, 'thesis.txt'), 'mine');
    await expect(replacing.commit()).rejects.toMatchObject({ kind: 'output-unwritable' });
    expect(readdirSync(other)).toEqual(['thesis.txt']);
  });
});
