/** docs/methods.md and the README's table are those of the registry. UPDATE_GOLDEN=1 writes the document anew. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { METHODS } from '../../kernels/methods/registry.js';
import { methodsDocument } from '../../src/report/methods-markdown.js';
import { REPOSITORY } from '../support/cli.js';

const DOCUMENT = join(REPOSITORY, 'docs/methods.md');

it('docs/methods.md says what the methods declare', () => {
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(DOCUMENT, methodsDocument());
  expect(readFileSync(DOCUMENT, 'utf8')).toBe(methodsDocument());
});

it('has a section of every method, and says of every parameter what it is', () => {
  const document = methodsDocument();
  for (const { name, parameters } of METHODS) {
    const section = document.split(`\n## ${name}\n`)[1]?.split('\n## ')[0] ?? '';
    for (const parameter of parameters.filter((one) => !one.name.startsWith('sparsify.'))) {
      expect(section).toContain(`| \`${parameter.name}\` |`);
    }
  }
});

it("the README's table has every method, and no other", () => {
  const readme = readFileSync(join(REPOSITORY, 'README.md'), 'utf8');
  const lines = readme.split('\n');
  const head = lines.findIndex((line) => /^\| method +\| here/.test(line));
  const rows = lines.slice(head + 2, lines.indexOf('', head));
  const named = rows.flatMap((line) => [...line.split('|')[1]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  expect(named.sort()).toEqual(METHODS.map(({ name }) => name).sort());
});
