/** Published architectures through whole merges: there is no list of them in the program, only what their names show. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Merged, mergeFolder, valuesOf } from '../run/merge-folder.js';
import {
  ARCHITECTURES,
  type Config,
  layerOf,
  OFFSETS,
  writeArchitecture,
  writeRows,
} from '../support/architectures.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { writeTokenizer } from '../support/tokenizers.js';

const first = (merged: Merged, name: string): number => valuesOf(merged, name)[0]!;

/** The config with other values where `changes` has some. */
function withChanges(config: Config, changes: Config): Config {
  const isSection = (value: unknown): value is Config =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const changed = Object.entries(changes).map(([key, value]) => {
    return [key, isSection(value) ? withChanges((config[key] ?? {}) as Config, value) : value] as const;
  });
  return { ...config, ...Object.fromEntries(changed) };
}

/** Without what says the dtype, which follows the output's. */
const withoutDtypes = (config: unknown): unknown =>
  JSON.parse(JSON.stringify(config, (key, value) => (/^(?:torch_)?dtype$/.test(key) ? undefined : value)));

describe.each(ARCHITECTURES)('%s', (_, architecture) => {
  const { layers, stacks, config, stacked, tokens, parts } = architecture;

  it('gradients go over its layers', async () => {
    const folder = temporaryFolder();
    const numberOf = writeArchitecture(folder, architecture);
    const models = '[{model: one, parameters: {weight: [0, 1]}}, {model: two, parameters: {weight: 0}}]';
    const merged = await mergeFolder(folder, `merge_method: task_arithmetic\nbase_model: base\nmodels: ${models}\n`);
    expect(merged.warnings).toEqual([]);
    expect([...merged.model.tensors.keys()].sort()).toEqual([...numberOf.keys()].sort());
    for (const [name, number] of numberOf) {
      const layer = layerOf(name, stacks);
      const t = layer === undefined ? 0 : layer.count === 1 ? 1 : layer.index / (layer.count - 1);
      expect([name, first(merged, name)]).toEqual([name, Math.fround(number + Math.fround(t) * OFFSETS.one)]);
    }
    expect(withoutDtypes(merged.model.config)).toEqual(withoutDtypes(config));
  });

  it('layers of two models make a deeper one', async () => {
    const folder = temporaryFolder();
    const numberOf = writeArchitecture(folder, architecture);
    const count = stacks[layers]!;
    const [low, high] = ['{model: one, layer_range: [0, 2]}', `{model: two, layer_range: [1, ${count}]}`];
    const slices = `[{sources: [${low}]}, {sources: [${high}]}]`;
    const text = parts?.[''] ?? (parts === undefined ? 'text_decoder' : 'decoder');
    const isWhole = Object.values(stacks).filter((depth) => depth > 1).length === 1;
    const recipe = isWhole
      ? `merge_method: passthrough\nslices: ${slices}\n`
      : `merge_method: passthrough\nmodules: {${text}: {slices: ${slices}}, default: {models: [{model: one}]}}\n`;
    const merged = await mergeFolder(folder, recipe);
    const expected = [
      ...[0, 1].map((index) => ({ model: OFFSETS.one, index })),
      ...Array.from({ length: count - 1 }, (_, i) => ({ model: OFFSETS.two, index: i + 1 })),
    ];
    for (const [name, number] of numberOf) {
      if (!name.startsWith(`${layers}.`)) continue;
      const { index } = layerOf(name, stacks) ?? {};
      expected.forEach((source, now) => {
        if (source.index !== index) return;
        const renamed = name.replace(`${layers}.${index}.`, `${layers}.${now}.`);
        expect([renamed, first(merged, renamed)]).toEqual([renamed, number + source.model]);
      });
    }
    expect(withoutDtypes(merged.model.config)).toEqual(withoutDtypes(withChanges(config, stacked)));
  });

  it('rows of tokens go by their tokens, and nothing else does', async () => {
    const folder = temporaryFolder();
    const rows = architecture.tensors[tokens[0]!]![0]!;
    const words = Array.from({ length: rows }, (_, id) => `word${id}`);
    for (const [model, order] of [
      ['base', words],
      ['one', words.toReversed()],
    ] as const) {
      writeRows(folder, model, architecture);
      writeTokenizer(join(folder, model), { tokens: order });
    }
    const models = '[{model: one, parameters: {weight: 1}}, {model: base, parameters: {weight: 0}}]';
    const recipe = `merge_method: linear\nbase_model: base\nmodels: ${models}\ntokenizer_source: base\n`;
    const merged = await mergeFolder(folder, recipe);
    const turned = [...merged.model.tensors].filter(([, { shape, values }]) => {
      const width = values.length / shape[0]!;
      const row = (index: number): number => values[index * width]!;
      return shape[0]! > 1 && row(0) === shape[0]! - 1 && row(shape[0]! - 1) === 0;
    });
    expect(turned.map(([name]) => name).sort()).toEqual([...tokens].sort());
  });
});

const OF_PARTS = ARCHITECTURES.flatMap(([name, architecture]) =>
  architecture.parts === undefined ? [] : [[name, architecture, architecture.parts] as const],
);

describe.each(OF_PARTS)('%s', (_, architecture, parts) => {
  it('modules are what recipes mean by their names, in any order', async () => {
    const folder = temporaryFolder();
    const numberOf = writeArchitecture(folder, architecture);
    const partOf = (name: string): string => {
      const beginnings = Object.keys(parts).filter((beginning) => name.startsWith(beginning));
      return parts[beginnings.sort((a, b) => b.length - a.length)[0]!]!;
    };
    const modules = [...new Set(Object.values(parts))];
    for (const order of [modules, modules.toReversed()]) {
      for (const module of modules) {
        const entry = (name: string) => `${name}: {models: [{model: ${name === module ? 'one' : 'two'}}]}`;
        const recipe = `merge_method: passthrough\nmodules: {${order.map(entry).join(', ')}}\n`;
        const merged = await mergeFolder(folder, recipe);
        const of = [...numberOf].filter(([name, number]) => first(merged, name) === number + OFFSETS.one);
        expect(of.map(([name]) => name).sort()).toEqual(
          [...numberOf.keys()].filter((name) => partOf(name) === module).sort(),
        );
      }
    }
  });
});
