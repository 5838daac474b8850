/**
 * A group that no fixture knows: odd shapes, two shards, an untied head, a mixture of experts, other dtypes; against
 * naive loops over whole tensors.
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { library } from '../run/library.js';
import { temporaryFolder } from '../support/cli.js';
import { type ModelRead, readModel, writeModel } from '../support/safetensors.js';
import { naiveChannels, naiveExpert, naiveGroup, naivePair, naiveScope } from './naive-geometry.js';

const EXPERTS = ['alpha', 'beta', 'gamma'];
const PAIRS = [
  ['alpha|beta', 0, 1],
  ['alpha|gamma', 0, 2],
  ['beta|gamma', 1, 2],
] as const;
const MLPS = [0, 1, 2].map((expert) => `model.layers.1.mlp.experts.${expert}`);
const SHAPES: Readonly<Record<string, readonly number[]>> = {
  'model.embed_tokens.weight': [97, 20],
  'lm_head.weight': [97, 20],
  'model.norm.weight': [20],
  'model.layers.0.input_layernorm.weight': [20],
  'model.layers.0.self_attn.q_proj.weight': [24, 20],
  'model.layers.0.self_attn.q_proj.bias': [24],
  'model.layers.0.mlp.gate_proj.weight': [37, 20],
  'model.layers.0.mlp.up_proj.weight': [37, 20],
  'model.layers.0.mlp.down_proj.weight': [20, 37],
  'model.layers.1.self_attn.q_proj.weight': [24, 20],
  'model.layers.1.mlp.gate.weight': [3, 20],
  ...Object.fromEntries(
    MLPS.flatMap((mlp) => [
      [`${mlp}.gate_proj.weight`, [11, 20]],
      [`${mlp}.up_proj.weight`, [11, 20]],
      [`${mlp}.down_proj.weight`, [20, 11]],
    ]),
  ),
};

/** Numbers in [0, 1) that depend on the seed alone. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function write(folder: string, dtype: string) {
  const base = new Map<string, number[]>();
  for (const [model, name] of ['base', ...EXPERTS].entries()) {
    const random = createRandom(model + 7);
    const tensors = Object.entries(SHAPES).map(([tensor, shape]) => {
      const elements = shape.reduce((product, length) => product * length, 1);
      if (model === 0) {
        base.set(
          tensor,
          Array.from({ length: elements }, () => (random() + random() - 1) * 0.05),
        );
      }
      // A common part, so that cosines differ; of a third of the elements.
      const values = base.get(tensor)!.map((value, i) => {
        const step = (random() - 0.5) * 4e-4 + Math.sin(i * 1.7) * 1e-4;
        return model === 0 || random() > 0.35 ? value : value + step;
      });
      return { name: tensor, dtype, shape, values };
    });
    writeModel(join(folder, name), tensors, { shards: 2, config: { tie_word_embeddings: false } });
  }
}

function recipe(folder: string, experts = EXPERTS) {
  const models = experts.map((model) => ({ model, parameters: { weight: 1 } }));
  return library.parseRecipe(JSON.stringify({ merge_method: 'task_arithmetic', base_model: 'base', models }), {
    file: 'group',
    folder,
  });
}

/** Counts exactly, everything else within 1e-6 of its size. */
function expectNumbers(found: object, wanted: Readonly<Record<string, number | readonly number[]>>, within = 1e-6) {
  for (const [key, value] of Object.entries(wanted)) {
    const number = (found as Readonly<Record<string, unknown>>)[key];
    // 0/0 does not exist.
    if (Number.isNaN(value)) expect([key, number]).toEqual([key, null]);
    else if (typeof value !== 'number' || Number.isInteger(value)) expect([key, number]).toEqual([key, value]);
    else if (!(Math.abs((number as number) - value) <= within * Math.abs(value)))
      expect.fail(`${key}: ${number}, expected ${value}`);
  }
}

