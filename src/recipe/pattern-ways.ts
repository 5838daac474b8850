/**
 * In how many ways a regular expression can fail to match, at most: an engine that goes back tries all of them. Counted as if
 * the parts of the expression knew nothing of each other.
 */

/** What is counted of a part of an expression. */
interface Ways {
  /** Parts of it that repeat without limit. */
  readonly stars: number;
  /** Bits of the number of its other choices. */
  readonly bits: number;
}

const ONE_WAY: Ways = { stars: 0, bits: 0 };

/** Characters of a tensor's name, about: what `stars` parts in a row have to share. */
const NAME_LENGTH = 60;

/** What an escape or a class is replaced by: it may be any character. */
const ANY = '.';

/** Where characters begin that stand for escaped punctuation: a private area, so that they are no syntax. */
const LITERALS = 0xe000;

/**
 * The expression without what makes no difference: what a group is for, whether a repetition is lazy, what a class holds.
 * Escaped punctuation becomes characters that are no syntax.
 */
export function plainSyntax(source: string): string {
  return source
    .replace(/\\[pPu]\{[^}]*\}/g, ANY)
    .replace(/\\(.)/gs, (_, escaped: string) =>
      /\w/.test(escaped) ? ANY : String.fromCharCode(LITERALS + escaped.charCodeAt(0)),
    )
    .replace(/\[[^\]]*\]/g, ANY)
    .replace(/\(\?(?:[:=!]|<[=!]|<[^>]*>)/g, '(')
    .replace(/([*+?}])\?/g, '$1');
}

/** Bits of the number of ways from all places of a name, of what `plainSyntax` made of an expression. */
export function bitsOfWays(syntax: string): number {
  const branches = branchesOf(syntax);
  const isAnchored = branches.every((branch) => branch.startsWith('^'));
  const { stars, bits } = waysOfAny(branches);
  return total({ stars: isAnchored ? stars : stars + 1, bits });
}

/** Bits of both: `stars` parts can share n characters in C(n + stars, stars) ways. */
function total({ stars, bits }: Ways): number {
  let sum = bits;
  for (let i = 1; i <= stars; i++) sum += Math.log2((NAME_LENGTH + i) / i);
  return sum;
}

/** The alternatives of an expression, split where it is in no group. */
function branchesOf(syntax: string): string[] {
  const branches = [''];
  let depth = 0;
  for (const character of syntax) {
    depth += character === '(' ? 1 : character === ')' ? -1 : 0;
    if (character === '|' && depth === 0) branches.push('');
    else branches[branches.length - 1] += character;
  }
  return branches;
}

const isLiteral = (branch: string): boolean => !/[()*+?{.]/.test(branch);

/** Of a name, literal alternatives can only match where each begins with the one before. */
function waysOfAny(branches: readonly string[]): Ways {
  if (branches.length > 1 && branches.every(isLiteral)) {
    const chains = branches.map((branch) => branches.filter((other) => branch.startsWith(other)).length);
    return { stars: 0, bits: Math.log2(Math.max(...chains)) };
  }
  const ways = branches.map(waysOfBranch);
  const stars = Math.max(...ways.map((one) => one.stars));
  const sum = ways.reduce((count, one) => count + 2 ** total(one), 0);
  return { stars, bits: Math.log2(sum) - total({ stars, bits: 0 }) };
}

/** How often the part before it is wanted. */
const QUANTIFIER = /^(?:[*+?]|\{\d+(?:,\d*)?\})/;

function waysOfBranch(branch: string): Ways {
  let ways = ONE_WAY;
  for (let rest = branch; rest !== ''; ) {
    const group = rest.startsWith('(') ? rest.slice(0, endOfGroup(rest)) : undefined;
    const part = group ?? [...rest][0]!;
    const repeats = QUANTIFIER.exec(rest.slice(part.length))?.[0] ?? '';
    const own = group === undefined ? ONE_WAY : waysOfAny(branchesOf(group.slice(1, -1)));
    ways = inRow(ways, repeated(own, repeats));
    rest = rest.slice(part.length + repeats.length);
  }
  return ways;
}

const inRow = (a: Ways, b: Ways): Ways => ({ stars: a.stars + b.stars, bits: a.bits + b.bits });

/** One behind the last character of the group that a text begins with. */
function endOfGroup(text: string): number {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')' && --depth === 0) return i + 1;
  }
  return text.length;
}

function repeated(own: Ways, repeats: string): Ways {
  if (repeats === '') return own;
  if (repeats === '?') return { stars: own.stars, bits: own.bits + 1 };
  const [, least = '0', comma, most = ''] = /^\{(\d+)(,?)(\d*)\}$/.exec(repeats) ?? [];
  if (comma === '') return { stars: own.stars * Number(least), bits: own.bits * Number(least) };
  if (most === '') return inRow(own, { stars: 1, bits: 0 });
  const lengths = Number(most) - Number(least) + 1;
  return inRow(
    own,
    lengths < NAME_LENGTH / 2 ? { stars: 0, bits: Math.log2(Math.max(1, lengths)) } : { stars: 1, bits: 0 },
  );
}
