/** Measures the geometry of a unit's task vectors, which must have a base. */
import type { MeasureResult } from '../task.js';
import { observeGeometry } from '../unit-geometry.js';
import type { Pass, PassContext } from './pass.js';

export function measurePass({ unit, vectors }: PassContext): Pass {
  const observer = observeGeometry(unit, vectors);
  return {
    step: ({ tile, offset }) => observer.observe(tile, offset),
    finish: (): MeasureResult => ({ kind: 'measure', sums: observer.finish() }),
  };
}
