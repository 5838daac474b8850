import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GeometryResult } from '../../src/geometry/result.js';
import { geometryJsonPieces } from '../../src/report/geometry-json.js';
import { compareNames } from '../../src/report/geometry-order.js';
import { sampleGeometry } from './sample-geometry.js';

const formatGeometryJson = (result: GeometryResult): string => [...geometryJsonPieces(result)].join('');

/** The same value with the keys of every record in reverse order of insertion. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, reversed(item)]),
  );
}

describe('geometry.json', () => {
  it('reads back as the result', () => {
    const result = sampleGeometry({ layers: 3, moreTensors: ['</script>', 'a"b\\c\n', '__proto__', 'größe'] });
    expect(JSON.parse(formatGeometryJson(result))).toEqual(result);
  });

  it('does not depend on the order in which records were filled', () => {
    const result = sampleGeometry({ layers: 12, experts: ['zeta', 'norm', 'alpha', '7'] });
    const text = formatGeometryJson(result);
    expect(formatGeometryJson(reversed(result) as GeometryResult)).toBe(text);
    expect(formatGeometryJson(JSON.parse(text))).toBe(text);
  });

  it('has experts and pairs in the order of the recipe, also those called as fields are', () => {
    const experts = ['math', 'norm', 'code', 'experts'];
    const parsed = JSON.parse(formatGeometryJson(sampleGeometry({ layers: 1, experts })));
    expect(Object.keys(parsed.global.experts)).toEqual(experts);
    expect(Object.keys(parsed.untouched)).toEqual(experts);
    expect(Object.keys(parsed.global.pairs)[0]).toBe('math|norm');
  });

  it('writes null for numbers that JSON has not', () => {
    const result = sampleGeometry({ layers: 1 });
    const global = { ...result.global, base_norm: Number.NaN, conflict_mass: Number.POSITIVE_INFINITY };
    const parsed = JSON.parse(formatGeometryJson({ ...result, global }));
    expect(parsed.global.base_norm).toBeNull();
    expect(parsed.global.conflict_mass).toBeNull();
  });

  it('keeps every double', () => {
    const result = sampleGeometry({ layers: 1 });
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (norm) => {
        const text = formatGeometryJson({ ...result, global: { ...result.global, base_norm: norm } });
        // JSON has no other zero than 0.
        expect(JSON.parse(text).global.base_norm).toBe(norm === 0 ? 0 : norm);
      }),
      { numRuns: 200 },
    );
  });

  it('comes in pieces that do not grow with the model', () => {
    const pieces = (layers: number) => [...geometryJsonPieces(sampleGeometry({ layers, experts: [...'abcdefgh'] }))];
    const [small, large] = [pieces(4), pieces(40)];
    expect(large.length).toBeGreaterThan(5 * small.length);
    expect(Math.max(...large.map(({ length }) => length))).toBeLessThan(100_000);
  });

  it('has a line for each scope, layers in the order of their numbers', () => {
    const result = sampleGeometry({ layers: 12 });
    const lines = formatGeometryJson(result).split('\n');
    const layers = lines.flatMap((line) => /^ {4}"(\d+)": \{"parameters"/.exec(line)?.[1] ?? []);
    expect(layers).toEqual([...Array(12).keys()].map(String));
    const modules = lines.flatMap((line) => /^ {4}"([a-z]+)": \{"parameters"/.exec(line)?.[1] ?? []);
    expect(modules).toEqual(['embed', 'q', 'k', 'v', 'o', 'gate', 'up', 'down', 'norm']);
    const tensors = lines.filter((line) => line.startsWith('    "model.'));
    expect(tensors).toHaveLength(Object.keys(result.tensors).length);
    expect(lines.length).toBeLessThan(tensors.length + 80);
  });
});

describe('order of names', () => {
  it('counts numbers as numbers', () => {
    const names = ['layers.10.a', 'layers.2.b', 'layers.2.a', 'layers', 'layers.02.a'];
    expect(names.sort(compareNames)).toEqual(['layers', 'layers.02.a', 'layers.2.a', 'layers.2.b', 'layers.10.a']);
  });

  it('is a total order', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '0', '1', '9', '.'), maxLength: 6 });
    fc.assert(
      fc.property(name, name, name, (a, b, c) => {
        expect(Math.sign(compareNames(a, b))).toBe(-Math.sign(compareNames(b, a)) + 0);
        expect(compareNames(a, b) === 0).toBe(a === b);
        if (compareNames(a, b) < 0 && compareNames(b, c) < 0) expect(compareNames(a, c)).toBeLessThan(0);
      }),
    );
  });
});
