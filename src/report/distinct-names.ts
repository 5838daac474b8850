/** Names as they are shown where room is short: what tells them apart must not be what is left out. */
import { printable, shorten } from './text-layout.js';

/** What names are made of: folders first, and if these are too long still, words. */
const PARTS = [/(?<=\/)/u, /(?<=[/\-_.@:])/u];
const SEPARATOR_AT_THE_END = /[/\-_.@:]$/u;

/** Shows one of the names in so many characters. */
export type ShortName = (name: string, width: number) => string;

/** Where names are longer than the room that there is, the folders, or words, that all begin or end with are left out. */
export function shortNames(names: readonly string[]): ShortName {
  const byWidth = new Map<number, ReadonlyMap<string, string>>();
  return (name, width) => {
    const known = byWidth.get(width);
    const shown = known ?? new Map(distinctNames(names, width).map((label, i) => [names[i]!, label]));
    if (known === undefined) byWidth.set(width, shown);
    return shorten(printable(shown.get(name) ?? name), width);
  };
}

/** The names, of which only what tells them apart is left if one has more than `most` characters; distinct as they are. */
export function distinctNames(names: readonly string[], most: number): readonly string[] {
  return PARTS.reduce(
    (shown, part) => (shown.every((name) => [...name].length <= most) ? shown : withoutCommonEnds(shown, part)),
    names,
  );
}

function withoutCommonEnds(names: readonly string[], part: RegExp): readonly string[] {
  if (names.length < 2) return names;
  const parts = names.map((name) => name.split(part));
  const fewest = Math.min(...parts.map(({ length }) => length));
  const head = commonLength(parts, fewest - 1);
  const tail = commonLength(
    parts.map((list) => list.toReversed().map((one) => one.replace(SEPARATOR_AT_THE_END, ''))),
    fewest - 1 - head,
  );
  const kept = parts.map((list) => list.slice(head, list.length - tail).join(''));
  const shown = kept.map((name) => name.replace(SEPARATOR_AT_THE_END, ''));
  // `a` and `a/` differ in nothing else.
  return new Set(shown).size === names.length && !shown.includes('') ? shown : names;
}

/** How many of their first parts, at most so many, all lists have in common. */
function commonLength([first, ...others]: readonly (readonly string[])[], most: number): number {
  let length = 0;
  while (length < most && others.every((list) => list[length] === first![length])) length++;
  return length;
}
