/** Models of published architectures, made small: see test/fixtures/architectures. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TensorToWrite, writeModel } from './safetensors.js';

export type Config = Readonly<Record<string, unknown>>;

export interface Architecture {
  readonly layers: string;
  readonly stacks: Readonly<Record<string, number>>;
  readonly config: Config;
  readonly stacked: Config;
  readonly tokens: readonly string[];
  readonly parts?: Readonly<Record<string, string>>;
  readonly tensors: Readonly<Record<string, readonly number[]>>;
}

const FOLDER = join(import.meta.dirname, '../fixtures/architectures');
export const ARCHITECTURES = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.json'))
  .map((file) => {
    return [file.slice(0, -5), JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Architecture] as const;
  });

/** What each model adds to the number of a tensor. */
export const OFFSETS = { base: 0, one: 1000, two: 2000 } as const;

/** Names and shapes with the layers written out. */
function tensorsOf({ tensors, stacks }: Architecture): (readonly [name: string, shape: readonly number[]])[] {
  return Object.entries(tensors).flatMap(([pattern, shape]) => {
    const at = pattern.indexOf('.*.');
    if (at === -1) return [[pattern, shape] as const];
    const indices = Array.from({ length: stacks[pattern.slice(0, at)]! }, (_, index) => index);
    return indices.map((index) => [pattern.replace('*', String(index)), shape] as const);
  });
}

/** Three models whose tensors are filled with numbers that say which tensor of which model it is. */
export function writeArchitecture(folder: string, architecture: Architecture): ReadonlyMap<string, number> {
  const named = tensorsOf(architecture);
  const numberOf = new Map(named.map(([name], number) => [name, number + 1]));
  for (const [model, offset] of Object.entries(OFFSETS)) {
    const tensors = named.map(([name, shape]) => filled(name, shape, () => offset + numberOf.get(name)!));
    writeModel(join(folder, model), tensors, { config: architecture.config });
  }
  return numberOf;
}

/** A model each of whose rows holds its number. */
export function writeRows(folder: string, model: string, architecture: Architecture): void {
  const tensors = tensorsOf(architecture).map(([name, shape]) => filled(name, shape, (row) => row));
  writeModel(join(folder, model), tensors, { config: architecture.config });
}

function filled(name: string, shape: readonly number[], valueIn: (row: number) => number): TensorToWrite {
  const width = shape.slice(1).reduce((product, length) => product * length, 1);
  const values = new Float32Array(shape[0]! * width);
  for (let row = 0; row < shape[0]!; row++) values.fill(valueIn(row), row * width, (row + 1) * width);
  return { name, dtype: 'F32', shape, bytes: new Uint8Array(values.buffer) };
}

/** The layer of a tensor, of how many; undefined outside of them, and in what is numbered beyond them. */
export function layerOf(name: string, stacks: Architecture['stacks']): { index: number; count: number } | undefined {
  for (const [prefix, count] of Object.entries(stacks)) {
    const index = name.startsWith(`${prefix}.`) ? Number(name.slice(prefix.length + 1).split('.')[0]) : Number.NaN;
    if (index < count) return { index, count };
  }
  return undefined;
}
