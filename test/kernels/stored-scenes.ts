/** A base and models that lie close to it, as they are stored and as differences. */
import fc from 'fast-check';
import type { Kernels, Slot } from '../../kernels/abi.js';
import { Workspace } from './workspace.js';

const INFINITY = 0x7f80;
/** The largest finite bf16. */
export const LARGEST = 0x7f7f;

export interface Scene {
  readonly base: readonly number[];
  readonly models: readonly (readonly number[])[];
  readonly scales: readonly number[];
  readonly maskBytes: readonly number[];
  readonly masked: boolean;
}

/** Fine-tunes as they are: most values are those of the base, others a few steps away. Some are anything at all. */
export const ordinary = fc.integer({ min: 0x3c00, max: 0x3cff }).map((bits) => bits + (bits & 1) * 0x8000);
export const anything = fc.oneof(ordinary, fc.constantFrom(0, 0x8000, 1, LARGEST, INFINITY, INFINITY + 0x8000, 0x7fc0));
const moves = fc.constantFrom(0, 0, 0, 0, 1, -1, 2, 40, 0x8000);
const scales = fc.constantFrom(1, 0.5, 0.25, -1, 0.3, 3e38);

export const scenes = (values: fc.Arbitrary<number>, most = 5): fc.Arbitrary<Scene> =>
  fc
    .record({ operands: fc.integer({ min: 1, max: most }), count: fc.nat(150), isLong: fc.integer({ max: 9, min: 0 }) })
    .chain(({ operands, count: few, isLong }) => {
      const count = few + (isLong === 0 ? 2048 : 0);
      const list = <T>(of: fc.Arbitrary<T>, length: number) => fc.array(of, { minLength: length, maxLength: length });
      return fc
        .record({
          base: list(values, count),
          moved: list(list(moves, count), operands),
          scales: list(scales, operands),
          maskBytes: list(fc.nat(255), operands * Math.ceil(count / 8)),
          masked: fc.boolean(),
        })
        .map(({ moved, ...scene }) => ({
          ...scene,
          models: moved.map((steps) => steps.map((step, i) => (scene.base[i]! + step) & 0xffff)),
        }));
    });

export function kept(space: Workspace, slot: Slot, mask: Slot, count: number): Slot {
  const to = space.reserve(4 * count);
  space.kernels.keepMasked(slot, mask, to, count);
  return to;
}

/** A scene in memory: as stored, and as differences. */
export function place(kernels: Kernels, { base, models, scales: weights, maskBytes, masked }: Scene) {
  const space = new Workspace(kernels);
  const count = base.length;
  const stored = { base: space.put(Uint16Array.from(base)), models: models.map((x) => space.put(Uint16Array.from(x))) };
  const bytes = Math.ceil(count / 8);
  const masks = models.map((_, i) => space.put(Uint8Array.from(maskBytes.slice(i * bytes, (i + 1) * bytes))));
  const widened = space.reserve(4 * count);
  kernels.widenBf16(stored.base, widened, count);
  const differences = stored.models.map((slot) => {
    const to = space.reserve(4 * count);
    kernels.differBf16(slot, widened, to, count);
    return to;
  });
  const shown = differences.map((slot, i) => {
    // The last is kept whole, as it has no mask.
    if (!masked || i === models.length - 1) return slot;
    return kept(space, slot, masks[i]!, count);
  });
  const selectors = masks.map((mask, i) => (masked && i < models.length - 1 ? mask : 0));
  const table = (slots: readonly number[], of: readonly number[] = selectors) =>
    space.putOperands(slots.map((slot, i) => ({ slot, scale: weights[i]!, weight: weights[i]!, selector: of[i]! })));
  return { space, count, stored, masks, widened, differences, shown, table };
}
