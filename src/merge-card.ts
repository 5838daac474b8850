/** The card of a merged model: what is known of the merge, and what its sources say of themselves. */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findMethod } from '../kernels/methods/registry.js';
import { CARD_FILE, MAX_CARD_BYTES, readCardHead } from './checkpoint/card.js';
import type { PreparedMerge } from './plan/plan.js';
import type { Recipe } from './recipe/recipe.js';
import { agreementOf, listLicences, type SourceCard } from './report/card-sources.js';
import { type CardFacts, formatModelCard } from './report/model-card.js';
import { namesOfInput, recipeOfCard } from './report/public-names.js';
import { VERSION } from './version.js';
import { type Warning, warning } from './warnings.js';

/** Makes the text of the card, and says when the licences of the sources differ. */
export async function makeCard(
  recipe: Recipe,
  prepared: PreparedMerge,
  known: Pick<CardFacts, 'title' | 'dtype' | 'config' | 'sideFiles'>,
): Promise<{ readonly text: string; readonly warnings: readonly Warning[] }> {
  const { plan, costs } = prepared;
  const sources = await Promise.all(plan.inputs.map((_, input) => readSources(prepared, input)));
  const text = formatModelCard({
    ...known,
    plan,
    sources,
    method: findMethod(plan.method)!,
    recipeText: recipeOfCard(recipe, plan),
    toolVersion: VERSION,
    parameters: costs.parameters,
  });
  const all = sources.flat();
  const differ = agreementOf(all) === 'different';
  return { text, warnings: differ ? [warning('licences-differ', { licences: listLicences(all) })] : [] };
}

/** The cards of what an input is put together of: its model, and its adapter, whose file lies in a folder of its own. */
function readSources({ plan, folders, paths }: PreparedMerge, input: number): Promise<SourceCard[]> {
  const folder = folders[input]!;
  const adapterFolder = paths[input]!.map(dirname).find((place) => place !== folder);
  return Promise.all(
    namesOfInput(plan.inputs[input]!).map(async (name, part) => {
      const place = part === 0 ? folder : adapterFolder;
      return { name, ...readCardHead(place === undefined ? '' : await readCard(join(place, CARD_FILE))) };
    }),
  );
}

/** The text of a card; nothing where there is none, or what is there is not one. */
async function readCard(path: string): Promise<string> {
  try {
    const stats = await stat(path);
    // A pipe would be waited for.
    return stats.isFile() && stats.size <= MAX_CARD_BYTES ? await readFile(path, 'utf8') : '';
  } catch {
    return '';
  }
}
