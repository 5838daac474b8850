/** Which rows a merge by tokens mixes, told row by row with whole matrices in float64; shares nothing with `src/`. */
import type { TokenModel } from '../support/tokenizers.js';

export interface Rule {
  readonly source?: { readonly zero: true } | { readonly model: string; readonly id?: number };
  readonly force: boolean;
}

export interface Group {
  /** In the order of the recipe, the base first where there is one. */
  readonly models: ReadonlyMap<string, TokenModel>;
  readonly base: string | undefined;
  readonly source: string;
  readonly rules: ReadonlyMap<string, Rule>;
  readonly multiple: number;
}

type Matrix = readonly (readonly number[])[];

/** Tokens of a model by id, with gaps where it has no row. */
function tokensOf({ tokens, added = [], rows }: TokenModel): string[] {
  const all = [...tokens, ...(added as string[]).filter((token) => !tokens.includes(token))];
  return all.slice(0, rows);
}

const isAdded = (model: TokenModel, token: string): boolean => (model.added as string[]).includes(token);

/** Tokens of the merged model by id. */
export function mergedTokens({ models, source, rules }: Group): string[] {
  const all = [...models.values()];
  const begin = models.get(source) ?? all[0]!;
  const out = [...tokensOf(begin)];
  const add = (token: string): void => void (out.includes(token) || out.push(token));
  if (source === 'union') {
    for (const model of all) for (const token of tokensOf(model)) if (!isAdded(model, token)) add(token);
    for (const model of all) for (const token of tokensOf(model)) if (isAdded(model, token)) add(token);
  }
  for (const token of rules.keys()) add(token);
  return out;
}

const mean = (rows: Matrix, columns: number): number[] =>
  Array.from({ length: columns }, (_, column) => {
    return rows.reduce((sum, row) => sum + row[column]!, 0) / Math.max(1, rows.length);
  });

/** The matrix of each model in the order of the merged tokens. */
export function reordered(group: Group, matrices: ReadonlyMap<string, Matrix>): ReadonlyMap<string, Matrix> {
  const { models, base, rules, multiple } = group;
  const tokens = mergedTokens(group);
  const columns = [...matrices.values()][0]![0]!.length;
  const ownRow = (name: string, token: string) => {
    const id = tokensOf(models.get(name)!).indexOf(token);
    return id < 0 ? undefined : matrices.get(name)![id];
  };
  const standIn = (token: string): readonly number[] => {
    const source = rules.get(token)?.source;
    if (source !== undefined && 'zero' in source) return new Array<number>(columns).fill(0);
    if (source !== undefined) {
      return source.id === undefined ? ownRow(source.model, token)! : matrices.get(source.model)![source.id]!;
    }
    const ofBase = base === undefined ? undefined : ownRow(base, token);
    return (
      ofBase ??
      mean(
        [...models.keys()].flatMap((name) => [ownRow(name, token) ?? []].filter((r) => r.length > 0)),
        columns,
      )
    );
  };
  return new Map(
    [...models.keys()].map((name) => {
      const rows = tokens.map((token) => (rules.get(token)?.force ? undefined : ownRow(name, token)) ?? standIn(token));
      const height = Math.ceil(rows.length / multiple) * multiple;
      const padding = Array.from({ length: height - rows.length }, () => mean(rows, columns));
      return [name, [...rows, ...padding]];
    }),
  );
}
