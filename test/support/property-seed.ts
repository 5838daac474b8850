/**
 * Property tests draw the same cases on every run, so that a change is judged by what it changed. To look for new cases:
 * `FUZZ_SEED=random npm test` (or a number, as a failure prints it). What is found becomes a case of its own.
 */
import fc from 'fast-check';

const FIXED_SEED = 20260212;

const asked = process.env.FUZZ_SEED;
if (asked !== 'random') fc.configureGlobal({ seed: asked === undefined ? FIXED_SEED : Number(asked) });
