/**
 * SCE of the papers' code with a selection: which of several elements of equal variance are selected is left open by
 * `torch.topk`, and every weight depends on it. With the choice that libstdc++'s nth_element makes, float64 gives their
 * output; with the choice by lowest index, the same lines give ours.
 */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FIXTURES } from '../support/cli.js';
import { m2merge } from '../support/command.js';
import { readModel } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { nthElement } from './nth-element.js';

const CONFORMANCE = join(FIXTURES, 'conformance');
const MODELS = join(CONFORMANCE, 'models');
const CASE = join(CONFORMANCE, 'mergelm/sce_0.5');
const SHARE = 0.5;

const base = readModel(join(MODELS, 'base')).tensors;
const experts = ['math', 'code', 'science', 'if'].map((name) => readModel(join(MODELS, name)).tensors);
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

type Order = (variances: readonly number[], selected: number) => readonly number[];

const byLowestIndex: Order = (variances) =>
  [...variances.keys()].sort((a, b) => variances[b]! - variances[a]! || a - b);

function merged(tensor: string, order: Order): number[] {
  const origin = base.get(tensor)!.values;
  const changes = experts.map((expert) => expert.get(tensor)!.values.map((value, i) => value - origin[i]!));
  const variances = origin.map((_, i) => {
    const mean = sum(changes.map((vector) => vector[i]!)) / changes.length;
    return Math.fround(sum(changes.map((vector) => (vector[i]! - mean) ** 2)) / changes.length);
  });
  const count = Math.floor(SHARE * variances.filter((variance) => variance !== 0).length);
  const selected = order(variances, count).slice(0, count);
  const energies = changes.map((vector) => sum(selected.map((i) => vector[i]! ** 2)));
  return origin.map((value, i) => {
    const sign = sum(changes.map((vector) => vector[i]!)) >= 0 ? 1 : -1;
    const agreeing = [...changes.keys()].filter((k) => Math.sign(changes[k]![i]!) === sign);
    const weight = sum(agreeing.map((k) => energies[k]!));
    return value + (weight === 0 ? 0 : sum(agreeing.map((k) => energies[k]! * changes[k]![i]!)) / weight);
  });
}

function expectMerged(folder: string, order: Order) {
  for (const [tensor, { values }] of readModel(folder).tensors) {
    const expected = merged(tensor, order);
    const scale = Math.max(...expected.map((value, i) => Math.abs(value - base.get(tensor)!.values[i]!)));
    const off = values.findIndex((value, i) => Math.abs(value - expected[i]!) > 1e-5 * (Math.abs(value) + scale));
    expect([tensor, off]).toEqual([tensor, -1]);
  }
}

it('theirs selects as nth_element leaves equal variances, ours by lowest index', async () => {
  expectMerged(CASE, nthElement);
  const output = join(temporaryFolder(), 'sce');
  expect((await m2merge([join(CASE, 'recipe.yaml'), output, '--quiet'], MODELS)).status).toBe(0);
  expectMerged(output, byLowestIndex);
});
