/** Numbers of tokens in a config, as `eos_token_id`, where the merged vocabulary numbers them otherwise. */
import { type ConfigField, type Section, sectionsOf } from '../checkpoint/config.js';
import { type Warning, warning } from '../warnings.js';

/** Those of an audio codec are numbers of another vocabulary. */
const TOKEN_ID = /^(?!.*codec).*_token_(?:ids?|index)$|^(?:bad|force)_words_ids$|^(?:begin_)?suppress_tokens$/;

/** How deep lists of ids go: `force_words_ids` has lists of alternatives of words of ids. */
const MAX_NESTING = 3;

export interface TokenIdFields {
  readonly fields: readonly ConfigField[];
  /** Of fields whose token is gone; they stay as they are. */
  readonly warnings: readonly Warning[];
}

/** The fields to change in a config that numbers tokens by `ids`; `file` is what messages call it. */
export function tokenIdFields(
  file: string,
  config: Section,
  ids: Iterable<readonly [token: string, id: number]>,
  tokens: readonly (string | undefined)[],
): TokenIdFields {
  const written = fieldsOf(config);
  const mentioned = new Set(written.flatMap(({ value }) => numbersIn(value)));
  const named = new Map([...ids].flatMap(([token, id]) => (mentioned.has(id) ? [[id, token] as const] : [])));
  const names = new Set(named.values());
  const next = new Map(
    tokens.flatMap((token, id) => (token !== undefined && names.has(token) ? [[token, id] as const] : [])),
  );
  const nextOf = (id: unknown): unknown => next.get(named.get(id as number) ?? '') ?? id;
  const fields = written.flatMap(({ section, key, value }) => {
    const moved = movedIds(value, nextOf);
    return JSON.stringify(moved) === JSON.stringify(value) ? [] : [{ section, key, value: moved }];
  });
  const warnings = written.flatMap(({ key, value }) =>
    numbersIn(value).flatMap((id) => {
      const token = named.get(id);
      return token === undefined || next.has(token) ? [] : [warning('token-id-stale', { file, key, id, token })];
    }),
  );
  return { fields, warnings };
}

/** Fields with ids of tokens, in the config and the objects in it. */
function fieldsOf(config: Section): ConfigField[] {
  return sectionsOf(config).flatMap(([section, values]) =>
    Object.entries(values).flatMap(([key, value]) => (TOKEN_ID.test(key) ? [{ section, key, value }] : [])),
  );
}

/** Ids as they are now, in lists of them and in lists of those. */
const movedIds = (value: unknown, nextOf: (id: unknown) => unknown): unknown =>
  Array.isArray(value) ? value.map((item) => movedIds(item, nextOf)) : nextOf(value);

function numbersIn(value: unknown): number[] {
  return [value].flat(MAX_NESTING).filter((id): id is number => typeof id === 'number');
}
