/**
 * The forward pass of Qwen3 (RMS norms, also of queries and keys; rotary embedding; grouped queries; gated SiLU), one
 * token at a time with a cache of keys and values. For small models: it is plain loops.
 */
import { addTo, gateSilu, normalize, project, rotate, softmax } from './arithmetic.js';
import type { Weights } from './weights.js';

interface Shape {
  readonly hidden: number;
  readonly intermediate: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headSize: number;
  readonly positions: number;
  readonly vocabulary: number;
  readonly epsilon: number;
}

interface Layer {
  readonly tensor: (name: string) => Float64Array;
  /** Keys and values of the tokens so far, [positions, keyHeads · headSize]. */
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

export class Qwen3 {
  readonly #shape: Shape;
  readonly #layers: readonly Layer[];
  readonly #frequencies: Float32Array;
  readonly #embedding: Float64Array;
  readonly #finalNorm: Float64Array;
  readonly #head: Float64Array;
  readonly #logits: Float32Array;
  /** Tokens whose keys and values are in the cache. */
  #tokens: number[] = [];

  constructor({ config, tensor }: Weights) {
    const number = (key: string): number => {
      const value = config[key];
      if (typeof value !== 'number') throw new Error(`config.json has no number ${key}`);
      return value;
    };
    const shape = {
      hidden: number('hidden_size'),
      intermediate: number('intermediate_size'),
      heads: number('num_attention_heads'),
      keyHeads: number('num_key_value_heads'),
      headSize: number('head_dim'),
      positions: number('max_position_embeddings'),
      vocabulary: number('vocab_size'),
      epsilon: number('rms_norm_eps'),
    };
    const theta = (config.rope_parameters as { rope_theta: number }).rope_theta;
    const half = shape.headSize / 2;
    this.#shape = shape;
    this.#frequencies = Float32Array.from({ length: half }, (_, i) => theta ** (-i / half));
    this.#embedding = tensor('model.embed_tokens.weight');
    this.#finalNorm = tensor('model.norm.weight');
    this.#head = config.tie_word_embeddings === true ? this.#embedding : tensor('lm_head.weight');
    this.#logits = new Float32Array(shape.vocabulary);
    const cache = (): Float32Array => new Float32Array(shape.positions * shape.keyHeads * shape.headSize);
    this.#layers = Array.from({ length: number('num_hidden_layers') }, (_, layer) => {
      const own = new Map<string, Float64Array>();
      const read = (name: string): Float64Array => {
        if (!own.has(name)) own.set(name, tensor(`model.layers.${layer}.${name}.weight`));
        return own.get(name)!;
      };
      return { tensor: read, keys: cache(), values: cache() };
    });
  }

  /**
   * Logits of the token after `tokens`, valid until the next call. What the tokens have in common with those of the call
   * before is not computed again.
   */
  nextTokenLogits(tokens: readonly number[]): Float32Array {
    let known = 0;
    while (known < tokens.length - 1 && tokens[known] === this.#tokens[known]) known++;
    let hidden = new Float32Array(0);
    for (let position = known; position < tokens.length; position++) hidden = this.#step(tokens[position]!, position);
    this.#tokens = [...tokens];
    normalize(hidden, this.#finalNorm, this.#shape.epsilon, hidden);
    project(this.#head, hidden, this.#logits);
    return this.#logits;
  }

  /** Puts one token through all layers; returns its hidden values. */
  #step(token: number, position: number): Float32Array<ArrayBuffer> {
    const { hidden: size, epsilon, intermediate } = this.#shape;
    const hidden = Float32Array.from(this.#embedding.subarray(token * size, (token + 1) * size));
    const normed = new Float32Array(size);
    const change = new Float32Array(size);
    const [gate, up] = [new Float32Array(intermediate), new Float32Array(intermediate)];
    for (const layer of this.#layers) {
      normalize(hidden, layer.tensor('input_layernorm'), epsilon, normed);
      project(layer.tensor('self_attn.o_proj'), this.#attend(layer, normed, position), change);
      addTo(hidden, change);
      normalize(hidden, layer.tensor('post_attention_layernorm'), epsilon, normed);
      project(layer.tensor('mlp.gate_proj'), normed, gate);
      project(layer.tensor('mlp.up_proj'), normed, up);
      gateSilu(gate, up);
      project(layer.tensor('mlp.down_proj'), gate, change);
      addTo(hidden, change);
    }
    return hidden;
  }

  /** What the token takes from itself and those before it, [heads · headSize]. */
  #attend({ tensor, keys, values }: Layer, normed: Float32Array, position: number): Float32Array {
    const { heads, keyHeads, headSize, epsilon } = this.#shape;
    const stride = keyHeads * headSize;
    const queries = new Float32Array(heads * headSize);
    const key = keys.subarray(position * stride, (position + 1) * stride);
    project(tensor('self_attn.q_proj'), normed, queries);
    project(tensor('self_attn.k_proj'), normed, key);
    project(tensor('self_attn.v_proj'), normed, values.subarray(position * stride, (position + 1) * stride));
    normalize(queries, tensor('self_attn.q_norm'), epsilon, queries);
    normalize(key, tensor('self_attn.k_norm'), epsilon, key);
    rotate(queries, this.#frequencies, position);
    rotate(key, this.#frequencies, position);
    const output = new Float32Array(heads * headSize);
    const scores = new Float32Array(position + 1);
    for (let head = 0; head < heads; head++) {
      const [from, shared] = [head * headSize, Math.floor((head * keyHeads) / heads) * headSize];
      for (let past = 0; past <= position; past++) {
        let score = 0;
        for (let i = 0; i < headSize; i++) score += queries[from + i]! * keys[past * stride + shared + i]!;
        scores[past] = score / Math.sqrt(headSize);
      }
      softmax(scores);
      for (let past = 0; past <= position; past++) {
        const weight = scores[past]!;
        for (let i = 0; i < headSize; i++) output[from + i]! += weight * values[past * stride + shared + i]!;
      }
    }
    return output;
  }
}
