/** LoRA adapters in PEFT's layout, and what they mean: matrices computed here, without the code under test. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeSafetensors, type TensorToWrite } from './safetensors.js';

/** The config that PEFT writes, with changes. */
export function adapterConfig(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    alpha_pattern: {},
    auto_mapping: null,
    base_model_name_or_path: 'org/base',
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layer_replication: null,
    layers_to_transform: null,
    lora_alpha: 16,
    lora_dropout: 0.05,
    megatron_config: null,
    megatron_core: 'megatron.core',
    modules_to_save: null,
    peft_type: 'LORA',
    r: 4,
    rank_pattern: {},
    target_modules: ['q_proj'],
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: false,
    ...changes,
  };
}

export function writeAdapter(
  folder: string,
  tensors: readonly TensorToWrite[],
  changes: Readonly<Record<string, unknown>> = {},
): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'adapter_config.json'), `${JSON.stringify(adapterConfig(changes), null, 2)}\n`);
  writeFileSync(join(folder, 'adapter_model.safetensors'), encodeSafetensors(tensors, { format: 'pt' }));
}

const { fround } = Math;

/**
 * W + scale·B·A of a linear layer, in the order of operations that the kernels promise. B is [rows, rank], A is [rank,
 * columns]; `exact` gives float64 instead.
 */
export function adapted(
  weight: ArrayLike<number>,
  b: ArrayLike<number>,
  a: ArrayLike<number>,
  rank: number,
  scale: number,
  exact = false,
): Float64Array {
  const columns = a.length / rank;
  const round = exact ? (value: number): number => value : fround;
  return Float64Array.from(weight as ArrayLike<number>, (value, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    let sum = 0;
    for (let k = 0; k < rank; k++) sum = round(sum + round(b[row * rank + k]! * a[k * columns + column]!));
    return round(value + round(round(scale) * sum));
  });
}

/** The transpose of a row-major matrix with `columns` columns. */
export function transposed(values: ArrayLike<number>, columns: number): Float64Array {
  const rows = values.length / columns;
  return Float64Array.from({ length: values.length }, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);
}
