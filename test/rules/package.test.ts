/** What the package promises to others: exported names, dependencies, and files that ship. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { REPOSITORY } from '../support/cli.js';

const manifest = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));

describe('package', () => {
  it('exports these names and no others', async () => {
    const library = await import(pathToFileURL(join(REPOSITORY, 'dist/src/index.js')).href);
    expect(Object.keys(library).sort()).toMatchInlineSnapshot(`
      [
        "EXIT_CODES",
        "M2MergeError",
        "METHODS",
        "describeWarning",
        "geometry",
        "isM2MergeError",
        "loadRecipe",
        "merge",
        "mergeTogether",
        "parseRecipe",
        "plan",
        "pull",
        "readCheckpoint",
        "recipeSchema",
      ]
    `);
  });

  it('depends on these packages and explains each', () => {
    expect(Object.keys(manifest.dependencies)).toEqual([
      '@huggingface/hub',
      'commander',
      'ora',
      'picocolors',
      'undici',
      'xxhash-wasm',
      'yaml',
    ]);
    const contributing = readFileSync(join(REPOSITORY, 'CONTRIBUTING.md'), 'utf8');
    for (const name of [...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)]) {
      expect(contributing).toContain(`\`${name}\``);
    }
  });

  it('pins every version', () => {
    const versions = Object.values({ ...manifest.dependencies, ...manifest.devDependencies }) as string[];
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  it('ships code, kernels and texts, and no models', () => {
    const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: REPOSITORY,
      encoding: 'utf8',
    });
    const files = (JSON.parse(stdout)[0].files as { path: string }[]).map(({ path }) => path);
    expect(files).toContain('dist/src/cli/main.js');
    expect(files).toContain('dist/kernels/kernels.wasm');
    expect(files).toContain('README.md');
    expect(files).toContain('LICENSE');
    expect(
      files.filter((path) => !/^(dist\/(src|kernels)\/|README\.md$|LICENSE$|CHANGELOG\.md$|package\.json$)/.test(path)),
    ).toEqual([]);
  });
});
