import { findMethod, METHODS } from '../../../kernels/methods/registry.js';
import { M2MergeError } from '../../errors.js';
import { methodHint } from '../../recipe/method-names.js';
import { describeMethod } from '../../report/methods-json.js';
import { explainMethod, formatMethods } from '../../report/methods-text.js';

/** Lists the merge methods, or explains one. */
export function methodsCommand(name: string | undefined, { json = false }: { readonly json?: boolean }): void {
  const method = name === undefined ? undefined : findExplained(name);
  const text = json
    ? JSON.stringify(method === undefined ? METHODS.map(describeMethod) : describeMethod(method), null, 2)
    : method === undefined
      ? `${formatMethods()}\n\n* required. m2merge methods <name> explains one.`
      : explainMethod(method);
  process.stdout.write(`${text}\n`);
}

function findExplained(name: string) {
  const method = findMethod(name);
  if (method !== undefined) return method;
  throw new M2MergeError('usage', { message: `there is no merge method "${name}"`, hint: methodHint(name) });
}
