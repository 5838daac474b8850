/** Numbers of tokens in a config, as `eos_token_id`, where the merged vocabulary numbers them otherwise. */
import type { ConfigField } from '../checkpoint/config.js';

const TOKEN_ID = /_token_(?:id|index)$/;

type Section = Readonly<Record<string, unknown>>;

/** The fields whose tokens have other ids now; those of tokens that are gone stay. */
export function tokenIdFields(
  config: Section,
  ids: ReadonlyMap<string, number>,
  tokens: readonly (string | undefined)[],
): ConfigField[] {
  const isSection = (value: unknown): value is Section =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const nested = Object.entries(config).filter((entry): entry is [string, Section] => isSection(entry[1]));
  const fields: ConfigField[] = [];
  const moved = movedIds(ids, tokens);
  if (moved.size === 0) return [];
  for (const [section, values] of [[undefined, config] as const, ...nested]) {
    for (const [key, value] of Object.entries(values).filter(([name]) => TOKEN_ID.test(name))) {
      const next = Array.isArray(value)
        ? value.map((id) => moved.get(id) ?? id)
        : (moved.get(value as number) ?? value);
      if (JSON.stringify(next) !== JSON.stringify(value)) fields.push({ section, key, value: next });
    }
  }
  return fields;
}

/** New ids by old ones, where they differ. */
function movedIds(
  ids: ReadonlyMap<string, number>,
  tokens: readonly (string | undefined)[],
): ReadonlyMap<unknown, number> {
  const moved = new Map<unknown, number>();
  tokens.forEach((token, id) => {
    const old = token === undefined ? undefined : ids.get(token);
    if (old !== undefined && old !== id) moved.set(old, id);
  });
  return moved;
}
