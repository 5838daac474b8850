import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatGeometryTerminal, LEAST_WIDTH, MOST_WIDTH } from '../../src/report/geometry-terminal.js';
import { shorten, wrap } from '../../src/report/text-layout.js';
import { sampleGeometry } from './sample-geometry.js';
import { withSampleSpectra } from './sample-spectra.js';

const ESCAPE = String.fromCharCode(27);
const widthOf = (line: string): number => [...line.replaceAll(new RegExp(`${ESCAPE}\\[[0-9;]*m`, 'g'), '')].length;

/** Columns of a terminal, none where stdout is not one, and what the summary may take of them. */
const WIDTHS: readonly (readonly [columns: number | undefined, width: number])[] = [
  [undefined, MOST_WIDTH],
  [200, MOST_WIDTH],
  [90, 90],
  [40, LEAST_WIDTH],
];

describe('terminal summary of the geometry', () => {
  const groups: readonly (readonly string[])[] = [
    ['only'],
    ['math', 'code'],
    ['math', 'code', 'science', 'if', 'agent'],
    Array.from({ length: 16 }, (_, i) => `an-expert-with-a-very-long-name-${i}`),
    [`evil${ESCAPE}[2J\r\nname`, 'b\u202ec', '中文模型的名字很长很长很长很长'],
  ];

  it.each(groups.map((experts) => [experts.length, experts] as const))(
    'fits the width with %i experts',
    (_, experts) => {
      const result = sampleGeometry({ layers: 1, experts });
      for (const [columns, width] of WIDTHS) {
        for (const colour of [false, true]) {
          for (const line of formatGeometryTerminal(result, colour, columns).split('\n')) {
            expect(widthOf(line)).toBeLessThanOrEqual(width);
          }
        }
      }
    },
  );

  it('shows spectra within the width, of as many experts as a screen holds', () => {
    for (const experts of groups) {
      const result = withSampleSpectra(sampleGeometry({ layers: 1, experts, merged: false }));
      for (const [columns, width] of WIDTHS) {
        const text = formatGeometryTerminal(result, false, columns);
        expect(text).toContain(`Spectra of ${result.global.spectral!.matrices} matrices`);
        for (const line of text.split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(width);
      }
    }
  });

  it('has no escape sequence without colour, and the same text with it', () => {
    for (const experts of groups) {
      const result = sampleGeometry({ layers: 1, experts });
      const plain = formatGeometryTerminal(result, false);
      expect(plain).not.toContain(ESCAPE);
      expect(plain).not.toMatch(/[\r\u202e]/);
      const coloured = formatGeometryTerminal(result, true);
      expect(coloured.replaceAll(new RegExp(`${ESCAPE}\\[[0-9;]*m`, 'g'), '')).toBe(plain);
    }
  });

  it('paints cells away from chance only, positive and negative ones differently', () => {
    const result = sampleGeometry({ layers: 1, experts: ['a', 'b', 'c'], merged: false });
    const pairs = { ...result.global.pairs };
    const set = (key: string, cosine: number): void => {
      pairs[key] = { ...pairs[key]!, cosine, jaccard_lift: 1 };
    };
    set('a|b', 0.3);
    set('a|c', -0.3);
    set('b|c', 0.001);
    const text = formatGeometryTerminal({ ...result, findings: [], global: { ...result.global, pairs } }, true);
    const background = (cell: string): string | undefined =>
      new RegExp(`${ESCAPE}\\[30;48;5;(\\d+)m *${cell.replace('+', '\\+')}`).exec(text)?.[1];
    expect(background('+300.0')).toBeDefined();
    expect(background('-300.0')).toBeDefined();
    expect(background('+300.0')).not.toBe(background('-300.0'));
    expect(background('+1.0')).toBeUndefined();
    expect(text).toContain('+1.0');
  });

  it('shows both halves of the symmetric map', () => {
    const text = formatGeometryTerminal(sampleGeometry({ layers: 1, experts: ['a', 'b'], merged: false }), false);
    const cosine = /a +· +([+-][\d.]+)/.exec(text)![1]!;
    expect(text.split(cosine).length - 1).toBeGreaterThanOrEqual(2);
  });

  it('breaks heads, not numbers, where the terminal is narrow', () => {
    const result = sampleGeometry({ layers: 1, experts: ['a', 'b'], merged: false });
    const [wide, narrow] = [formatGeometryTerminal(result, false, 100), formatGeometryTerminal(result, false, 80)];
    expect(wide).toMatch(/^ +changed +norm +relative norm +energy in top 20 %/m);
    expect(narrow).toMatch(/^ +relative +energy in .*\n +changed +norm +norm +top 20 %/m);
    const numbers = (text: string): string[] => /^ {2}a +(\d.*)$/m.exec(text)![1]!.split(/ {2,}/);
    expect(numbers(narrow)).toEqual(numbers(wide));
  });

  it('says so when there are no findings', () => {
    const result = { ...sampleGeometry({ layers: 1 }), findings: [] };
    expect(formatGeometryTerminal(result, false)).toContain('none: no number crosses a threshold');
  });

  it('fits a screen of 60 lines with five experts and a merge', () => {
    const result = sampleGeometry({ layers: 36, hidden: 64, experts: ['math', 'code', 'science', 'if', 'agent'] });
    expect(formatGeometryTerminal(result, false).split('\n').length).toBeLessThanOrEqual(60);
  });
});

describe('text layout', () => {
  it('wraps without losing a word or passing the width', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 })),
        fc.nat(8),
        (words, indent) => {
          const text = words.join(' ').replace(/ +/g, ' ').trim();
          const lines = wrap(text, 30, indent);
          for (const line of lines) expect(line.length).toBeLessThanOrEqual(30);
          expect(
            lines
              .map((line) => line.slice(indent))
              .join('')
              .replaceAll(' ', ''),
          ).toBe(text.replaceAll(' ', ''));
        },
      ),
    );
  });

  it('shortens in the middle', () => {
    expect(shorten('abcdefghij', 10)).toBe('abcdefghij');
    expect(shorten('abcdefghijk', 7)).toBe('abc…ijk');
    expect(shorten('abcdefghijk', 1)).toBe('…');
  });
});
