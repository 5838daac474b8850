/** Made-up sums over the tensors of a made-up group: what sample-geometry.ts adds up into scopes. */
import { expertPairs } from '../../src/geometry/expert-pairs.js';
import { ULP_CLASSES } from '../../src/geometry/result.js';

interface ExpertSums {
  changed: number;
  squares: number;
  max: number;
  unique: number;
  ulps: number[];
}

interface PairSums {
  dot: number;
  squares: number;
  overlap: number;
  overlapByExponent: number;
  conflicts: number;
}

export interface TensorSums {
  readonly name: string;
  readonly layer: number | undefined;
  readonly module: string;
  readonly parameters: number;
  readonly baseSquares: number;
  readonly experts: ExpertSums[];
  readonly pairs: PairSums[];
  readonly byK: number[];
}

const LAYER_TENSORS: readonly (readonly [name: string, module: string, rows: number, columns: number])[] = [
  ['self_attn.q_proj', 'q', 1, 1],
  ['self_attn.k_proj', 'k', 0.25, 1],
  ['self_attn.v_proj', 'v', 0.25, 1],
  ['self_attn.o_proj', 'o', 1, 1],
  ['self_attn.q_norm', 'norm', 0, 1],
  ['self_attn.k_norm', 'norm', 0, 1],
  ['mlp.gate_proj', 'gate', 3, 1],
  ['mlp.up_proj', 'up', 3, 1],
  ['mlp.down_proj', 'down', 3, 1],
  ['input_layernorm', 'norm', 0, 1],
  ['post_attention_layernorm', 'norm', 0, 1],
];

interface TensorShape {
  readonly name: string;
  readonly layer: number | undefined;
  readonly module: string;
  readonly parameters: number;
}

export function tensorShapes(layers: number, hidden: number, moreTensors: readonly string[]): TensorShape[] {
  const inLayers = [...Array(layers).keys()].flatMap((layer) =>
    LAYER_TENSORS.map(([part, module, rows, columns]) => ({
      name: `model.layers.${layer}.${part}.weight`,
      layer,
      module,
      parameters: rows === 0 ? hidden : rows * columns * hidden ** 2,
    })),
  );
  return [
    { name: 'model.embed_tokens.weight', layer: undefined, module: 'embed', parameters: 40 * hidden ** 2 },
    ...inLayers,
    { name: 'model.norm.weight', layer: undefined, module: 'norm', parameters: hidden },
    ...moreTensors.map((name) => ({ name, layer: undefined, module: 'other', parameters: hidden ** 2 })),
  ];
}

export function sampleTensor(
  shape: TensorShape,
  layers: number,
  experts: readonly string[],
  random: () => number,
): TensorSums {
  const n = shape.parameters;
  // Mid-network layers move most, embeddings little, norms not at all: a step of bf16 near 1 is too large for RL.
  const depth = shape.layer === undefined ? 0.3 : 0.5 + Math.sin((Math.PI * (shape.layer + 0.5)) / layers);
  const sensitive = shape.module === 'norm' ? 0 : Math.min(0.9, 0.55 * depth + 0.1 * random());
  const shares = experts.map((_, i) => (0.75 - 0.08 * i) * (0.9 + 0.2 * random()));
  const step = 2.4e-5 * (0.9 + 0.2 * random());
  const byK = poissonBinomial(shares).map((share, k) =>
    Math.round(n * (sensitive * share + (k === 0 ? 1 - sensitive : 0))),
  );
  const expertSums = shares.map((share, i): ExpertSums => {
    const changed = Math.round(n * sensitive * share);
    const others = shares.reduce((product, other, j) => (j === i ? product : product * (1 - other)), 1);
    return {
      changed,
      squares: changed * (step * (1.2 - 0.1 * i) * depth) ** 2,
      max: changed === 0 ? 0 : step * 12 * (1 + random()),
      unique: Math.round(changed * others),
      ulps: ulpCounts(changed),
    };
  });
  const pairs = expertPairs(experts).map((pair) => {
    const [i, j] = [experts.indexOf(pair.first), experts.indexOf(pair.second)];
    const related = i < 2 && j < 3 ? 0.03 + 0.02 * depth : 0.002 * (random() - 0.5);
    const overlap = Math.round(n * sensitive * shares[i]! * shares[j]!);
    const dot = related * Math.sqrt(expertSums[i]!.squares * expertSums[j]!.squares);
    return {
      dot,
      squares: overlap === 0 ? 0 : (expertSums[i]!.squares * expertSums[j]!.squares) / overlap,
      overlap,
      overlapByExponent: overlap / (1 + 2 * Math.abs(related) + 0.005 * random()),
      conflicts: Math.round(overlap * (0.5 - 2 * related)),
    };
  });
  return { ...shape, baseSquares: n * 0.02 ** 2, experts: expertSums, pairs, byK };
}

function ulpCounts(changed: number): number[] {
  const weights = [0.01, 0.34, 0.24, 0.2, 0.12, 0.06, 0.02, 0.007, 0.003];
  return Array.from({ length: ULP_CLASSES }, (_, i) => Math.round(changed * (weights[i] ?? 0)));
}

/** Distribution of the number of successes of independent trials. */
function poissonBinomial(chances: readonly number[]): number[] {
  let counts = [1];
  for (const p of chances) counts = [...counts, 0].map((share, k) => share * (1 - p) + (counts[k - 1] ?? 0) * p);
  return counts;
}

/** Numbers in [0, 1) that are the same on every run (mulberry32). */
export function randomSource(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
