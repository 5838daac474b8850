/** The order in which reports list modules and names. */
import { MODULE_TYPES } from '../geometry/module-type.js';

const KNOWN_MODULES: readonly string[] = MODULE_TYPES;

/** Kinds of modules in the order of MODULE_TYPES, unknown ones last by name. */
export function orderModules(names: readonly string[]): string[] {
  const known = KNOWN_MODULES.filter((name) => names.includes(name));
  return [...known, ...names.filter((name) => !KNOWN_MODULES.includes(name)).sort(compareNames)];
}

/** Orders `layers.2` before `layers.10`, the same in every locale. */
export function compareNames(a: string, b: string): number {
  const partsOf = (name: string): string[] => name.split(/(\d{1,15})/);
  const [left, right] = [partsOf(a), partsOf(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [x, y] = [left[i]!, right[i]!];
    if (x === y) continue;
    // Odd parts are the numbers; equal ones can still differ in leading zeros.
    if (i % 2 === 1 && Number(x) !== Number(y)) return Number(x) - Number(y);
    return x < y ? -1 : 1;
  }
  return left.length - right.length;
}
