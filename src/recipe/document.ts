/** YAML text to nodes: one document of bounded size and depth, every alias resolved, every offset a line and column. */
import {
  type Alias,
  Composer,
  type Document,
  isAlias,
  isNode,
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
const MAX_DEPTH = 64;

/** Syntax problems reported: one mistake tends to cause others. */
const MAX_SYNTAX_PROBLEMS = 5;

/** Characters of the parser's own messages, which may repeat text of the recipe. */
const LONGEST_SYNTAX_MESSAGE = 200;

const STANDARD_TAG = /^tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq)$/;

export interface YamlDocument {
  readonly root: Node | null;
  /** What each alias stands for; none of them contains itself. */
  readonly targets: ReadonlyMap<Alias, Node>;
  positionAt(offset: number): Position;
}

type Token = ReturnType<Parser['next']> extends Generator<infer T> ? T : never;

/** Reads one YAML document. Throws `recipe-invalid` when its syntax, size, depth, tags or aliases are not acceptable. */
export function readDocument(text: string, findings: Findings): YamlDocument {
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
  const document = compose(tokens, withoutMark.length, positionAt, findings);
  const targets = resolveAliases(document, positionAt, findings);
  findings.throwProblems();
  return { root: document.contents, targets, positionAt };
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
  length: number,
  positionAt: (offset: number) => Position,
  findings: Findings,
): Document {
  // Scalars stay text (`failsafe`) and keys are compared by the cursor, which words the problem and is not quadratic.
  const composer = new Composer({ schema: 'failsafe', resolveKnownTags: false, uniqueKeys: false, merge: false });
  let first: Document | undefined;
  for (const document of composer.compose(tokens, true, length)) {
    for (const { pos, message } of document.errors.slice(0, MAX_SYNTAX_PROBLEMS)) {
      findings.problem(positionAt(pos[0]), '', `not valid YAML: ${message.slice(0, LONGEST_SYNTAX_MESSAGE)}`);
    }
    if (first !== undefined) {
      const start = document.range[0];
      findings.problem(positionAt(start), '', 'a second document starts here', 'a recipe is one YAML document');
      break;
    }
    first = document;
  }
  findings.throwProblems();
  // The composer yields a document for empty text as well.
  return first!;
}

function resolveAliases(
  document: Document,
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
      findings.problem(position, '', `tag ${excerpt(node.tag)} is not supported`, 'write the value itself');
    }
  });
  return targets;
}
