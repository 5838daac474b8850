/** Numbers against float64: what each method should give, written down again in a few naive lines. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FIXTURES, temporaryFolder } from '../support/cli.js';
import { m2merge } from '../support/command.js';
import { readModel } from '../support/safetensors.js';
import { encodeSmallFloat } from '../support/small-floats.js';

const MODELS = join(FIXTURES, 'conformance/models');
const CASES = join(FIXTURES, 'conformance/cases');
const EXPERTS = ['math', 'code', 'science', 'if'];

const base = readModel(join(MODELS, 'base')).tensors;
const experts = EXPERTS.map((name) => readModel(join(MODELS, name)).tensors);

/** Element-wise float64 merges of the bfloat16 cases; the trimmed masks follow the definition, ties by lowest index. */
const IDEAL: Record<string, (tensor: string) => number[]> = {
  'bfloat16-linear': (tensor) => combine(tensor, (values) => 0.25 * sum(values)),
  'bfloat16-task-arithmetic': (tensor) => {
    const origin = base.get(tensor)!.values;
    return combine(tensor, (values, i) => origin[i]! + 0.6 * sum(values.map((value) => value - origin[i]!)));
  },
  'bfloat16-ties': (tensor) => {
    const origin = base.get(tensor)!.values;
    const trimmed = experts.map((expert) =>
      keepLargest(
        expert.get(tensor)!.values.map((value, i) => value - origin[i]!),
        0.2,
      ),
    );
    return origin.map((value, i) => {
      const changes = trimmed.map((vector) => vector[i]!);
      const sign = sum(changes) >= 0 ? 1 : -1;
      const agreeing = changes.filter((change) => Math.sign(change) === sign);
      return value + (agreeing.length === 0 ? 0 : sum(agreeing) / agreeing.length);
    });
  },
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function combine(tensor: string, merge: (values: number[], i: number) => number): number[] {
  const vectors = experts.map((expert) => expert.get(tensor)!.values);
  return vectors[0]!.map((_, i) =>
    merge(
      vectors.map((vector) => vector[i]!),
      i,
    ),
  );
}

function keepLargest(vector: readonly number[], density: number): number[] {
  const order = vector.map((_, i) => i).sort((a, b) => Math.abs(vector[b]!) - Math.abs(vector[a]!) || a - b);
  const kept = new Set(order.slice(0, Math.floor(density * vector.length)));
  return vector.map((value, i) => (kept.has(i) ? value : 0));
}

describe('bfloat16 output', () => {
  const work = temporaryFolder();
  for (const [name, ideal] of Object.entries(IDEAL)) {
    const recipe = readFileSync(join(CASES, name, 'recipe.yaml'), 'utf8');
    writeFileSync(join(work, `${name}.yaml`), recipe);
    writeFileSync(join(work, `${name}-f32.yaml`), recipe.replace('dtype: bfloat16', 'dtype: float32'));
    const merge = async (file: string) => {
      const output = join(work, file);
      expect((await m2merge([join(work, `${file}.yaml`), output, '--quiet'], MODELS)).status).toBe(0);
      return readModel(output).tensors;
    };

    it(`${name}: every element is the correctly rounded f32 result`, async () => {
      const narrow = await merge(name);
      const wide = await merge(`${name}-f32`);
      for (const [tensor, { bytes }] of narrow) {
        const patterns = Array.from(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2));
        expect(patterns).toEqual(wide.get(tensor)!.values.map((value) => encodeSmallFloat('BF16', value)));
      }
    });

    it(`${name}: nearest to float64, and where it is not mergekit's value, nearer than that`, () => {
      const ours = readModel(join(work, name)).tensors;
      const theirs = readModel(join(CASES, name)).tensors;
      let differing = 0;
      for (const tensor of ours.keys()) {
        const own = ours.get(tensor)!.values;
        const reference = theirs.get(tensor)!.values;
        ideal(tensor).forEach((exact, i) => {
          const error = Math.abs(own[i]! - exact);
          // Half a unit in the last place, and what f32 arithmetic on the base and four changes may add to it.
          const allowed =
            0.5 * bf16Unit(exact) + 8 * 2 ** -24 * (Math.abs(base.get(tensor)!.values[i]!) + Math.abs(exact));
          if (error > allowed) expect.fail(`${tensor}[${i}]: ${own[i]}, expected ${exact}`);
          if (own[i] === reference[i]) return;
          differing++;
          const excess = error - Math.abs(reference[i]! - exact);
          if (excess > allowed - 0.5 * bf16Unit(exact))
            expect.fail(`${tensor}[${i}]: ${own[i]} is further from ${exact} than ${reference[i]}`);
        });
      }
      // Weights of 1/4 and sums of few bits leave nothing to round in the plain average.
      if (name !== 'bfloat16-linear') expect(differing).toBeGreaterThan(0);
    });

    it(`${name}: the f32 result is within a few units of float64`, () => {
      for (const [tensor, { values }] of readModel(join(work, `${name}-f32`)).tensors) {
        const exact = ideal(tensor);
        values.forEach((value, i) => {
          // What f32 rounds: the weights, four products and the sums, all in proportion to the base and the changes.
          const origin = base.get(tensor)!.values[i]!;
          const changes = experts.map((expert) => Math.abs(expert.get(tensor)!.values[i]! - origin));
          const unit = 2 ** -24 * (Math.abs(origin) + sum(changes));
          if (Math.abs(value - exact[i]!) > 4 * unit) expect.fail(`${tensor}[${i}]: ${value}, expected ${exact[i]}`);
        });
      }
    });
  }
});

/** Distance between neighbouring bf16 values around `value`. */
function bf16Unit(value: number): number {
  return 2 ** (Math.max(-126, Math.floor(Math.log2(Math.abs(value) || 2 ** -126))) - 7);
}
