/**
 * The kind of module a tensor belongs to, from its name alone, for any architecture: by what the module is called, and
 * where that says too little (`dense`, `wo`, `gate`) by the nearest part around it, attention or MLP.
 */

/** Kinds in the order reports show them. `expert_…`: of the routed experts of a mixture; shared ones are ordinary MLPs. */
export const MODULE_TYPES = [
  'embed',
  'q',
  'k',
  'v',
  'o',
  'qkv',
  'kv',
  'gate',
  'up',
  'down',
  'expert_gate',
  'expert_up',
  'expert_down',
  'router',
  'norm',
  'head',
  'other',
] as const;
export type ModuleType = (typeof MODULE_TYPES)[number];

/** Names of modules, in lower case, by what they are within attention. */
const OF_ATTENTION = byName({
  q: 'q q_proj query query_proj wq q_lin to_q q_attn q_a_proj q_b_proj wq_a wq_b',
  k: 'k k_proj key key_proj wk k_lin to_k',
  v: 'v v_proj value value_proj wv v_lin to_v',
  o: 'o o_proj out_proj wo out_lin to_out attn_out output dense proj c_proj',
  qkv: 'qkv qkv_proj wqkv query_key_value c_attn att_proj w_pack in_proj in_proj_qkv in_proj_qkvz',
  kv: 'kv kv_proj wkv_a wkv_b kv_a_proj_with_mqa kv_b_proj',
});

/** The same within an MLP. A fused projection of gate and up counts as up. */
const OF_MLP = byName({
  gate: 'gate_proj gate w1 wi_0 c_fc_0 c_fc2 fc12 linear_1',
  up: 'up_proj up gate_up_proj w3 w12 v1 wi wi_1 c_fc c_fc_1 fc1 fc11 fc_in lin1 proj_1 linear_3 linear_fc1 input_linear ff_proj dense_h_to_4h key',
  down: 'down_proj down w2 wo c_proj fc2 fc_out lin2 proj_2 linear_fc2 output_linear dense_4h_to_h ff_out down_layer value',
});

/** Where neither is around: what both call by the same name is more often of attention; `in_proj` may be of a state space. */
const ANYWHERE = new Map([...OF_MLP, ...OF_ATTENTION]);
for (const vague of ['in_proj', 'proj', 'dense', 'output', 'linear_1', 'linear_3']) ANYWHERE.delete(vague);

const ATTENTION = /att(?:n|ention)/i;
const MLP = /mlp|ffn|feed_?forward|densereludense|moe|experts?$|^intermediate$/i;

const NORM = /norm|^ln(?:_|\d*$)|_ln$/i;
const EMBEDDING =
  /^(?:embed(?:d?ings?)?|embd|wte|wpe|shared|embed_(?!out$)\w+|(?!un)\w*_embed(?:d?ings?)?|positional_embedding\w*)$/;
const HEAD = /^(?:lm_head|embed_out|unembed|output_layer|score|classifier|[a-z]+_head)$/;
/** Heads by names that mean something else within layers. */
const HEAD_OUTSIDE = /^(?:output|head|decoder|ff_out|predictions|proj_out)$/;
const ROUTER = /(?<!modality_)router|^(?:wg|\w+_expert_gate|e_score_correction|expert)$/;

/** What joins two parts of a model. */
const PROJECTOR = /^\w*(?:projector|connector|merger)(?:_list)?$/;

/** Mixers of tokens that are not attention. */
const STATE_SPACE = /^(?:mamba|ssm|conv|short_conv)$/i;

/** What a module is called in which a layer, or the router's, is wrapped. */
const WRAPPER = /^(?:linear|layer|base_layer|\d+)$/;

