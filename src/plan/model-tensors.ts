/** The tensors of one model as layers and what lies outside of them, read off the names alone. */
import { parseLayer } from '../checkpoint/layers.js';
import type { TensorTable } from '../checkpoint/tensor-tables.js';

/** Components of a name that are looked at as paths: real names have about ten. */
const MAX_PATH_DEPTH = 16;

/** Layers under one prefix, numbered from 0 without a gap. */
export interface LayerStack {
  /** As `model.layers`. */
  readonly prefix: string;
  readonly count: number;
  /** How many more are numbered after these, which predict further tokens and are none of the model's depth. */
  readonly further: number;
  /** For each layer, what follows the number in the names of its tensors, as `.mlp.up_proj.weight`. */
  readonly layers: readonly ReadonlySet<string>[];
}

export interface ModelTensors {
  readonly stacks: ReadonlyMap<string, LayerStack>;
  /** Names of tensors that are in no stack. */
  readonly outside: readonly string[];
  /** Whether there are tensors below a path, as `model.visual`. */
  readonly hasPart: (path: string) => boolean;
  /** The stack's prefix, the number and the rest of a name that is in a stack. */
  readonly placeOf: (name: string) => LayerPlace | undefined;
  /** The same of a name in one of the further layers, counted from the stack's end. */
  readonly placeBeyond: (name: string) => LayerPlace | undefined;
}

export interface LayerPlace {
  readonly prefix: string;
  readonly index: number;
  readonly suffix: string;
}

/** What only layers have that predict further tokens (DeepSeek-V3, GLM-4.5), after the number in their tensors' names. */
const OF_FURTHER_LAYER = /^\.(?:eh_proj|enorm|hnorm|shared_head)\./;

/** What such layers are below where they are a part of their own (Qwen3-Next, ERNIE 4.5). */
const FURTHER_PART = /(?:^|\.)mtp(?:_|\.|$)/;

/** Takes a model's names apart. A prefix whose numbers have gaps (parts of a sequence of modules) is no stack. */
export function modelTensors(tensors: TensorTable): ModelTensors {
  const layers = new Map<string, Map<number, Set<string>>>();
  const places = new Map<string, LayerPlace>();
  for (const name of tensors.keys()) {
    const place = placeIn(name);
    if (place === undefined) continue;
    places.set(name, place);
    const stack = layers.get(place.prefix) ?? new Map<number, Set<string>>();
    layers.set(place.prefix, stack);
    stack.set(place.index, (stack.get(place.index) ?? new Set()).add(place.suffix));
  }
  const stacks = new Map<string, LayerStack>();
  for (const [prefix, found] of layers) {
    const numbered = Array.from({ length: found.size }, (_, index) => found.get(index));
    const complete = numbered.filter((layer) => layer !== undefined);
    if (complete.length < found.size || isListOfMatrices(prefix, layers) || FURTHER_PART.test(prefix)) continue;
    const isOwn = (layer: ReadonlySet<string>): boolean => ![...layer].some((suffix) => OF_FURTHER_LAYER.test(suffix));
    const count = complete.findLastIndex(isOwn) + 1;
    if (count === 0) continue;
    stacks.set(prefix, { prefix, count, further: found.size - count, layers: complete.slice(0, count) });
  }
  const placed = (name: string): readonly [place: LayerPlace, stack: LayerStack] | undefined => {
    const place = places.get(name) ?? placeIn(name);
    const stack = place && stacks.get(place.prefix);
    return stack && [place!, stack];
  };
  const placeOf = (name: string): LayerPlace | undefined => {
    const [place, stack] = placed(name) ?? [];
    return stack !== undefined && place!.index < stack.count ? place : undefined;
  };
  const placeBeyond = (name: string): LayerPlace | undefined => {
    const [place, stack] = placed(name) ?? [];
    return stack !== undefined && place!.index >= stack.count
      ? { ...place!, index: place!.index - stack.count }
      : undefined;
  };
  const outside = [...tensors.keys()].filter((name) => placeOf(name) === undefined);
  let parts: ReadonlySet<string> | undefined;
  const hasPart = (path: string): boolean => {
    parts ??= new Set([...tensors.keys()].flatMap(pathsAbove));
    return parts.has(path);
  };
  return { stacks, outside, hasPart, placeOf, placeBeyond };
}

type NumberedTensors = ReadonlyMap<string, ReadonlyMap<number, ReadonlySet<string>>>;

/** Whether numbered tensors are no layers: projections, one each, beside a stack of layers (Gemma 3n's `altup_projections`). */
function isListOfMatrices(prefix: string, all: NumberedTensors): boolean {
  const isSingle = (path: string): boolean => [...all.get(path)!.values()].every(({ size }) => size === 1);
  const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('.') + 1);
  return (
    /projections$/.test(prefix) &&
    isSingle(prefix) &&
    [...all.keys()].some((path) => parentOf(path) === parentOf(prefix) && !isSingle(path))
  );
}

/** The paths that a tensor lies below: `a` and `a.b` of `a.b.weight`. */
export function pathsAbove(name: string): string[] {
  const components = name.split('.');
  return components
    .slice(0, -1)
    .slice(0, MAX_PATH_DEPTH)
    .map((_, depth) => components.slice(0, depth + 1).join('.'));
}

/** How many components two names begin with alike. */
export function commonComponents(one: string, other: string): number {
  const [a, b] = [one.split('.'), other.split('.')];
  const differs = a.findIndex((component, depth) => component !== b[depth]);
  return differs === -1 ? a.length : differs;
}

/** The name of a stack's tensor in a layer of another number. */
export function layerName(prefix: string, index: number, suffix: string): string {
  return `${prefix === '' ? '' : `${prefix}.`}${index}${suffix}`;
}

function placeIn(name: string): LayerPlace | undefined {
  const layer = parseLayer(name);
  if (layer === undefined) return undefined;
  const { prefix, index } = layer;
  return { prefix, index, suffix: name.slice(layerName(prefix, index, '').length) };
}
