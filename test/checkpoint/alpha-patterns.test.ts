/** Of several patterns that match a module the first one counts, as in PEFT. */
import { expect, it } from 'vitest';
import { readAdapterConfig } from '../../src/checkpoint/adapter-config.js';

const scaleOf = (patterns: Readonly<Record<string, number>>, module: string): number =>
  readAdapterConfig({ r: 4, lora_alpha: 16, alpha_pattern: patterns }, 'adapter_config.json').scaleOf(module, 4);

const MODULE = 'model.layers.0.self_attn.q_proj';

it('the first of two', () => {
  expect(scaleOf({ 'layers.0.self_attn.q_proj': 2, q_proj: 8 }, MODULE)).toBe(0.5);
  expect(scaleOf({ q_proj: 8, 'layers.0.self_attn.q_proj': 2 }, MODULE)).toBe(2);
});

it('the second where the first does not match, and lora_alpha where none does', () => {
  const patterns = { 'layers.1.self_attn.q_proj': 2, q_proj: 8 };
  expect(scaleOf(patterns, MODULE)).toBe(2);
  expect(scaleOf(patterns, 'model.layers.0.self_attn.k_proj')).toBe(4);
});
