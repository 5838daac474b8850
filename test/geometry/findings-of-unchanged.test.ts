/** Findings of groups in which experts, or tensors, are the base's own. */
import { describe, expect, it } from 'vitest';
import { findFindings, type MeasuredGeometry } from '../../src/geometry/findings.js';
import { sampleGeometry } from '../report/sample-geometry.js';

/** Two experts of norms 3 and 4 at a right angle, and as many more as are named, which changed nothing. */
function group(...unchanged: string[]): MeasuredGeometry {
  const experts = ['a', 'b', ...unchanged];
  const sample = sampleGeometry({ layers: 1, hidden: 8, experts, merged: false });
  const [{ a, b }, { 'a|b': pair }] = [sample.global.experts, sample.global.pairs];
  const still = Object.fromEntries(unchanged.map((name) => [name, { ...a!, norm: 0, changed_fraction: 0 }]));
  return {
    ...sample,
    global: {
      ...sample.global,
      experts: { a: { ...a!, norm: 3 }, b: { ...b!, norm: 4 }, ...still },
      pairs: { 'a|b': { ...pair!, dot: 0, cosine: 0 } },
    },
    untouched: Object.fromEntries(experts.map((name) => [name, []])),
  };
}

describe('the scale', () => {
  const adviceFor = (...unchanged: string[]): string =>
    findFindings(group(...unchanged)).find(({ code }) => code === 'norm-preserving-scale')!.advice;

  it('names the λ of an average over all experts, as a merge takes it, also over one that changed nothing', () => {
    expect(adviceFor()).toContain('an average is λ = 0.500');
    expect(adviceFor('c')).toContain('an average is λ = 0.333');
    // 3.5/5, whoever else there is.
    expect(adviceFor('c')).toContain('Sweep λ around 0.700');
  });
});

describe('untouched tensors', () => {
  const codesFor = (names: readonly string[]): string[] =>
    findFindings({ ...group(), untouched: { a: names, b: names } }).map(({ code }) => code);
  const all = Object.keys(group().tensors);

  it('are a finding where they are some of all', () => {
    expect(all.length).toBeGreaterThan(1);
    expect(codesFor(all.slice(1))).toContain('untouched-tensors');
    expect(codesFor([])).not.toContain('untouched-tensors');
  });

  it('are none where nothing changed at all, which is said of the experts', () => {
    expect(codesFor(all)).not.toContain('untouched-tensors');
  });
});
