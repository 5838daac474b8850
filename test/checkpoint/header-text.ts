/** Files made of a header's text, right or wrong. */
import { encodeHeader } from '../support/safetensors.js';

/** A file with the given header text and that many bytes of tensors. */
export function file(header: string, dataBytes = 0): Buffer {
  return Buffer.concat([encodeHeader(header), Buffer.alloc(dataBytes)]);
}

/** A header entry; shape and offsets are JSON text. */
export function entry(dtype: string, shape: string, offsets: string): string {
  return `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
}

/** The entry of two f32 values at the beginning. */
export const F32_PAIR = entry('F32', '[2]', '[0,8]');
