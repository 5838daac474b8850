/** What a recipe's text says of this machine where no key of the language reads it: in comments, unknown keys, escapes. */
import { Lexer, parseDocument } from 'yaml';

/** A folder's path with at least one folder above, as a text has it between other words. */
const SEGMENT = String.raw`[^\s\\/'"\x60,;()<>[\]{}]+`;
const PATH_IN_TEXT = new RegExp(
  String.raw`(?<![\w.~/:\\-])(?:file:\/\/)?(?:~|[A-Za-z]:)?[\\/](?:${SEGMENT}[\\/]+)+(${SEGMENT})?`,
  'g',
);

/** A text that is nothing but such a path. */
const WHOLE_PATH = /^(?:file:\/\/)?(?:~|[A-Za-z]:)?[\\/][^\\/\n]+[\\/][^\n]*$/;

/** A token of the Hub. */
const TOKEN = /\bhf_[A-Za-z0-9]{30,}\b/g;

/** What can stand without quotes wherever a scalar stands. */
const PLAIN = /^[A-Za-z0-9_][\w.+@-]*$/;

const lastPart = (path: string): string => path.split(/[\\/]/).findLast((part) => part !== '') ?? '';

/** The recipe's text without paths of this machine in comments and in values that are one, and without tokens. */
export function withoutPrivateText(text: string): string {
  const lexemes = [...new Lexer().lex(text)].filter((lexeme) => !isMark(lexeme));
  // Text that the lexer does not give back as it was is none that a recipe was read from.
  const isWhole = lexemes.join('') === text;
  return (isWhole ? lexemes.map(withoutPath).join('') : text).replace(TOKEN, 'hf_…');
}

/** Marks of the lexer, which are in no text: a document begins, a flow ends in an error, a scalar comes. */
function isMark(lexeme: string): boolean {
  return lexeme === '\u0002' || lexeme === '\u0018' || lexeme === '\u001f';
}

function withoutPath(lexeme: string): string {
  if (lexeme.startsWith('#')) return lexeme.replace(PATH_IN_TEXT, (path) => lastPart(path));
  const isQuoted = /^["']/.test(lexeme);
  const value: unknown = isQuoted ? parseDocument(lexeme, { logLevel: 'silent' }).toJS() : lexeme;
  if (typeof value !== 'string' || !WHOLE_PATH.test(value)) return lexeme;
  const name = lastPart(value);
  return PLAIN.test(name) && !isQuoted ? name : JSON.stringify(name);
}