describe.each(['BF16', 'F16', 'F32'])('geometry of another group in %s', (dtype) => {
  const folder = temporaryFolder();
  let base: ModelRead;
  let experts: ModelRead[];
  let result: Awaited<ReturnType<typeof library.geometry>>;

  beforeAll(async () => {
    write(folder, dtype);
    [base, ...experts] = ['base', ...EXPERTS].map((name) => readModel(join(folder, name))) as [ModelRead];
    result = await library.geometry(recipe(folder), { tileElements: 128 });
  });

  const scopes: readonly (readonly [string, (tensor: string) => boolean, () => object | undefined])[] = [
    ['the model', () => true, () => result.global],
    ['layer 1', (tensor) => tensor.startsWith('model.layers.1.'), () => result.layers['1']],
    ['the head', (tensor) => tensor === 'lm_head.weight', () => result.modules.head],
    ['the router', (tensor) => tensor === 'model.layers.1.mlp.gate.weight', () => result.modules.router],
    ['down projections', (tensor) => tensor.endsWith('0.mlp.down_proj.weight'), () => result.modules.down],
    ['those of routed experts', (tensor) => /experts.*down_proj/.test(tensor), () => result.modules.expert_down],
    ['a bias', (tensor) => tensor.endsWith('.bias'), () => result.tensors['model.layers.0.self_attn.q_proj.bias']],
  ];
  it.each(scopes)('has the numbers of naive loops for %s', (_, isIn, scopeOf) => {
    const scope = naiveScope(base, experts, Object.keys(SHAPES).filter(isIn));
    const found = scopeOf() as typeof result.global;
    expectNumbers(found, naiveGroup(scope));
    // Magnitudes of float32 changes are known to their upper 16 bits.
    EXPERTS.forEach((name, j) => {
      const { energy_top_20_percent: top, ...exact } = naiveExpert(scope, j);
      expectNumbers(found.experts[name]!, exact);
      expectNumbers(found.experts[name]!, { energy_top_20_percent: top }, dtype === 'BF16' ? 1e-4 : 1e-2);
    });
    for (const [pair, j, k] of PAIRS) expectNumbers(found.pairs[pair]!, naivePair(scope, j, k));
  });

  it('finds the hot channels of layers, over all experts of a MoE', () => {
    for (const [layer, mlps] of [
      ['0', ['model.layers.0.mlp']],
      ['1', MLPS],
    ] as const) {
      const channels = experts.map((expert) => naiveChannels(base, expert, mlps));
      const count = Math.round(channels[0]!.length / 10);
      const hot = channels.map((energies) => {
        const cut = [...energies].sort((a, b) => b - a)[count - 1]!;
        return energies.flatMap((energy, channel) => (energy >= cut ? [channel] : []));
      });
      const { hotspots } = result.layers[layer]!;
      expect(hotspots!.channels).toBe(channels[0]!.length);
      for (const [pair, j, k] of PAIRS) {
        const common = hot[j]!.filter((channel) => hot[k]!.includes(channel)).length;
        expect(hotspots!.jaccard[pair]).toBe(common / (2 * count - common));
      }
      EXPERTS.forEach((name, t) => {
        const energyOf = (s: number) => hot[t]!.reduce((sum, channel) => sum + channels[s]![channel]!, 0);
        const others = EXPERTS.reduce((sum, _, s) => (s === t ? sum : sum + energyOf(s)), 0);
        expect(Math.abs(hotspots!.incoming_energy[name]! / (others / energyOf(t)) - 1)).toBeLessThan(1e-5);
      });
    }
  });

  it('puts an expert that is there twice at distance 0 from itself in every scope', async () => {
    cpSync(join(folder, 'beta'), join(folder, 'again'), { recursive: true });
    const twice = await library.geometry(recipe(folder, [...EXPERTS, 'again']));
    const { global, layers, modules, tensors } = twice;
    const all = [global, ...[layers, modules, tensors].flatMap((record) => Object.values(record))];
    expect(all.map(({ pairs }) => pairs['beta|again']!.distance)).toEqual(all.map(() => 0));
    expect(twice.findings.map(({ code }) => code)).toContain('identical-experts');
  });

  it('is the same for any tiles and threads, projection included', async () => {
    const options = [{ threads: 1 }, { threads: 3, tileElements: 64 }, { kernels: 'reference' }] as const;
    const texts = await Promise.all(
      options.map(async (one) => {
        const { projection, ...rest } = await library.geometry(recipe(folder), { ...one, projection: 64 });
        expect(rest).toEqual(result);
        return JSON.stringify(projection);
      }),
    );
    expect(new Set(texts).size).toBe(1);
  });
});

describe('random projection', () => {
  const folder = temporaryFolder();

  it('estimates cosines with the standard error it states', async () => {
    write(folder, 'BF16');
    const { global, projection } = await library.geometry(recipe(folder), { projection: 1024 });
    expect(projection!.dimensions).toBe(1024);
    expect(projection!.standard_error).toBe(1 / 32);
    for (const [pair] of PAIRS) {
      const error = Math.abs(projection!.cosine[pair]! - global.pairs[pair]!.cosine!);
      expect(error).toBeLessThan(4 * projection!.standard_error);
      expect(error).toBeGreaterThan(0);
    }
  });
});
