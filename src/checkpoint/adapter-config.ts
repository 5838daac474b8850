/** adapter_config.json as PEFT writes it for LoRA, held to what can be added to weights tile by tile. */
import { M2MergeError } from '../errors.js';
import { type ModulePattern, parseModulePattern } from './module-pattern.js';

/** What makes a folder an adapter's. */
export const ADAPTER_CONFIG_FILE = 'adapter_config.json';

export interface AdapterConfig {
  /** Ranks that the config allows: `r`, and the values of `rank_pattern`. */
  readonly ranks: ReadonlySet<number>;
  /** How a matrix stored as [inputs, outputs] is meant where its shape does not tell. */
  readonly fanInFanOut: boolean;
  /** Whether rows are rescaled after the product is added (DoRA, arXiv 2402.09353). */
  readonly isDora: boolean;
  /** What the product of a module's factors of this rank is multiplied by. `module` is its name in the model that was trained. */
  scaleOf(module: string, rank: number): number;
}

/** PEFT's own default of `r` and of `lora_alpha`. */
const DEFAULT_RANK_AND_ALPHA = 8;

/** Ways to initialise that change the base model as well, so that the adapter alone does not say what was trained. */
const CHANGES_THE_BASE = /^(?:pissa|olora|corda|loftq|lora_ga)/i;

/** Settings that make an adapter more than a low-rank product, and how they differ; all of them are absent or falsy else. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  lora_bias: 'its factors have biases',
  use_qalora: 'QALoRA pools the inputs before the product',
  alora_invocation_tokens: 'aLoRA is active for some of the tokens only',
  target_parameters: 'it adapts parameters that are not matrices of a module',
  trainable_token_indices: 'it replaces single rows of the embedding',
  layer_replication: 'it repeats layers of the base model',
  megatron_config: 'its factors are split for Megatron',
  arrow_config: 'it routes between several adapters',
};

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads what a parsed adapter_config.json says. Throws `adapter-invalid` where it makes no sense, and `adapter-unsupported`
 * for adapters other than LoRA and for kinds of LoRA that are not a sum of base and product.
 */
export function readAdapterConfig(config: Json, file: string): AdapterConfig {
  refuseUnsupported(config, file);
  const r = naturalAt(config, 'r', file) ?? DEFAULT_RANK_AND_ALPHA;
  const alpha = finiteAt(config, 'lora_alpha', file) ?? DEFAULT_RANK_AND_ALPHA;
  const ranks = patternsAt(config, 'rank_pattern', file);
  const alphas = patternsAt(config, 'alpha_pattern', file);
  const { use_rslora: stabilised, fan_in_fan_out: fanInFanOut, use_dora: dora } = config;
  return {
    ranks: new Set([r, ...ranks.map(({ value }) => value)]),
    fanInFanOut: fanInFanOut === true,
    isDora: dora === true,
    scaleOf(module, rank) {
      const own = alphas.find(({ pattern }) => pattern.matches(module))?.value ?? alpha;
      // rsLoRA, arXiv 2312.03732, equation 7.
      return own / (stabilised === true ? Math.sqrt(rank) : rank);
    },
  };
}

function refuseUnsupported(config: Json, file: string): void {
  const { peft_type: type, init_lora_weights: initial } = config;
  if (type !== undefined && type !== 'LORA') {
    throw new M2MergeError('adapter-unsupported', { file, reason: `it is of type ${excerpt(type)}, not LORA` });
  }
  for (const [name, reason] of Object.entries(UNSUPPORTED)) {
    const value = config[name];
    const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
    if (value !== undefined && value !== null && value !== false && !isEmpty) {
      throw new M2MergeError('adapter-unsupported', { file, reason: `${reason} (${name})` });
    }
  }
  if (typeof initial === 'string' && CHANGES_THE_BASE.test(initial)) {
    const reason = `its initialisation changed the base model too (init_lora_weights: ${excerpt(initial)})`;
    throw new M2MergeError('adapter-unsupported', { file, reason });
  }
}

function naturalAt(config: Json, name: string, file: string): number | undefined {
  const value = config[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value;
  throw invalid(file, `"${name}" is ${excerpt(value)}, expected a whole number above 0`);
}

function finiteAt(config: Json, name: string, file: string): number | undefined {
  const value = config[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw invalid(file, `"${name}" is ${excerpt(value)}, expected a number`);
}

interface PatternValue {
  readonly pattern: ModulePattern;
  readonly value: number;
}

function patternsAt(config: Json, name: string, file: string): readonly PatternValue[] {
  const table = config[name];
  if (table === undefined || table === null) return [];
  if (typeof table !== 'object' || Array.isArray(table)) {
    throw invalid(file, `"${name}" is ${excerpt(table)}, expected an object`);
  }
  return Object.entries(table).map(([text, value]) => {
    const pattern = parseModulePattern(text);
    if (pattern === undefined) throw invalid(file, `"${name}" has a pattern that is not supported: ${excerpt(text)}`);
    if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
      throw invalid(file, `"${name}" gives ${excerpt(text)} the value ${excerpt(value)}, expected a number above 0`);
    }
    return { pattern, value };
  });
}

function invalid(file: string, detail: string): M2MergeError<'adapter-invalid'> {
  return new M2MergeError('adapter-invalid', { file, detail });
}

/** Longest part of a value from a config in a message, in characters. */
const SHOWN_CHARACTERS = 80;

function excerpt(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}
