/** Line and column in the recipe, from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Orders places of one recipe as they are written. */
export const byPlace = (a: Position, b: Position): number => a.line - b.line || a.column - b.column;
