/** How tensors are cut, against what the cut has to guarantee. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linear } from '../../kernels/methods/linear.js';
import { countUnits, layOutUnits } from '../../src/plan/unit-layout.js';

const rowWise = { ...linear, wholeRows: () => true };

describe('the cut of a tensor', () => {
  it('takes no notice of the shape when a method works element by element', () => {
    const layouts = [[], [7], [3, 5], [4096, 11_008]].map((shape) => layOutUnits(linear, shape, {}));
    for (const layout of layouts)
      expect(layout).toEqual({ unitElements: 2 ** 20, stepElements: 8192, runElements: 64 });
  });

  it('never parts a row, and ends pieces at multiples of 64 elements', () => {
    const shapes = fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 20_000 }));
    fc.assert(
      fc.property(shapes, ([rows, columns]) => {
        const { unitElements, stepElements, runElements } = layOutUnits(rowWise, [rows, columns], {});
        const wholeTensor = runElements >= rows * columns;
        for (const piece of [unitElements, stepElements, runElements]) {
          expect(piece % 64).toBe(0);
          if (!wholeTensor) expect(piece % columns).toBe(0);
        }
        expect(unitElements % runElements).toBe(0);
        expect(stepElements % runElements).toBe(0);
        expect(stepElements <= 8192 || stepElements === runElements).toBe(true);
        expect(unitElements <= 2 ** 20 || unitElements === runElements).toBe(true);
      }),
    );
  });

  it('keeps a vector in one piece, however long', () => {
    const { runElements } = layOutUnits(rowWise, [200_001], {});
    expect(runElements).toBe(200_064);
    expect(layOutUnits(rowWise, [], {}).runElements).toBe(64);
  });

  it('counts units so that they cover the tensor', () => {
    const layout = layOutUnits(rowWise, [1000, 4097], {});
    const units = countUnits(layout, 4_097_000);
    expect(units * layout.unitElements).toBeGreaterThanOrEqual(4_097_000);
    expect((units - 1) * layout.unitElements).toBeLessThan(4_097_000);
    expect(countUnits(layout, 0)).toBe(0);
  });
});
