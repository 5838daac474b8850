/** Checkpoints whose stored numbers mean something only together with scales that lie beside them. */
import type { Checkpoint } from './checkpoint.js';
import type { Dtype } from './dtype.js';

export interface Quantization {
  /** What the config calls it, as `fp8` or `gptq`, else the dtype of the tensor. */
  readonly format: string;
  /** The first tensor that needs its scales. */
  readonly tensor: string;
  readonly dtype: Dtype;
  /** Whether all such tensors hold whole numbers, which can be carried over as they are. */
  readonly packed: boolean;
}

/** Keys of a config that describe a quantization, in their order of use. */
const CONFIG_KEYS = ['quantization_config', 'compression_config', 'quantization'];

/** Dtypes too narrow for most weights to be stored in without a scale. */
const NARROW: readonly Dtype[] = ['F4', 'F6_E2M3', 'F6_E3M2', 'F8_E4M3', 'F8_E5M2', 'F8_E4M3FNUZ', 'F8_E5M2FNUZ'];

/** What weights are packed into. BOOL and I64 are masks and positions. */
const WHOLE: readonly Dtype[] = ['I8', 'U8', 'I16', 'U16', 'I32', 'U32'];

/** Names of packed weights that need no config to be known by: GPTQ and AWQ, compressed-tensors. */
const PACKED_NAME = /\.(qweight|qzeros|weight_packed)$/;

/** What a checkpoint's numbers are packed in; undefined when they stand for themselves, as plain 8-bit floats do. */
export function quantizationOf({ tensors, config }: Pick<Checkpoint, 'tensors' | 'config'>): Quantization | undefined {
  const stated = CONFIG_KEYS.map((key) => config?.[key]).find((value) => typeof value === 'object' && value !== null);
  const isStated = stated !== undefined;
  const needsScales = ([name, { dtype }]: readonly [string, { dtype: Dtype }]): boolean => {
    if (NARROW.includes(dtype)) return isStated || scaleNames(name).some((scale) => tensors.has(scale));
    return WHOLE.includes(dtype) && (isStated || PACKED_NAME.test(name));
  };
  const found = [...tensors].filter(needsScales);
  const [first] = found;
  if (first === undefined) return undefined;
  const [tensor, { dtype }] = first;
  const packed = found.every(([, location]) => WHOLE.includes(location.dtype));
  return { format: methodOf(stated) ?? dtype, tensor, dtype, packed };
}

/** Where the scales of a tensor are, by the customs of DeepSeek, vLLM and ComfyUI. */
function scaleNames(name: string): string[] {
  const module = name.replace(/weight$/, '');
  return [`${name}_scale_inv`, `${name}_scale`, `${module}scale`, `${module}scale_weight`];
}

function methodOf(stated: unknown): string | undefined {
  const { quant_method: method, quant_type: type } = (stated ?? {}) as Readonly<Record<string, unknown>>;
  return [method, type].find((name): name is string => typeof name === 'string');
}
