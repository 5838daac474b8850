/** How a failure is told. */
export interface Wording {
  readonly message: string;
  readonly hint?: string | undefined;
}
