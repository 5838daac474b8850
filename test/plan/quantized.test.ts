/** Quantized checkpoints: their numbers are no weights without the scales beside them. */
import { describe, expect, it } from 'vitest';
import type { TensorLocation } from '../../src/checkpoint/checkpoint.js';
import type { Dtype } from '../../src/checkpoint/dtype.js';
import { quantizationOf } from '../../src/checkpoint/quantized.js';
import { mergeFolder } from '../run/merge-folder.js';
import { writeLayered } from '../support/layered-models.js';
import type { TensorToWrite } from '../support/safetensors.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const read = (dtypes: Readonly<Record<string, Dtype>>, config?: Record<string, unknown>) =>
  quantizationOf({
    tensors: new Map(Object.entries(dtypes).map(([name, dtype]) => [name, { dtype } as TensorLocation])),
    config,
  });

describe('what is quantized', () => {
  const cases: readonly [string, Parameters<typeof read>, object][] = [
    ['DeepSeek fp8', [{ 'q.weight': 'F8_E4M3', 'q.weight_scale_inv': 'F32' }], { format: 'F8_E4M3', packed: false }],
    ['raw DeepSeek', [{ 'q.weight': 'F8_E4M3', 'q.scale': 'F32' }], { tensor: 'q.weight' }],
    ['fp8 by its config', [{ w: 'F8_E5M2' }, { quantization_config: { quant_method: 'fp8' } }], { format: 'fp8' }],
    ['gpt-oss', [{ w_blocks: 'U8' }, { quantization_config: { quant_method: 'mxfp4' } }], { packed: true }],
    ['GPTQ without a config', [{ n: 'BF16', 'q.qweight': 'I32', 'q.scales': 'F16' }], { tensor: 'q.qweight' }],
    ['bitsandbytes', [{ w: 'I8', 'w.SCB': 'F32' }, { quantization_config: {} }], { format: 'I8', packed: true }],
    ['microscaling', [{ w: 'F4', w_scale: 'F8_E8M0' }], { format: 'F4', packed: false }],
  ];
  for (const [name, [tensors, config], expected] of cases) {
    it(name, () => expect(read(tensors, config)).toMatchObject(expected));
  }
});

describe('what is not', () => {
  const cases: readonly [string, Parameters<typeof read>][] = [
    ['8-bit floats that are weights themselves', [{ 'q.weight': 'F8_E4M3', 'n.weight': 'BF16' }, {}]],
    ['masks and positions', [{ 'attn.bias': 'BOOL', position_ids: 'I64' }, { quantization_config: {} }]],
    ['whole numbers of a plain model', [{ steps: 'I32', w: 'F32' }, { quantization_config: null }]],
    ['16-bit weights whose config tells to quantize them', [{ w: 'BF16' }, { quantization_config: {} }]],
  ];
  for (const [name, [tensors, config]] of cases) it(name, () => expect(read(tensors, config)).toBeUndefined());
});

describe('a merge', () => {
  const packed: TensorToWrite = { name: 'model.layers.0.q.qweight', dtype: 'I32', shape: [2], values: [7, 9] };
  const folderWith = (extra: readonly TensorToWrite[]): string => {
    const folder = temporaryFolder();
    for (const [name, offset] of [
      ['a', 1],
      ['b', 2],
    ] as const)
      writeLayered(folder, name, { offset, layers: 1, extra });
    return folder;
  };

  it('of quantized models is refused, with the tensor that shows it', async () => {
    const recipe = 'merge_method: linear\nmodels: [{model: a}, {model: b}]\nparameters: {weight: 1}\n';
    await expect(mergeFolder(folderWith([packed]), recipe)).rejects.toMatchObject({
      kind: 'model-quantized',
      exitCode: 4,
      facts: { model: 'a', tensor: packed.name, dtype: 'I32' },
    });
  });

  it('that only passes packed numbers on carries them over', async () => {
    const merged = await mergeFolder(folderWith([packed]), 'merge_method: passthrough\nmodels: [{model: b}]\n');
    expect(merged.model.tensors.get(packed.name)).toMatchObject({ dtype: 'I32', values: packed.values });
  });
});
