/** Placeholders in a text for a POSIX shell: what is filled in stays part of a word, whatever signs it has. */

/** Parts of a shell's text that are read differently: in quotes, comments, placeholders, and signs behind a backslash. */
const PART = /'[^']*'?|"(?:\\[\s\S]|[^"\\])*"?|(?<![^\s;&|(])#.*|\\?\{\w+\}|\\[\s\S]/g;

/** Signs without a meaning to any shell: text of these alone stays as it is. */
const PLAIN = /^[\w%+,./:=@-]*$/;

/** Fills values in by `fill`, which is given how one is written where its placeholder stands. */
export function fillShellText(text: string, fill: (part: string, write: (value: string) => string) => string): string {
  return text.replace(PART, (part) => {
    if (part.startsWith("'")) return fill(part, escapeSingle);
    if (part.startsWith('"')) return fill(part, (value) => value.replace(/["\\$`]/g, '\\$&'));
    if (part.startsWith('#')) return part;
    return fill(part.replace(/^\\(?=\{\w)/, ''), (value) => (PLAIN.test(value) ? value : `'${escapeSingle(value)}'`));
  });
}

const escapeSingle = (value: string): string => value.replaceAll("'", `'\\''`);
