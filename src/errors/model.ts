/** Failures of what models and adapters hold. Worded for `../errors.ts`. */
import type { Wording } from './wording.js';

export interface ModelErrorFacts {
  'model-empty': { folder: string; found: readonly string[] };
  'safetensors-invalid': { file: string; rule: string; detail: string; tensor?: string };
  'index-invalid': { file: string; detail: string; hint?: string };
  'weights-missing': { folder: string; files: readonly string[]; count: number };
  'read-short': { file: string; position: number; expected: number; found: number };
  'tensor-missing': { tensor: string; model: string; presentIn: string; count: number };
  'layer-count-mismatch': { model: string; layers: number; expected: number; expectedIn: string; stack: string };
  'shape-mismatch': {
    tensor: string;
    model: string;
    shape: readonly number[];
    expected: readonly number[];
    expectedIn: string;
  };
  'model-quantized': { model: string; format: string; tensor: string; dtype: string };
  'dtype-unmergeable': { tensor: string; model: string; dtype: string; expected: string };
  'config-invalid': { file: string; detail: string };
  'adapter-invalid': { file: string; detail: string };
  'adapter-unsupported': { file: string; reason: string };
  'adapter-mismatch': { adapter: string; model: string; adapterTensor: string; tensor: string; detail: string };
}

const formatShape = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

function hintForModelWithout(found: readonly string[]): string | undefined {
  if (found.includes('adapter_config.json')) return 'it is an adapter; name it behind its base model, as base+adapter';
  return found.length > 0 ? `found ${found.join(', ')}; convert them to safetensors first` : undefined;
}

export const MODEL_WORDINGS: { readonly [K in keyof ModelErrorFacts]: (facts: ModelErrorFacts[K]) => Wording } = {
  'model-empty': ({ folder, found }) => ({
    message: `${folder} holds no safetensors weights`,
    hint: hintForModelWithout(found),
  }),
  'safetensors-invalid': ({ file, detail, tensor }) => ({
    message: `${file}: ${tensor === undefined ? '' : `tensor "${tensor}": `}${detail}`,
    hint: 'the file is damaged or not safetensors; fetch it again and compare its size and sha256',
  }),
  'index-invalid': ({ file, detail, hint }) => ({ message: `${file}: ${detail}`, hint }),
  'weights-missing': ({ folder, files, count }) => ({
    message: `${folder} lacks ${count} of its weight files: ${files.join(', ')}${count > files.length ? ', …' : ''}`,
    hint: 'fetch them again; a merge needs the whole model',
  }),
  'read-short': ({ file, position, expected, found }) => ({
    message: `${file}: read ${found} of ${expected} bytes at byte ${position}`,
    hint: 'the file shrank while it was being read',
  }),
  'tensor-missing': ({ tensor, model, presentIn, count }) => ({
    message: `tensor "${tensor}" of ${presentIn} is missing from ${model}${count > 1 ? ` (and ${count - 1} more)` : ''}`,
    hint: 'all models of a merge need the same architecture',
  }),
  'layer-count-mismatch': ({ model, layers, expected, expectedIn, stack }) => ({
    message: `${model} has ${layers === 1 ? '1 layer' : `${layers} layers`} in ${stack}, but ${expectedIn} has ${expected}`,
    hint: 'models of different depth are merged by "slices", which say what goes with what',
  }),
  'shape-mismatch': ({ tensor, model, shape, expected, expectedIn }) => ({
    message: `tensor "${tensor}" is ${formatShape(shape)} in ${model} but ${formatShape(expected)} in ${expectedIn}`,
    hint: 'all models of a merge need the same shapes',
  }),
  'model-quantized': ({ model, format, tensor, dtype }) => ({
    message: `${model} is quantized (${format}): the ${dtype} values of tensor "${tensor}" are no weights without their scales`,
    hint: 'name the 16-bit or 32-bit model that it was made from, or write it out dequantized first',
  }),
  'dtype-unmergeable': ({ tensor, model, dtype, expected }) => ({
    message: `tensor "${tensor}" is ${dtype} in ${model}, expected ${expected}`,
    hint: 'all models of a merge need it in a floating point dtype, or all of them in the same other one',
  }),
  'config-invalid': ({ file, detail }) => ({
    message: `${file}: ${detail}`,
    hint: 'mend the file, or fetch it again',
  }),
  'adapter-invalid': ({ file, detail }) => ({
    message: `${file}: ${detail}`,
    hint: 'fetch the adapter again, or merge it with PEFT (merge_and_unload) and name the result',
  }),
  'adapter-unsupported': ({ file, reason }) => ({
    message: `${file}: the adapter cannot be added to weights: ${reason}`,
    hint: 'merge it into its base model with PEFT (merge_and_unload) and name the result',
  }),
  'adapter-mismatch': ({ adapter, model, adapterTensor, tensor, detail }) => ({
    message: `tensor "${adapterTensor}" of adapter ${adapter} does not fit "${tensor}" of ${model}: ${detail}`,
    hint: 'name the model that the adapter was trained on',
  }),
};
