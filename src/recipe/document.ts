/** YAML text to nodes: documents of bounded size and depth, every alias resolved, every offset a line and column. */
import {
  type Alias,
  Composer,
  type Document,
  isAlias,
  isNode,
  isScalar,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  visit,
} from 'yaml';
import { excerpt, type Findings } from './findings.js';
import type { Position } from './position.js';

/** Bytes (or characters) of a recipe: written ones take a few thousand; the parser needs seconds for so many at worst. */
export const MAX_RECIPE_LENGTH = 262_144;

/** Levels of nesting. A recipe has about ten; the parser calls itself for each and must not exhaust the stack. */
export const MAX_DEPTH = 64;

/** Syntax problems reported: one mistake tends to cause others. */
const MAX_SYNTAX_PROBLEMS = 5;

/** Characters of the parser's own messages, which may repeat text of the recipe. */
const LONGEST_SYNTAX_MESSAGE = 200;

/** Documents of one file: each is a merge of its own. */
const MAX_DOCUMENTS = 100;

const STANDARD_TAG = /^tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq)$/;

export interface YamlDocument {
  /** Where the document stands in the text: from its first character to the beginning of the next document. */
  readonly begin: number;
  readonly end: number;
  readonly root: Node | null;
  /** What each alias stands for; none of them contains itself. */
  readonly targets: ReadonlyMap<Alias, Node>;
  positionAt(offset: number): Position;
}

type Token = ReturnType<Parser['next']> extends Generator<infer T> ? T : never;

/** Reads one YAML document. Throws `recipe-invalid` when its syntax, size, depth, tags or aliases are not acceptable. */
export function readDocument(text: string, findings: Findings): YamlDocument {
  const [first, second] = readDocuments(text, findings);
  if (second === undefined) return first!;
  const hint = 'only "m2merge <recipe>" and "m2merge plan" take several recipes in one file';
  findings.problem(second.positionAt(second.begin), '', 'a second document starts here', hint);
  return findings.throwProblems() as never;
}

/** Reads all documents of a text, at least one. Throws as `readDocument` does. */
export function readDocuments(text: string, findings: Findings): readonly YamlDocument[] {
  const lines = new LineCounter();
  const positionAt = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  if (text.length > MAX_RECIPE_LENGTH) {
    findings.problem({ line: 1, column: 1 }, '', `the recipe is longer than ${MAX_RECIPE_LENGTH} characters`);
    findings.throwProblems();
  }
  const withoutMark = text.replace(/^\uFEFF/, '');
  const tokens = tokenize(withoutMark, lines, positionAt, findings);
  const documents = compose(tokens, withoutMark, positionAt, findings);
  const read = documents.map((document, index) => {
    const targets = resolveAliases(document, withoutMark, positionAt, findings);
    const end = documents[index + 1]?.range[0] ?? withoutMark.length;
    return { root: document.contents, targets, positionAt, begin: document.range[0], end };
  });
  findings.throwProblems();
  return read;
}

function tokenize(
  text: string,
  lines: LineCounter,
  positionAt: (offset: number) => Position,
  findings: Findings,
): Token[] {
  const parser = new Parser();
  const tokens: Token[] = [];
  lines.addNewLine(0);
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1);
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    if (parser.stack.length > MAX_DEPTH) {
      findings.problem(positionAt(parser.offset), '', `the recipe is nested deeper than ${MAX_DEPTH} levels`);
      findings.throwProblems();
    }
  }
  for (const token of parser.end()) tokens.push(token);
  return tokens;
}

function compose(
  tokens: Token[],
  text: string,
  positionAt: (offset: number) => Position,
  findings: Findings,
): readonly Document.Parsed[] {
  // Scalars stay text (`failsafe`) and keys are compared by the cursor, which words the problem and is not quadratic.
  const composer = new Composer({ schema: 'failsafe', resolveKnownTags: false, uniqueKeys: false, merge: false });
  const documents: Document.Parsed[] = [];
  for (const document of composer.compose(tokens, true, text.length)) {
    for (const { pos, message } of document.errors.slice(0, MAX_SYNTAX_PROBLEMS)) {
      findings.problem(
        positionAt(behindSpaces(text, pos[0])),
        '',
        `not valid YAML: ${message.slice(0, LONGEST_SYNTAX_MESSAGE)}`,
      );
    }
    documents.push(document);
    if (documents.length > MAX_DOCUMENTS) {
      findings.problem(positionAt(document.range[0]), '', `the file has more than ${MAX_DOCUMENTS} documents`);
      break;
    }
  }
  findings.throwProblems();
  // The composer yields a document for empty text as well; one that is empty after others is only a mark too many.
  const written = documents.filter(
    ({ contents }) => !(contents === null || (isScalar(contents) && contents.source === '')),
  );
  return written.length === 0 ? documents.slice(0, 1) : written;
}

/** What is wrongly indented begins behind its indentation, for people. */
function behindSpaces(text: string, offset: number): number {
  let at = offset;
  while (text[at] === ' ') at++;
  return at;
}

/** Where the tag before the node at `offset` begins. */
function tagBefore(text: string, offset: number): number {
  let at = text.lastIndexOf('!', offset - 1);
  while (at > 0 && !/[\s,[{]/.test(text[at - 1]!)) at--;
  return at;
}

function resolveAliases(
  document: Document,
  text: string,
  positionAt: (offset: number) => Position,
  findings: Findings,
): ReadonlyMap<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, (_key, node, ancestors) => {
    if (!isNode(node)) return;
    const position = positionAt(node.range?.[0] ?? 0);
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (target === undefined)
        findings.problem(position, '', `alias *${excerpt(node.source)} has no anchor before it`);
      else if (ancestors.includes(target))
        findings.problem(position, '', `alias *${excerpt(node.source)} contains itself`);
      else targets.set(node, target);
      return;
    }
    if (node.anchor !== undefined) anchors.set(node.anchor, node);
    if (node.tag !== undefined && !STANDARD_TAG.test(node.tag)) {
      const place = positionAt(tagBefore(text, node.range![0]));
      findings.problem(place, '', `tag ${excerpt(node.tag)} is not supported`, 'write the value itself');
    }
  });
  return targets;
}
