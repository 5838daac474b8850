/** What the tool says of its merge methods. */
import { describe, expect, it } from 'vitest';
import { METHODS } from '../../kernels/methods/registry.js';
import { REPOSITORY } from '../support/cli.js';
import { m2merge } from '../support/command.js';

const say = (...args: string[]) => m2merge(['methods', ...args], REPOSITORY);

describe('m2merge methods', () => {
  it('lists every method with its parameters and defaults', async () => {
    const { status, stdout, stderr } = await say();
    expect([status, stderr]).toEqual([0, '']);
    for (const { name, title } of METHODS) expect(stdout).toMatch(new RegExp(`^${name} +${title[0]}`, 'm'));
    expect(stdout).toMatch(/^nearswap .*\n +t\*$/m);
    expect(stdout.split('\n').every((line) => line.length <= 100)).toBe(true);
  });

  it('explains one: equation, parameters, presets, source, differences', async () => {
    const { status, stdout } = await say('ties');
    expect(status).toBe(0);
    for (const part of [
      'θ = θ₀ + λ',
      'arXiv:2306.01708',
      'trim_scope: tensor, per merge (tensor | model)',
      'm2rl ',
      'zero_sign: majority',
      'elsewhere',
    ]) {
      expect(stdout).toContain(part);
    }
  });

  it('says what presets decide, and what they leave to sparsify', async () => {
    const { stdout } = await say('ram');
    expect(stdout).toContain('\n  epsilon: 0.00001, per merge\n');
    expect(stdout).toMatch(/\nsparsify .*\n(?: {2}.*\n)* {2}epsilon: 0\.15, per model\n/);
    expect(stdout).toContain(
      'm2rl      epsilon: 0; within sparsify, if there is one, density: 0.8, rescale: density\n',
    );
    expect((await say('sce')).stdout).toContain('selection_for: weights, least_energy: 0; within sparsify');
    const defaults = async (method: string) =>
      (JSON.parse((await say(method, '--json')).stdout).parameters as { name: string; default: number }[]).map(
        ({ name, default: fallback }) => [name, fallback] as const,
      );
    expect(Object.fromEntries(await defaults('ram'))).toMatchObject({ epsilon: 1e-5, 'sparsify.epsilon': 0.15 });
    const { definitions } = JSON.parse((await m2merge(['schema'], REPOSITORY)).stdout);
    expect(definitions.ram.properties.epsilon.default).toBe(1e-5);
    expect(definitions.sce.properties.least_energy.default).toBe(1e-6);
    expect(definitions.sparsify.properties.epsilon.default).toBe(0.15);
  });

  it('finds a method by its alias', async () => {
    expect((await say('average')).stdout).toBe((await say('linear')).stdout);
  });

  it('--json is the declaration', async () => {
    const listed = JSON.parse((await say('--json')).stdout) as {
      name: string;
      parameters: { name: string; required: boolean }[];
    }[];
    expect(listed.map(({ name }) => name)).toEqual(METHODS.map(({ name }) => name));
    const [t] = (JSON.parse((await say('slerp', '--json')).stdout) as (typeof listed)[0]).parameters;
    expect(t).toMatchObject({ name: 't', scope: 'merge', required: true });
  });

  it('an unknown name is wrong usage, with the nearest one', async () => {
    const run = await say('tie');
    expect(run).toMatchObject({ status: 2, stdout: '' });
    expect(run.stderr).toContain('there is no merge method "tie"');
    expect(run.stderr).toContain('did you mean "ties"?');
    expect((await say('dare')).stderr).toContain(
      'did you mean "dare_linear" or "dare_ties"? "sparsify: {method: dare, …}"',
    );
    expect((await say('magnitude')).stderr).toContain(
      'hint: "sparsify: {method: magnitude, …}" puts it in front of any method',
    );
    expect((await say('sparsify')).stderr).toContain('hint: "sparsify: {method: dare | ');
    expect((await say('frankenmerge')).stderr).toContain('`m2merge methods` lists them');
  });
});
