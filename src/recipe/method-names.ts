/** What somebody meant who wrote the name of no merge method. */
import { METHODS } from '../../kernels/methods/registry.js';
import { SPARSIFIERS } from '../../kernels/sparsify/sparsifiers.js';
import { didYouMean } from './shapes.js';

const NAMES = METHODS.flatMap(({ name, aliases = [] }) => [name, ...aliases]);

/** The hint for a name that is no method's: the nearest, its family, or what stands in front of methods under that name. */
export function methodHint(name: string): string {
  const hints = [didYouMean(name, NAMES) ?? startingWith(name.toLowerCase()), inFront(name.toLowerCase())];
  return hints.filter((hint) => hint !== undefined).join(' ') || '`m2merge methods` lists them';
}

/** Methods of a family that was named alone, as DARE is no method without what it stands in front of. */
function startingWith(name: string): string | undefined {
  const family = NAMES.filter((candidate) => candidate.startsWith(`${name}_`));
  return family.length === 0 ? undefined : `did you mean ${family.map((member) => `"${member}"`).join(' or ')}?`;
}

function inFront(name: string): string | undefined {
  if (name === 'sparsify')
    return `"sparsify: {method: ${SPARSIFIERS.join(' | ')}, …}" stands in front of any method on task vectors`;
  const isSparsifier = SPARSIFIERS.some((sparsifier) => sparsifier === name);
  return isSparsifier ? `"sparsify: {method: ${name}, …}" puts it in front of any method on task vectors` : undefined;
}
