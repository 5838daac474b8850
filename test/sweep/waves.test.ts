/** How many variants are merged together on a disk of a given size. */
import { describe, expect, it } from 'vitest';
import { type ErrorFacts, M2MergeError } from '../../src/errors.js';
import type { Evaluation, Keep } from '../../src/recipe/sweep-keys.js';
import { planWaves } from '../../src/trial/sweep-plan.js';

const evaluation: Evaluation = {
  command: ['true'],
  metrics: undefined,
  timeout: 1,
  parallel: 1,
  objective: undefined,
};

const plan = (keep: Keep, count: number, free: number, judged = true) =>
  planWaves(10, count, free, { keep, folder: '/out', evaluation: judged ? evaluation : undefined });

function refusal(work: () => unknown): {
  proposal: ErrorFacts['sweep-too-large']['proposal'];
  message: string;
  hint: string;
} {
  try {
    work();
  } catch (error) {
    if (error instanceof M2MergeError && error.kind === 'sweep-too-large') {
      const { proposal } = error.facts as ErrorFacts['sweep-too-large'];
      return { proposal, message: error.message, hint: error.hint! };
    }
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('waves of a sweep', () => {
  it('are as large as the disk allows when models go again', () => {
    expect(plan('none', 8, 35)).toEqual({ waveSize: 3, waves: 3 });
    expect(plan('none', 8, 1000)).toEqual({ waveSize: 8, waves: 1 });
    // One place stays for the best so far.
    expect(plan('best', 8, 35)).toEqual({ waveSize: 2, waves: 4 });
    expect(plan('best', 8, 20)).toEqual({ waveSize: 1, waves: 8 });
    expect(plan('best', 1, 10)).toEqual({ waveSize: 1, waves: 1 });
    expect(plan('none', 40, 1000)).toEqual({ waveSize: 16, waves: 3 });
  });

  it('need room for all models that stay', () => {
    expect(plan('all', 8, 80)).toEqual({ waveSize: 8, waves: 1 });
    const { proposal, message, hint } = refusal(() => plan('all', 8, 79));
    expect(proposal).toEqual({ keep: 'best', waveSize: 6, waves: 2, variantBytes: 10 });
    expect(message).toContain('/out: 8 models to write');
    expect(hint).toContain('keep: best fits: 2 waves of up to 6');
  });

  it('are not proposed where nothing would be judged, or nothing fits', () => {
    expect(refusal(() => plan('all', 8, 79, false)).proposal).toBeUndefined();
    expect(refusal(() => plan('all', 8, 9)).proposal).toBeUndefined();
    expect(refusal(() => plan('best', 8, 19)).proposal).toEqual({
      keep: 'none',
      waveSize: 1,
      waves: 8,
      variantBytes: 10,
    });
    expect(refusal(() => plan('none', 8, 9)).hint).toContain('free some space');
  });

  it('are none when nothing is left to merge, and one when nothing is written', () => {
    expect(plan('all', 0, 0)).toMatchObject({ waves: 0 });
    expect(planWaves(0, 8, 0, { keep: 'none', folder: '/out', evaluation: undefined })).toEqual({
      waveSize: 8,
      waves: 1,
    });
  });
});
