/** Runs what must fail with `recipe-invalid` and hands the error over; anything else fails the test. */
import { isM2MergeError, type M2MergeError } from '../../src/errors.js';

export function problemsOf(run: () => unknown): M2MergeError<'recipe-invalid'> {
  let result: unknown;
  try {
    result = run();
  } catch (error) {
    if (isM2MergeError(error, 'recipe-invalid')) return error;
    throw error;
  }
  throw new Error(`expected recipe-invalid, but it was accepted: ${JSON.stringify(result)}`);
}
