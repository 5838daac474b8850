import { expect } from 'vitest';

/** Numbers worked by hand, to six decimals of the f32 that methods compute. */
export function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 6);
  });
}
