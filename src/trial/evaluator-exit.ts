/** What the process that runs an evaluator ends with where it could not write down what the evaluator left. */
export const RECORD_UNWRITTEN = { diskFull: 5, other: 6 } as const;
