/** The keys of a recipe that say which tokens, and which chat template, the merged model has. */
import { CHAT_TEMPLATES } from '../tokenizer/chat-templates.js';
import type { Cursor } from './cursor.js';
import { excerpt, quote } from './findings.js';
import type { ChatTemplate, RecipeTokenizer, TokenizerSource, TokenRule, TokenSource } from './recipe.js';
import { type ModelReference, parseReference } from './reference.js';
import { modelReference } from './reference-keys.js';
import {
  choice,
  didYouMean,
  type JsonSchema,
  type Key,
  mappingOf,
  naturalUpTo,
  record,
  type Shape,
  text,
  truth,
} from './shapes.js';

const key = <T>(summary: string, shape: Shape<T>): Key<T> => ({ summary, shape });

/** Largest multiple that a vocabulary is padded to: more than any hardware wants, so that rows stay few. */
const LARGEST_MULTIPLE = 65_536;

/** How old recipes name a model as the source. */
const MODEL_PREFIX = 'model:';

/** Shortest text that may be a template: mergekit's rule. */
const SHORTEST_TEMPLATE = 20;

export const tokenizerSource: Shape<TokenizerSource> = {
  schema: modelReference.schema,
  read(cursor) {
    if (cursor.kind === 'text' && (cursor.text === 'union' || cursor.text === 'base')) return cursor.text;
    if (cursor.kind !== 'text' || !cursor.text.startsWith(MODEL_PREFIX)) return modelReference.read(cursor);
    const reading = parseReference(cursor.text.slice(MODEL_PREFIX.length));
    if ('problem' in reading) {
      cursor.problem(reading.problem, 'the form is model:path@revision');
      return undefined;
    }
    const { location, adapter } = reading;
    return { text: cursor.text.slice(MODEL_PREFIX.length), ...location, adapter, position: cursor.position };
  },
};

const KIND_KEYS = {
  kind: { ...key('how the row is found', choice(['zero', 'model_token'])), required: true as const },
  model: key('the model whose row it is', modelReference),
  token: key('the token of that model whose row it is', text),
  token_id: key('the number of that token, instead of the token', naturalUpTo(Number.MAX_SAFE_INTEGER)),
};

const kindRecord = record(KIND_KEYS, '{kind: model_token, model: …, token: …}');

const ofKind = (kind: string, more: JsonSchema): JsonSchema => {
  const { properties } = kindRecord.schema as { readonly properties: JsonSchema };
  return { type: 'object', properties: { ...properties, kind: { const: kind } }, ...more };
};

const KIND_SCHEMAS: readonly JsonSchema[] = [
  ofKind('zero', { required: ['kind'] }),
  ofKind('model_token', {
    required: ['kind', 'model'],
    oneOf: ['token', 'token_id'].map((name) => ({ required: [name] })),
  }),
];

/** Where a token's row comes from: a model that has the token, or what `kind` says. */
const tokenSource: Shape<TokenSource> = {
  schema: {
    anyOf: [{ ...modelReference.schema, not: { type: 'object', required: ['kind'] } }, ...KIND_SCHEMAS],
  },
  read(cursor) {
    if (cursor.kind === 'mapping' && cursor.entries().has('kind')) return readKind(cursor);
    const model = modelReference.read(cursor);
    return model && { kind: 'model', model };
  },
};

function readKind(cursor: Cursor): TokenSource | undefined {
  const reading = kindRecord.read(cursor);
  const { kind, model, token, token_id: id } = reading?.values ?? {};
  if (reading === undefined || kind === undefined) return undefined;
  if (kind === 'zero') return { kind: 'zero' };
  const has = (name: string): boolean => reading.present.has(name);
  const problem = (message: string): void =>
    cursor.problem(message, 'the form is {kind: model_token, model: …, token: …}');
  if (!has('model')) problem('key "model" is missing');
  else if (has('token') === has('token_id')) problem('exactly one of "token" and "token_id" must be given');
  const asked = token ?? id;
  return model === undefined || asked === undefined ? undefined : { kind: 'model_token', model, token: asked };
}

const RULE_KEYS = {
  source: key('where the row comes from in models that lack the token', tokenSource),
  force: key('whether models that have the token take that row as well', truth),
};

const ruleRecord = record(RULE_KEYS, '{source: …, force: …}');

const tokenRule: Shape<TokenRule> = {
  schema: ruleRecord.schema,
  read(cursor) {
    const reading = ruleRecord.read(cursor);
    if (reading === undefined) return undefined;
    const { source, force = false } = reading.values;
    const { position, path } = reading.present.get('source') ?? cursor;
    return { source, force, position, path };
  },
};

const TOKENIZER_KEYS = {
  source: key('whose tokens: "union", "base", or a model', tokenizerSource),
  tokens: key('tokens to add, and where rows come from that a model has not', mappingOf(tokenRule, 'tokens')),
  pad_to_multiple_of: key(
    'rows of embedding and head are added up to a multiple of this; they hold the mean',
    naturalUpTo(LARGEST_MULTIPLE),
  ),
};

const tokenizerRecord = record(TOKENIZER_KEYS, '{source: …, tokens: …}');

export const tokenizer: Shape<RecipeTokenizer> = {
  schema: tokenizerRecord.schema,
  read(cursor) {
    if (cursor.kind === 'text') {
      cursor.expected('a mapping {source: …, tokens: …}', `write tokenizer: {source: ${excerpt(cursor.text)}}`);
      return undefined;
    }
    const reading = tokenizerRecord.read(cursor);
    if (reading === undefined) return undefined;
    const { source = 'union', tokens = new Map(), pad_to_multiple_of: multiple = 1 } = reading.values;
    const { position } = cursor;
    return { source, tokens, padToMultipleOf: Math.max(1, multiple), position };
  },
};

/** A path of a template, which is no template itself. */
const FILE_PATTERN = '^[^\\n{]+\\.jinja$';

const names = ['auto', ...Object.keys(CHAT_TEMPLATES)];

export const chatTemplate: Shape<ChatTemplate> = {
  schema: {
    anyOf: [
      { enum: names },
      { type: 'string', minLength: SHORTEST_TEMPLATE, pattern: '\\{' },
      { type: 'string', pattern: FILE_PATTERN },
    ],
  },
  read(cursor) {
    const written = text.read(cursor);
    if (written === undefined || written === 'auto') return written;
    if (Object.hasOwn(CHAT_TEMPLATES, written)) return { text: CHAT_TEMPLATES[written]! };
    if (new RegExp(FILE_PATTERN).test(written)) return { file: written };
    if (written.includes('{') && [...written].length >= SHORTEST_TEMPLATE) return { text: written };
    const hint =
      didYouMean(written, names) ??
      `there are ${names.join(', ')}, or write a template in Jinja, or the path of a .jinja file`;
    cursor.problem(`there is no chat template ${quote(written)}`, hint);
    return undefined;
  },
};

/** The models that a tokenizer's keys name, with their places. */
export function modelsOfTokens({ tokens }: RecipeTokenizer): readonly { model: ModelReference; rule: TokenRule }[] {
  return [...tokens.values()].flatMap((rule) => {
    const { source } = rule;
    return source === undefined || source.kind === 'zero' ? [] : [{ model: source.model, rule }];
  });
}
