/** The architecture as checks: imports point one way, few files touch the outside, files stay readable. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REPOSITORY } from '../support/cli.js';

/**
 * Layers from the bottom up, as path prefixes; a file imports from lower layers and from its own folder. Entries of one
 * layer are siblings and do not import each other.
 */
const LAYERS: readonly (readonly string[])[] = [
  ['src/errors/'],
  ['kernels/slot.ts'],
  [
    'kernels/abi-columns.ts',
    'kernels/abi-directions.ts',
    'kernels/abi-geometry.ts',
    'kernels/abi-linear-algebra.ts',
    'kernels/abi-selection.ts',
    'kernels/abi-stored.ts',
  ],
  ['kernels/abi.ts', 'kernels/parameters.ts', 'src/errors.ts', 'src/warnings.ts', 'src/version.ts'],
  ['kernels/unit.ts', 'kernels/reference/', 'kernels/load.ts'],
  ['kernels/statistic.ts', 'kernels/view.ts', 'kernels/operand-table.ts'],
  ['kernels/method.ts', 'kernels/statistics/'],
  ['kernels/spectral/'],
  ['kernels/sparsify/'],
  ['kernels/consensus/'],
  ['kernels/methods/'],
  ['src/io/'],
  ['src/hub/'],
  ['src/checkpoint/'],
  ['src/tokenizer/', 'src/geometry/'],
  ['src/recipe/'],
  ['src/sweep/'],
  ['src/plan/'],
  ['src/run/', 'src/report/'],
  ['src/merge-report.ts', 'src/merge-card.ts', 'src/output-place.ts'],
  ['src/merge-files.ts'],
  ['src/merge.ts', 'src/measure.ts', 'src/pull.ts'],
  ['src/merge-documents.ts'],
  ['src/trial/'],
  ['src/index.ts', 'src/cli/'],
];

/** The only files that may use what lies outside the language. */
const EDGES: Readonly<Record<string, { readonly pattern: RegExp; readonly files: readonly RegExp[] }>> = {
  'the file system': {
    pattern: /from 'node:fs(\/promises)?'/,
    files: [
      /^src\/io\/(file|free-space|kind|lock|make-folder|open-files|owner|write-whole)\.ts$/,
      /^src\/hub\/(batched-writer|cache-layout|environment|offline|partial-blob|pull|push-files|range-file|spool|verified)\.ts$/,
      /^src\/checkpoint\/(model-folder|side-files)\.ts$/,
      /^src\/recipe\/load\.ts$/,
      /^src\/plan\/(inputs|local-models)\.ts$/,
      /^src\/run\/(spooled-runner|files|run-files|engine|leftovers|output-folder|replaceable|side-files)\.ts$/,
      /^src\/(merge-card|merge-documents|merge-files|output-place)\.ts$/,
      /^src\/trial\/(cache-room|evaluate|evaluator-process|results-log|run-sweep|sweep)\.ts$/,
      /^src\/cli\//,
    ],
  },
  WebAssembly: { pattern: /WebAssembly\.(?!Module\b|Memory\b)/, files: [/^kernels\/load\.ts$/] },
  'the network': {
    pattern: /(?<![.\w])fetch\(|from 'node:(?:https?|net|tls)'/,
    files: [/^src\/hub\/(node-get|request)\.ts$/],
  },
  'the process': {
    pattern: /\bprocess\.\w/,
    files: [
      /^src\/cli\//,
      /^src\/trial\/evaluat(e|or-process)\.ts$/,
      /^src\/io\/owner\.ts$/,
      /^src\/hub\/(environment|request)\.ts$/,
    ],
  },
  'any Node module in browser code': { pattern: /from 'node:/, files: [/^src\/(?!errors(\.ts|\/)|warnings)/] },
};

/** Lines a file may have; beyond it two ideas share a room. */
const MAX_LINES = 300;

function sourceFiles(folder: string): string[] {
  return readdirSync(join(REPOSITORY, folder)).flatMap((name) => {
    const path = `${folder}/${name}`;
    if (path === 'kernels/simd') return [];
    if (statSync(join(REPOSITORY, path)).isDirectory()) return sourceFiles(path);
    return name.endsWith('.ts') ? [path] : [];
  });
}

const files = [...sourceFiles('src'), ...sourceFiles('kernels')];
const text = (path: string): string => readFileSync(join(REPOSITORY, path), 'utf8');

/** The entry of LAYERS that a file belongs to, and the height of its layer. */
function layerOf(path: string): { height: number; entry: string } | undefined {
  for (const [height, entries] of LAYERS.entries()) {
    const entry = entries.find((prefix) => path === prefix || (prefix.endsWith('/') && path.startsWith(prefix)));
    if (entry !== undefined) return { height, entry };
  }
  return undefined;
}

function importsOf(path: string): string[] {
  const specifiers = [...text(path).matchAll(/(?:from|import\()\s*'(\.[^']+)\.js'/g)].map((match) => match[1]!);
  return specifiers.map((specifier) => `${relative(REPOSITORY, join(REPOSITORY, path, '..', specifier))}.ts`);
}

describe('architecture', () => {
  it('gives every file a layer', () => {
    expect(files.length).toBeGreaterThan(50);
    expect(files.filter((path) => layerOf(path) === undefined)).toEqual([]);
  });

  it('lets imports point downwards only', () => {
    const upward = files.flatMap((path) => {
      const own = layerOf(path)!;
      return importsOf(path).flatMap((target) => {
        const other = layerOf(target);
        const allowed = other !== undefined && (other.height < own.height || other.entry === own.entry);
        return allowed ? [] : [`${path} imports ${target}`];
      });
    });
    expect(upward).toEqual([]);
  });

  it('has no import cycles', () => {
    const finished = new Set<string>();
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) expect.fail([...trail, path].join(' → '));
      if (finished.has(path)) return;
      for (const target of importsOf(path)) visit(target, [...trail, path]);
      finished.add(path);
    };
    for (const path of files) visit(path, []);
  });

  for (const [edge, { pattern, files: allowed }] of Object.entries(EDGES)) {
    it(`keeps ${edge} to named files`, () => {
      const users = files.filter((path) => pattern.test(text(path)));
      expect(users.length).toBeGreaterThan(0);
      expect(users.filter((path) => !allowed.some((name) => name.test(path)))).toEqual([]);
    });
  }

  it(`keeps files under ${MAX_LINES} lines`, () => {
    const lines = files.map((path) => [path, text(path).split('\n').length - 1] as const);
    expect(lines.filter(([, count]) => count > MAX_LINES)).toEqual([]);
  });
});
