import { type ErrorFacts, M2MergeError } from '../../src/errors.js';

/** The problems of a recipe that some work throws, each with its line and path; none when it throws none. */
export const messagesOf = (work: () => unknown): string[] => {
  try {
    work();
  } catch (error) {
    if (error instanceof M2MergeError && error.kind === 'recipe-invalid') {
      const { problems } = error.facts as ErrorFacts['recipe-invalid'];
      return problems.map(({ line, path, message }) => `${line} ${path}: ${message}`);
    }
    throw error;
  }
  return [];
};
