/** A place in the recipe's YAML: what is there, how to go deeper, and how to report it with line, column and path. */
import { isAlias, isMap, isNode, isScalar, isSeq, type Node, visit, type YAMLMap } from 'yaml';
import { MAX_DEPTH, type YamlDocument } from './document.js';
import { type Findings, quote } from './findings.js';
import type { Position } from './position.js';

/** Values visited in one recipe. Aliases multiply: a few lines can stand for billions of values. */
const MAX_VALUES = 200_000;

const NULL_TEXT = /^(?:|~|null|Null|NULL)$/;

/** Whether text without quotes stands for nothing. */
export const spellsNothing = (text: string): boolean => NULL_TEXT.test(text);

export type CursorKind = 'nothing' | 'text' | 'list' | 'mapping';

/** A key of a mapping and what it leads to. */
export interface Entry {
  readonly position: Position;
  readonly value: Cursor;
}

/** What all cursors of one recipe share. */
export class Reading {
  readonly document: YamlDocument;
  readonly findings: Findings;
  readonly #aliased: ReadonlySet<Node>;
  /** Answers given: one node can be met through many aliases. */
  readonly #holders = new Map<Node, boolean>();
  #visited = 0;

  constructor(document: YamlDocument, findings: Findings) {
    this.document = document;
    this.findings = findings;
    this.#aliased = new Set(document.targets.values());
  }

  /** Whether an alias somewhere stands for the value or for a part of it. */
  isAliased(node: Node | null): boolean {
    if (node === null || this.#aliased.size === 0) return false;
    let found = this.#holders.get(node);
    if (found !== undefined) return found;
    found = false;
    visit(node, (_key, part) => {
      found ||= isNode(part) && this.#aliased.has(part);
      return found ? visit.BREAK : undefined;
    });
    this.#holders.set(node, found);
    return found;
  }

  /** Counts one value; throws `recipe-invalid` when aliases made them too many. */
  countValue(position: Position): void {
    this.#visited++;
    if (this.#visited <= MAX_VALUES) return;
    this.findings.problem(position, '', `aliases unfold the recipe to more than ${MAX_VALUES} values`);
    this.findings.throwProblems();
  }
}

export class Cursor {
  readonly path: string;
  readonly position: Position;
  readonly kind: CursorKind;
  /** The scalar's text for kind `text`, otherwise empty. */
  readonly text: string;
  readonly #reading: Reading;
  readonly #node: Node | null;

  /** `place` stands in for the position of a value that takes no text, as in `{a}`. */
  constructor(reading: Reading, node: Node | null, path: string, place?: Position) {
    const target = isAlias(node) ? reading.document.targets.get(node)! : node;
    this.#reading = reading;
    this.#node = target;
    this.path = path;
    this.position = target?.range ? reading.document.positionAt(target.range[0]) : (place ?? { line: 1, column: 1 });
    this.kind = kindOf(target);
    this.text = this.kind === 'text' && isScalar(target) ? String(target.value) : '';
    reading.countValue(this.position);
  }

  get findings(): Findings {
    return this.#reading.findings;
  }

  /** Reports a problem at this place. */
  problem(message: string, hint?: string): void {
    this.findings.problem(this.position, this.path, message, hint);
  }

  /** Reports that something else was expected here. */
  expected(what: string, hint?: string): void {
    this.problem(`expected ${what}, found ${this.describe()}`, hint);
  }

  /** What is here, in words. */
  describe(): string {
    if (this.kind === 'text') return quote(this.text);
    return this.kind === 'nothing' ? 'nothing' : `a ${this.kind}`;
  }

  /** Elements of a list; none for other kinds. */
  elements(): Cursor[] {
    if (!isSeq<Node>(this.#node)) return [];
    return this.#node.items.map((item, index) => new Cursor(this.#reading, item, `${this.path}[${index}]`));
  }

  /** Whether other places take the value, or a part of it, by an alias. */
  get isAliased(): boolean {
    return this.#reading.isAliased(this.#node);
  }

  /**
   * Entries of a mapping by key, `<<` merged in, own keys before merged ones; none for other kinds. A key that is given
   * twice is a problem if anybody reads it; of others, as the tags that people hang anchors on, the first is returned.
   */
  entries(isRead: (name: string) => boolean = () => true, level = 0): Map<string, Entry> {
    const entries = new Map<string, Entry>();
    if (!isMap<Node, Node | null>(this.#node)) return entries;
    const merged = this.#ownEntries(this.#node, entries, isRead);
    if (merged === undefined) return entries;
    if (level === MAX_DEPTH) {
      const path = this.path.replace(/(?:\.<<)+$/, '');
      this.findings.problem(merged.position, path, `"<<" leads through more than ${MAX_DEPTH} mappings`);
      return entries;
    }
    const sources = merged.kind === 'list' ? merged.elements() : [merged];
    for (const source of sources) {
      if (source.kind !== 'mapping') source.expected('a mapping to merge');
      for (const [key, entry] of source.entries(isRead, level + 1)) {
        if (!entries.has(key)) entries.set(key, { ...entry, value: entry.value.at(this.#pathOf(key)) });
      }
    }
    return entries;
  }

  /** The same value reached by another path. */
  at(path: string): Cursor {
    return new Cursor(this.#reading, this.#node, path, this.position);
  }

  /** Adds the mapping's own entries to `entries` and returns the value of its merge key, if it has one. */
  #ownEntries(
    map: YAMLMap<Node, Node | null>,
    entries: Map<string, Entry>,
    isRead: (name: string) => boolean,
  ): Cursor | undefined {
    let merged: Cursor | undefined;
    for (const { key, value } of map.items) {
      const keyCursor = new Cursor(this.#reading, key, this.path);
      const name = keyCursor.text;
      if (keyCursor.kind !== 'text') {
        keyCursor.expected('a name before ":"');
        continue;
      }
      const isMerge = name === '<<' && isScalar(key) && key.type === 'PLAIN';
      if (isMerge ? merged !== undefined : entries.has(name)) {
        if (isMerge || isRead(name)) keyCursor.problem(`key ${quote(name)} is given twice`);
        continue;
      }
      const valueCursor = new Cursor(this.#reading, value, this.#pathOf(name), keyCursor.position);
      if (isMerge) merged = valueCursor;
      else entries.set(name, { position: keyCursor.position, value: valueCursor });
    }
    return merged;
  }

  #pathOf(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }
}

function kindOf(node: Node | null): CursorKind {
  if (isMap(node)) return 'mapping';
  if (isSeq(node)) return 'list';
  if (!isScalar(node)) return 'nothing';
  return node.type === 'PLAIN' && spellsNothing(String(node.value)) ? 'nothing' : 'text';
}
