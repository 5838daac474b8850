/** Where in the user's file stands what a variant's recipe says: the variant is written anew, and nobody sees its lines. */
import { isAlias, isMap, isScalar, isSeq, type Node } from 'yaml';
import { readDocument, type YamlDocument } from '../recipe/document.js';
import { Findings } from '../recipe/findings.js';
import type { Position } from '../recipe/position.js';
import type { TreePath } from './setting-place.js';

/** A setting in a variant's recipe; `position` is where the sweep names it, undefined if the command line does. */
export interface PlacedSetting {
  readonly path: TreePath;
  readonly position: Position | undefined;
}

/** What corresponds in the user's recipe: a node, or only the place that answers for it. */
interface Original {
  readonly node: Node | null;
  readonly position: Position;
}

/** Reads the user's recipe once and finds the places of any number of its variants. */
export class OriginalPositions {
  readonly #document: YamlDocument;

  /** `text` is known to be one YAML document. */
  constructor(text: string, file: string) {
    this.#document = readDocument(text, new Findings(file));
  }

  /** For offsets of nodes in a variant's document, where they come from: the user's recipe, or the sweep's setting. */
  of(variant: YamlDocument, settings: readonly PlacedSetting[]): (offset: number) => Position {
    const known = new Map<number, Position>();
    const chosen = new Map(settings.map(({ path, position }) => [JSON.stringify(path), position]));
    const root = this.#follow(this.#document.root, { line: 1, column: 1 });
    const visit = (node: Node | null, original: Original, path: TreePath): void => {
      if (node?.range) known.set(node.range[0], original.position);
      if (isSeq<Node>(node)) {
        for (const [i, item] of node.items.entries()) visit(item, this.#inside(original, i), [...path, i]);
      } else if (isMap<Node, Node | null>(node)) {
        for (const { key, value } of node.items) {
          const name = isScalar(key) ? String(key.value) : '';
          const inner = [...path, name];
          const position = chosen.get(JSON.stringify(inner));
          const found = position === undefined ? this.#inside(original, name) : { node: null, position };
          if (key.range) known.set(key.range[0], position ?? this.#keyOf(original, name));
          visit(value, found, inner);
        }
      }
    };
    visit(variant.root, root, []);
    return (offset) => known.get(offset) ?? variant.positionAt(offset);
  }

  /** A node with its aliases followed; `otherwise` answers for one that takes no text. */
  #follow(node: Node | null, otherwise: Position): Original {
    const target = isAlias(node) ? this.#document.targets.get(node)! : node;
    return { node: target, position: target?.range ? this.#document.positionAt(target.range[0]) : otherwise };
  }

  #inside({ node, position }: Original, step: string | number): Original {
    const inner = isSeq<Node>(node) ? node.items[Number(step)] : this.#pairOf(node, step)?.value;
    return inner === undefined ? { node: null, position } : this.#follow(inner, position);
  }

  #keyOf({ node, position }: Original, name: string): Position {
    const key = this.#pairOf(node, name)?.key;
    return key?.range ? this.#document.positionAt(key.range[0]) : position;
  }

  #pairOf(node: Node | null, name: string | number) {
    if (!isMap<Node, Node | null>(node)) return undefined;
    return node.items.find(({ key }) => isScalar(key) && String(key.value) === name);
  }
}
