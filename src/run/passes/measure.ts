/** Measures the geometry of a unit's task vectors, which must have a base. */
import type { MeasureAction, MeasureResult } from '../task.js';
import { observeGeometry } from '../unit-geometry.js';
import type { Pass, PassContext } from './pass.js';

export function measurePass({ projection }: MeasureAction, { unit, tensor, vectors }: PassContext): Pass {
  const observer = observeGeometry(unit, tensor, vectors, projection);
  return {
    step: ({ tile, offset }) => observer.observe(tile, offset),
    finish: (): MeasureResult => ({ kind: 'measure', sums: observer.finish() }),
  };
}
