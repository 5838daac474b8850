/** Failures of sweeps. Worded for `../errors.ts`. */
import { formatBytes } from './byte-text.js';
import type { Wording } from './wording.js';

export interface SweepErrorFacts {
  'sweep-running': { folder: string };
  'evaluations-failed': { folder: string; count: number };
  'results-outdated': { folder: string; count: number };
  'sweep-too-large': {
    path: string;
    /** Models to be written. */
    count: number;
    needed: number;
    available: number;
    /** What would fit instead. */
    proposal: { keep: 'best' | 'none'; waveSize: number; waves: number; variantBytes: number } | undefined;
  };
}

const STAYS = { best: 'the best model beside it', none: 'nothing beside it' } as const;

export const SWEEP_WORDINGS: { readonly [K in keyof SweepErrorFacts]: (facts: SweepErrorFacts[K]) => Wording } = {
  'sweep-running': ({ folder }) => ({
    message: `another sweep is running in ${folder}`,
    hint: 'wait for its end, or name another folder',
  }),
  'evaluations-failed': ({ folder, count }) => ({
    message: `none of ${count} evaluations gave a number`,
    hint: `what each said is in ${folder}/sweep.md; once the command works, the same sweep with --retry evaluates them`,
  }),
  'results-outdated': ({ folder, count }) => ({
    message: `${count === 1 ? 'a result' : `${count} results`} in ${folder} ${count === 1 ? 'is' : 'are'} of models that were written to since`,
    hint: 'a sweep with --overwrite merges and judges them again; or name another folder',
  }),
  'sweep-too-large': ({ path, count, needed, available, proposal }) => ({
    message: `not enough space at ${path}: ${count} models to write, ${formatBytes(needed)} needed at once, ${formatBytes(available)} available`,
    hint:
      proposal === undefined
        ? 'free some space, write to another disk, or use keep: none without an evaluation for the geometry alone'
        : `keep: ${proposal.keep} fits: ${proposal.waves} waves of up to ${proposal.waveSize} (${formatBytes(proposal.variantBytes)} each), judged and removed one after the other, ${STAYS[proposal.keep]}`,
  }),
};
