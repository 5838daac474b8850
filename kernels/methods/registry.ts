/** All merge methods. A new method is one file and one line here. */

import type { Method } from '../method.js';
import { dareLinear, dareTies } from './dare.js';
import { linear } from './linear.js';
import { taskArithmetic } from './task-arithmetic.js';
import { ties } from './ties.js';

export const METHODS: readonly Method[] = [linear, taskArithmetic, ties, dareLinear, dareTies];

/** Finds a method by its name or an alias. */
export function findMethod(name: string): Method | undefined {
  return METHODS.find((method) => method.name === name || method.aliases?.includes(name));
}
