/** Several recipes in one file (mergekit-multi): named documents that may merge what others make. */
import type { YamlDocument } from './document.js';
import { readDocuments } from './document.js';
import { Findings, quote } from './findings.js';
import { type Content, type RecipeOrigin, readRecipe } from './parse.js';
import type { Recipe } from './recipe.js';
import type { ModelReference } from './reference.js';
import { referenceText } from './reference.js';

/** A name that can be a folder's. */
const FOLDER_NAME = /^(?![.-])[\w.+-]{1,100}$/;

interface ReadDocument {
  readonly document: YamlDocument;
  readonly content: Content;
}

/**
 * Reads all recipes of a text, in an order in which each comes after those it needs. Throws one `recipe-invalid` for all
 * problems of all documents.
 */
export function parseRecipes(text: string, { file = '<recipe>', folder }: RecipeOrigin = {}): readonly Recipe[] {
  const findings = new Findings(file);
  const documents = readDocuments(text, findings);
  const read = documents.map((document) => {
    // Each document has warnings of its own.
    const own = new Findings(file);
    const content = readRecipe(document, own);
    return { document, content, own };
  });
  for (const { own } of read) findings.takeProblems(own);
  findings.throwProblems();
  const complete = read.map(({ document, content, own }) => ({ document, content: content!, warnings: own.warnings }));
  if (complete.length > 1) checkNames(complete, findings);
  findings.throwProblems();
  const ordered = order(complete, findings);
  findings.throwProblems();
  return ordered.map(({ document, content, warnings }) => {
    const own =
      complete.length === 1 ? text : withoutMarks(text.replace(/^\uFEFF/, '').slice(document.begin, document.end));
    return { file, folder, text: own, ...content, warnings };
  });
}

/** Names are unique and fit for folders; one document may do without, the last that is made. */
function checkNames(documents: readonly ReadDocument[], findings: Findings): void {
  const names = new Set<string>();
  let unnamed = 0;
  for (const { document, content } of documents) {
    const { name } = content;
    const at = document.positionAt(document.root?.range?.[0] ?? document.begin);
    if (name === undefined) unnamed++;
    if (name === undefined && unnamed === 2) {
      findings.problem(at, '', 'a second document without a name', 'only one may lack the key "name"');
    }
    if (name === undefined) continue;
    if (!FOLDER_NAME.test(name)) {
      findings.problem(at, 'name', `${quote(name)} cannot name a folder`, 'letters, digits, ".", "_", "+" and "-"');
    }
    if (names.has(name)) findings.problem(at, 'name', `a second document is called ${quote(name)}`);
    names.add(name);
  }
}

/** The references of a recipe: the base, the models, and the one whose tokenizer is taken. */
export function referencesOf({
  base,
  bases,
  models,
  tokenizer,
}: Pick<Recipe, 'base' | 'bases' | 'models' | 'tokenizer'>): ModelReference[] {
  const source = typeof tokenizer?.source === 'object' ? [tokenizer.source] : [];
  return [...(base === undefined ? [] : [base]), ...bases, ...models.map(({ reference }) => reference), ...source];
}

/** Each document after those that make its models; otherwise as written, and the one without a name at the end. */
function order<T extends ReadDocument>(documents: readonly T[], findings: Findings): readonly T[] {
  const byName = new Map(
    documents.flatMap((read) => (read.content.name === undefined ? [] : [[read.content.name, read] as const])),
  );
  const done = new Set<T>();
  const open = new Set<T>();
  const visit = (read: T): void => {
    if (done.has(read)) return;
    open.add(read);
    for (const reference of referencesOf(read.content)) {
      const needed = byName.get(referenceText(reference, undefined));
      if (needed === undefined || done.has(needed)) continue;
      if (open.has(needed)) {
        findings.problem(
          reference.position,
          '',
          `the document ${quote(reference.path)} needs what this one makes`,
          'documents cannot need each other in a circle',
        );
      } else visit(needed);
    }
    open.delete(read);
    done.add(read);
  };
  for (const read of [...documents].sort(
    (a, b) => Number(a.content.name === undefined) - Number(b.content.name === undefined),
  ))
    visit(read);
  return [...done];
}

/** The text of one document without the marks between documents. */
function withoutMarks(text: string): string {
  return `${text
    .replace(/^\s*---[^\S\n]*\n/, '')
    .replace(/\n(?:---|\.\.\.)\s*$/, '')
    .trim()}\n`;
}
