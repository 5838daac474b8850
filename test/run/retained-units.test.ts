/** The memory of retained units against a list of what was written where. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetainedUnits } from '../../src/run/retained-units.js';

const BEGIN = 4096;
const CAPACITY = 1024;

describe('RetainedUnits', () => {
  it('finds each part of a unit until the unit is released', () => {
    const units = new RetainedUnits(BEGIN, CAPACITY);
    const inputs = units.place('t', 'a', 'inputs', 100)!;
    const masks = units.place('t', 'a', 'masks', 60)!;
    expect([units.find('a', 'inputs'), units.find('a', 'masks'), units.find('b', 'inputs')]).toEqual([
      inputs,
      masks,
      undefined,
    ]);
    units.release('a');
    expect([units.find('a', 'inputs'), units.find('a', 'masks')]).toEqual([undefined, undefined]);
  });

  it('has no room for what is larger than its memory, nor for a part that would overwrite its own tensor', () => {
    const units = new RetainedUnits(BEGIN, CAPACITY);
    expect(units.place('t', 'a', 'inputs', CAPACITY + 1)).toBeUndefined();
    expect(units.place('t', 'a', 'inputs', CAPACITY - 64)).toBe(BEGIN);
    expect(units.place('t', 'b', 'masks', 65)).toBeUndefined();
    expect(units.find('a', 'inputs')).toBe(BEGIN);
    expect(units.place('u', 'b', 'masks', 65)).toBe(BEGIN);
    expect(units.find('a', 'inputs')).toBeUndefined();
  });

  it('takes the lowest memory that is free, and lets the oldest of other tensors go first', () => {
    const units = new RetainedUnits(BEGIN, CAPACITY);
    for (const unit of ['a', 'b', 'c', 'd']) units.place('t', unit, 'masks', 256);
    units.release('b');
    expect(units.place('u', 'e', 'masks', 100)).toBe(BEGIN + 256);
    expect(units.place('u', 'f', 'masks', 128)).toBe(BEGIN + 256 + 128);
    expect(units.place('u', 'g', 'masks', 256)).toBe(BEGIN);
    expect(['a', 'c', 'd'].map((unit) => units.find(unit, 'masks') !== undefined)).toEqual([false, true, true]);
  });

  it('never reports memory that something placed later lies in', () => {
    const steps = fc.array(
      fc.record({
        tensor: fc.constantFrom('t', 'u'),
        unit: fc.constantFrom('a', 'b', 'c', 'd'),
        bytes: fc.nat(700),
        releases: fc.boolean(),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (list) => {
        const units = new RetainedUnits(BEGIN, CAPACITY);
        // Each byte remembers the step that took it last.
        const owners = new Int32Array(CAPACITY).fill(-1);
        const placed: { unit: string; part: string; step: number; slot: number; bytes: number }[] = [];
        list.forEach(({ tensor, unit: short, bytes, releases }, step) => {
          const unit = `${short} of ${tensor}`;
          if (releases) units.release(unit);
          const part = `part ${step}`;
          const slot = units.place(tensor, unit, part, bytes);
          if (slot !== undefined) {
            expect(slot % 64).toBe(0);
            expect(slot + bytes).toBeLessThanOrEqual(BEGIN + CAPACITY);
            owners.fill(step, slot - BEGIN, slot - BEGIN + bytes);
            placed.push({ unit, part, step, slot, bytes });
          }
          for (const frame of placed) {
            if (units.find(frame.unit, frame.part) === undefined) continue;
            const begin = frame.slot - BEGIN;
            expect(owners.subarray(begin, begin + frame.bytes).every((owner) => owner === frame.step)).toBe(true);
          }
        });
      }),
      { numRuns: 200 },
    );
  });
});
