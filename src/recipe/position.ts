/** Line and column in the recipe, from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}
