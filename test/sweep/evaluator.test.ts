/** The evaluator of the embedded group: its forward pass against logits and continuations of another implementation. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { continueGreedily, encode } from '../../recipes/evaluator/generate.js';
import { Qwen3 } from '../../recipes/evaluator/qwen3.js';
import { readWeights } from '../../recipes/evaluator/weights.js';
import { REPOSITORY } from '../support/cli.js';

const GROUP = join(REPOSITORY, 'recipes/tiny-rlvr');

interface LogitCase {
  readonly model: string;
  readonly prompt: string;
  readonly tokens: readonly number[];
  readonly next_token_logits: readonly number[];
  readonly greedy_tokens: readonly number[];
}

const { cases } = JSON.parse(readFileSync(join(GROUP, 'logits.json'), 'utf8')) as { cases: LogitCase[] };

describe('the forward pass', () => {
  it.each([...new Set(cases.map(({ model }) => model))])('gives the published logits of %s', async (name) => {
    const model = new Qwen3(await readWeights(join(GROUP, name)));
    for (const { prompt, tokens, next_token_logits, greedy_tokens } of cases.filter((one) => one.model === name)) {
      expect(encode(prompt)).toEqual(tokens);
      const logits = model.nextTokenLogits(tokens);
      const apart = next_token_logits.map((logit, i) => Math.abs(logit - logits[i]!));
      // Logits are written with six decimals and were computed in f32.
      expect(Math.max(...apart), prompt).toBeLessThan(1e-4);
      expect(continueGreedily(model, tokens)).toEqual(greedy_tokens);
    }
  });

  it('does not depend on what was asked before', async () => {
    const weights = await readWeights(join(GROUP, 'sft'));
    const [used, fresh] = [new Qwen3(weights), new Qwen3(weights)];
    used.nextTokenLogits(encode('math:84+47?1'));
    used.nextTokenLogits(encode('math:84'));
    const tokens = encode('math:84+11?');
    expect([...used.nextTokenLogits(tokens)]).toEqual([...fresh.nextTokenLogits(tokens)]);
  });
});

describe('the command', () => {
  it('gives the published accuracies of an expert', () => {
    const command = join(REPOSITORY, 'dist/recipes/evaluator/evaluate.js');
    const run = spawnSync(process.execPath, [command, join(GROUP, 'code'), join(GROUP, 'eval.jsonl')], {
      encoding: 'utf8',
    });
    const { mean: _, ...published } = JSON.parse(readFileSync(join(GROUP, 'results.json'), 'utf8')).accuracy.code;
    const found = JSON.parse(run.stdout) as Record<string, number>;
    expect(Object.keys(found)).toEqual(Object.keys(published));
    // One prompt of 200 is half a point: f32 sums in another order may tip an answer.
    for (const domain of Object.keys(found))
      expect(Math.abs(found[domain]! - published[domain])).toBeLessThanOrEqual(0.5);
  });
});