export function moduleTypeOf(tensor: string): ModuleType {
  const path = modulePath(tensor);
  const module = path.at(-1)!;
  if (NORM.test(module)) return 'norm';
  if (isHead(path)) return 'head';
  if (EMBEDDING.test(module) || /patch_embed/.test(tensor)) return 'embed';
  if (isRouter(path)) return 'router';
  const type = path.some((component) => PROJECTOR.test(component)) ? 'other' : typeWithin(path);
  return (path.some(holdsExperts) || isPacked(path)) && (type === 'gate' || type === 'up' || type === 'down')
    ? `expert_${type}`
    : type;
}

/** The components of the tensor's module: without the parameter, and without what only wraps it. */
function modulePath(tensor: string): string[] {
  const components = tensor.split('.');
  const last = components.at(-1)!;
  const isParameter = /^(?:weight|bias|gamma|beta)$/.test(last) && components.length > 1;
  const path = isParameter
    ? components.slice(0, -1)
    : [...components.slice(0, -1), last.replace(/_(?:weight|bias)$/, '')];
  const adapter = path.findIndex((component) => /^lora_/.test(component));
  if (adapter > 0) path.length = adapter;
  while (path.length > 1 && WRAPPER.test(path.at(-1)!)) path.pop();
  return path;
}

/** By its name, by that of the head it is a part of, or, outside of layers, by a name that means something else in them. */
function isHead(path: readonly string[]): boolean {
  if (path.slice(-2).some((component) => HEAD.test(component))) return path.at(-1) !== 'dense';
  return HEAD_OUTSIDE.test(path.at(-1)!) && path.every((component) => !/^\d+$/.test(component));
}

/** A `gate` is a router, but for the gate projections of experts, which some call just so. */
function isRouter(path: readonly string[]): boolean {
  const [around, module] = [path.at(-2) ?? '', path.at(-1)!];
  if (ROUTER.test(module)) return true;
  if (module !== 'gate' && module !== 'proj') return false;
  if (/router/.test(around)) return true;
  return module === 'gate' && !path.some(holdsExperts) && !ATTENTION.test(around);
}

const holdsExperts = (component: string): boolean =>
  /^(?:\w+_)?experts$/.test(component) && !component.startsWith('shared');

/** Routed experts of a layer in one tensor, with nothing in the name but the mixture (Granite, Step 3). */
const isPacked = (path: readonly string[]): boolean =>
  /^(?:block_sparse_)?moe$/.test(path.at(-2) ?? '') && /^(?:(?:in|out)put_linear|\w+_proj)$/.test(path.at(-1)!);

function typeWithin(path: readonly string[]): ModuleType {
  const module = path.at(-1)!.toLowerCase();
  const around = path.slice(0, -1);
  // BERT's MLP: `layer.0.intermediate.dense` and `layer.0.output.dense`.
  if (module === 'dense' && around.at(-1) === 'intermediate') return 'up';
  if (module === 'dense' && around.at(-1) === 'output' && /^\d+$/.test(around.at(-2) ?? '')) return 'down';
  // Qwen's first generation names an MLP's two projections inwards so, and the one outwards c_proj.
  if (/^h\.\d+\.mlp$/.test(around.slice(-3).join('.')) && /^w[12]$/.test(module))
    return module === 'w1' ? 'up' : 'gate';
  // Mamba's mixer, in which Nemotron-H has attention too, by names of its own; other architectures mean attention.
  if (module === 'out_proj' && around.at(-1) === 'mixer' && around[0] === 'backbone') return 'other';
  const nearest = around.findLast((component) => [ATTENTION, MLP, STATE_SPACE].some((part) => part.test(component)));
  if (nearest === undefined) return ANYWHERE.get(module) ?? 'other';
  if (STATE_SPACE.test(nearest)) return 'other';
  return (ATTENTION.test(nearest) ? OF_ATTENTION : OF_MLP).get(module) ?? 'other';
}

function byName(names: Partial<Record<ModuleType, string>>): ReadonlyMap<string, ModuleType> {
  return new Map(
    Object.entries(names).flatMap(([type, list]) => list.split(' ').map((name) => [name, type as ModuleType] as const)),
  );
}
