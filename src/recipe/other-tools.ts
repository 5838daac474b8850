/** Configurations of mergekit's other tools, which are no recipes of merges. */
import { isMap, isScalar } from 'yaml';
import type { YamlDocument } from './document.js';
import type { Findings } from './findings.js';

/** What shows them, unless one of `OURS` stands beside it. */
const THEIRS: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  experts: ['is of mergekit-moe, which builds a mixture of experts', 'm2merge merges models of one architecture'],
  genome: ['is of mergekit-evolve, which searches for a recipe', '`m2merge sweep` tries variants of a recipe'],
};

const OURS = ['models', 'slices', 'modules'];

/** Reports such a configuration once, instead of all the keys that it lacks; whether it is one. */
export function reportOtherTool({ root, positionAt }: YamlDocument, findings: Findings): boolean {
  if (!isMap(root) || OURS.some((key) => root.has(key))) return false;
  for (const { key } of root.items) {
    const name = isScalar(key) ? String(key.value) : '';
    if (!isScalar(key) || !Object.hasOwn(THEIRS, name)) continue;
    const [message, hint] = THEIRS[name]!;
    findings.problem(positionAt(key.range?.[0] ?? 0), name, message, hint);
    return true;
  }
  return false;
}
