/** Which channels are hot where a tenth is no whole number, or energies are equal. */
import { describe, expect, it } from 'vitest';
import { HotspotCollector } from '../../src/geometry/hotspots.js';

const WIDTH = 6;

/** The hot spots of an MLP whose up projection has these energies by channel; all of the down projection are 0. */
function hotspotsOf(a: readonly number[], b: readonly number[], downWidth = WIDTH) {
  const channels = a.length;
  const up = { axis: 'rows', isDown: false, rows: channels, columns: WIDTH } as const;
  const down = { axis: 'columns', isDown: true, rows: downWidth, columns: channels } as const;
  const tensors = [
    { name: 'layers.0.mlp.up_proj.weight', layer: 0, units: 1, layout: up },
    { name: 'layers.0.mlp.down_proj.weight', layer: 0, units: 1, layout: down },
  ];
  const collector = new HotspotCollector(new Map(tensors.entries()), ['a', 'b']);
  collector.add(0, 0, { first: 0, energies: [Float64Array.from(a), Float64Array.from(b)] });
  collector.add(1, 0, { first: 0, energies: [new Float64Array(channels), new Float64Array(channels)] });
  return collector.of(0);
}

/** Energies of 1 but for some. */
const energies = (channels: number, others: Readonly<Record<number, number>>): number[] =>
  Array.from({ length: channels }, (_, channel) => others[channel] ?? 1);

const overlap = (channels: number): number =>
  hotspotsOf(energies(channels, { 0: 9, 1: 8 }), energies(channels, { 1: 9, 2: 8 }))!.jaccard['a|b']!;

describe('a tenth of the channels', () => {
  it('is rounded to the nearest number', () => {
    // One each, 0 and 1; two each, 0 and 1, 1 and 2.
    expect(overlap(14)).toBe(0);
    expect(overlap(15)).toBe(1 / 3);
  });

  it('is at least one', () => {
    expect(hotspotsOf([1, 2, 3], [3, 2, 9])!.jaccard['a|b']).toBe(1);
  });
});

describe('channels of equal energy', () => {
  const equal = energies(20, {});

  it('are hot by their index, the lowest first', () => {
    expect(hotspotsOf(equal, energies(20, { 0: 9, 1: 8 }))!.jaccard['a|b']).toBe(1);
    expect(hotspotsOf(equal, energies(20, { 18: 9, 19: 8 }))!.jaccard['a|b']).toBe(0);
  });

  it('come after those with more', () => {
    expect(hotspotsOf(energies(20, { 19: 2 }), energies(20, { 0: 8, 19: 9 }))!.jaccard['a|b']).toBe(1);
  });

  it('are not hot where the energy is 0', () => {
    // Two may be hot: a has energy in one, b in two.
    const [a, b] = [{ 7: 4 }, { 7: 8, 9: 2 }].map((some) =>
      energies(20, some).map((energy) => (energy === 1 ? 0 : energy)),
    );
    expect(hotspotsOf(a!, b!)).toEqual({
      channels: 20,
      jaccard: { 'a|b': 1 / 2 },
      incoming_energy: { a: 2, b: 4 / 10 },
    });
  });
});

it('matrices of different widths are no MLP', () => {
  const values = energies(20, { 3: 9 });
  expect(hotspotsOf(values, values)!.channels).toBe(20);
  expect(hotspotsOf(values, values, WIDTH + 1)).toBeUndefined();
});
