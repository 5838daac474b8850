/** Where in the MLPs of a layer the experts' updates concentrate (the definitions: docs/geometry.md). */
import { type ChannelLayout, type ChannelSums, channelsIn, widthOf } from './channels.js';
import { expertPairs } from './expert-pairs.js';
import { ratio } from './metrics.js';
import { nthLargest } from './nth-largest.js';
import type { HotspotGeometry } from './result.js';

/** Share of a layer's channels that are an expert's hot ones. */
const HOT_SHARE = 0.1;

/** A matrix of an MLP, as the collector knows it. */
export interface ChannelTensor {
  readonly name: string;
  readonly layer: number;
  readonly units: number;
  readonly layout: ChannelLayout;
}

interface Matrix extends ChannelTensor {
  readonly index: number;
  readonly parts: (ChannelSums | undefined)[];
  missing: number;
  /** By expert, then row or column; once all units are in. */
  energies?: Float64Array[];
}

/** Takes channel energies of units in any order; of each layer only the result stays. */
export class HotspotCollector {
  readonly #names: readonly string[];
  readonly #matrices = new Map<number, Matrix>();
  readonly #layers = new Map<number, Matrix[]>();
  readonly #done = new Map<number, HotspotGeometry>();

  /** `tensors` by index in the order they are to be added in. */
  constructor(tensors: ReadonlyMap<number, ChannelTensor>, names: readonly string[]) {
    this.#names = names;
    for (const [index, tensor] of tensors) {
      const matrix = { ...tensor, index, parts: [], missing: tensor.units };
      this.#matrices.set(index, matrix);
      this.#layers.set(tensor.layer, [...(this.#layers.get(tensor.layer) ?? []), matrix]);
    }
  }

  add(tensor: number, unit: number, sums: ChannelSums): void {
    const matrix = this.#matrices.get(tensor)!;
    matrix.parts[unit] = sums;
    if (--matrix.missing > 0) return;
    matrix.energies = addParts(matrix, this.#names.length);
    matrix.parts.length = 0;
    const layer = this.#layers.get(matrix.layer)!;
    if (layer.some(({ energies }) => energies === undefined)) return;
    const channels = channelsOf(layer, this.#names.length);
    if (channels[0]!.length > 0) this.#done.set(matrix.layer, hotspots(channels, this.#names));
    for (const { index } of layer) this.#matrices.delete(index);
    this.#layers.delete(matrix.layer);
  }

  /** Undefined for a layer without an MLP whose matrices fit together. */
  of(layer: number): HotspotGeometry | undefined {
    return this.#done.get(layer);
  }
}

function addParts({ parts, layout }: Matrix, experts: number): Float64Array[] {
  const total = Array.from({ length: experts }, () => new Float64Array(channelsIn(layout)));
  for (const part of parts) {
    for (const [expert, energies] of part!.energies.entries()) addAt(total[expert]!, part!.first, energies);
  }
  return total;
}

function addAt(total: Float64Array, first: number, energies: Float64Array): void {
  for (let i = 0; i < energies.length; i++) total[first + i]! += energies[i]!;
}

/** The energies of all channels of a layer, MLP after MLP (a MoE has many), by expert. */
function channelsOf(layer: readonly Matrix[], experts: number): Float64Array[] {
  const groups = [...groupByMlp(layer).values()].map((group) => ({ group, count: channelCount(group) }));
  const all = groups.reduce((sum, { count }) => sum + count, 0);
  return Array.from({ length: experts }, (_, expert) => {
    const channels = new Float64Array(all);
    let first = 0;
    for (const { group, count } of groups) {
      // A fused gate_up projection has two rows to a channel.
      for (const { energies } of group) addRepeatedly(channels.subarray(first, first + count), energies![expert]!);
      first += count;
    }
    return channels;
  });
}

/** Channels of an MLP; 0 when its matrices do not fit together. */
function channelCount(group: readonly Matrix[]): number {
  const [down, ...others] = group.filter(({ layout }) => layout.isDown);
  if (down === undefined || others.length > 0 || group.length === 1) return 0;
  const count = channelsIn(down.layout);
  const width = widthOf(down.layout);
  const fits = ({ layout }: Matrix): boolean => channelsIn(layout) % count === 0 && widthOf(layout) === width;
  return group.every(fits) ? count : 0;
}

/** Adds element i to i modulo the length of `total`: nothing, when that is 0. */
function addRepeatedly(total: Float64Array, energies: Float64Array): void {
  const count = total.length;
  if (count === 0) return;
  for (let i = 0, to = 0; i < energies.length; i++) {
    total[to]! += energies[i]!;
    if (++to === count) to = 0;
  }
}

function groupByMlp(layer: readonly Matrix[]): Map<string, Matrix[]> {
  const groups = new Map<string, Matrix[]>();
  for (const matrix of layer) {
    const key = mlpOf(matrix.name);
    groups.set(key, [...(groups.get(key) ?? []), matrix]);
  }
  return groups;
}

/** The name without the projection and `weight`. BERT's MLP has no part of its own around its two. */
const mlpOf = (tensor: string): string =>
  tensor
    .replace(/\.(?:intermediate|output)\.dense\./, '.dense.')
    .split('.')
    .slice(0, -2)
    .join('.');

/** Null for experts with an energy that is NaN or overflowed: who knows which channels are hot then. */
function hotspots(channels: readonly Float64Array[], names: readonly string[]): HotspotGeometry {
  const hot = channels.map((energies) => (energies.every(Number.isFinite) ? hottest(energies) : undefined));
  const jaccard = expertPairs(names).map(({ key, first, second }) => {
    const [a, b] = [hot[names.indexOf(first)], hot[names.indexOf(second)]];
    if (a === undefined || b === undefined) return [key, null] as const;
    const common = [...a].filter((channel) => b.has(channel)).length;
    return [key, ratio(common, a.size + b.size - common)] as const;
  });
  const incoming = names.map((name, t) => {
    const own = hot[t];
    if (own === undefined) return [name, null] as const;
    const energyOf = (expert: number): number =>
      [...own].reduce((sum, channel) => sum + channels[expert]![channel]!, 0);
    const others = names.reduce((sum, _, s) => (s === t ? sum : sum + energyOf(s)), 0);
    return [name, ratio(others, energyOf(t))] as const;
  });
  return {
    channels: channels[0]!.length,
    jaccard: Object.fromEntries(jaccard),
    incoming_energy: Object.fromEntries(incoming),
  };
}

/** The channels with most energy, ties by lowest index; never one without. */
function hottest(energies: Float64Array): Set<number> {
  const count = Math.max(1, Math.round(HOT_SHARE * energies.length));
  const least = nthLargest(
    energies.filter((energy) => energy > 0),
    count,
  );
  const hot = new Set<number>();
  for (let channel = 0; channel < energies.length; channel++) if (energies[channel]! > least) hot.add(channel);
  for (let channel = 0; channel < energies.length && hot.size < count; channel++) {
    if (energies[channel] === least && least > 0) hot.add(channel);
  }
  return hot;
}
