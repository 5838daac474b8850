/** An output that cannot get its name, or lost what was written: the model that had it before is there as it was. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { OutputFolder } from '../../src/run/output-folder.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const WEIGHTS = { name: 'model.safetensors', byteLength: 3, header: Buffer.from('new') };

it.each([
  ['all that was written', '', { kind: 'output-unwritable', facts: { reason: 'ENOENT' } }],
  ['its weights', WEIGHTS.name, { kind: 'output-unwritable', facts: { reason: expect.stringMatching(/removed/) } }],
])('leaves the old model alone when somebody has removed %s', async (_, name, refusal) => {
  const place = temporaryFolder();
  const path = join(place, 'out');
  mkdirSync(path);
  writeFileSync(join(path, 'model.safetensors'), 'old');
  const output = await OutputFolder.create(path, [WEIGHTS], true);
  rmSync(join(output.workPath, name), { recursive: true });
  const finish = async () => {
    await output.write('config.json', '{}');
    await output.write('additional_chat_templates/a.jinja', '');
    await output.commit();
  };
  await expect(finish()).rejects.toMatchObject(refusal);
  await output.discard();
  expect(readdirSync(place)).toEqual(['out']);
  expect(readFileSync(join(path, 'model.safetensors'), 'utf8')).toBe('old');
});

it('gives the old model its name back', async () => {
  const place = temporaryFolder();
  const path = join(place, 'out');
  mkdirSync(path);
  writeFileSync(join(path, 'model.safetensors'), 'old');
  const output = await OutputFolder.create(path, [], true);
  await output.write('model.safetensors', 'new');
  // As a cleaner of temporary files would do, or a network disk that goes away.
  rmSync(output.workPath, { recursive: true });
  await expect(output.commit()).rejects.toMatchObject({ kind: 'output-unwritable' });
  await output.discard();
  expect(readdirSync(place)).toEqual(['out']);
  expect(readFileSync(join(path, 'model.safetensors'), 'utf8')).toBe('old');
});
