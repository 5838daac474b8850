/** What the front matter of a merged model's card takes over from the cards of its sources. */
import { stringify } from 'yaml';
import type { CardHead, CardLicence } from '../checkpoint/card.js';

/** A model or adapter that went into the merge, as cards call it. */
export interface SourceCard extends CardHead {
  readonly name: string;
}

/** A licence in words. */
export function describeLicence({ licence }: Pick<CardHead, 'licence'>): string {
  if (licence === undefined) return 'unknown';
  const { ids, name } = licence;
  return `${ids.join(', ')}${name === undefined ? '' : ` (${name})`}`;
}

/** What each source says, once, each in one line. */
export function listLicences(sources: readonly SourceCard[]): string[] {
  return [...new Set(sources.map((source) => `${source.name}: ${describeLicence(source)}`.replace(/\s+/g, ' ')))];
}

/** `unknown`: some source does not say its licence. */
export type Agreement = 'same' | 'unknown' | 'different' | 'nothing said';

export function agreementOf(sources: readonly SourceCard[]): Agreement {
  const said = sources.flatMap(({ licence }) => licence ?? []);
  if (said.length === 0) return 'nothing said';
  if (new Set(said.map(identityOf)).size > 1) return 'different';
  return said.length === sources.length ? 'same' : 'unknown';
}

/** What two licences have in common when they are one; where it can be read may be written differently. */
const identityOf = ({ ids, name }: CardLicence): string =>
  [[...ids].sort().join(), name ?? ''].join('\n').toLowerCase();

/**
 * Lines of the front matter. A licence is stated when all sources state it; nobody else can say under which terms a mix of
 * licences stands, so that a comment says what was found instead. `hasFile`: whether the merged model has a file of that
 * name, to which a licence may refer.
 */
export function sourceLines(sources: readonly SourceCard[], hasFile: (name: string) => boolean): string[] {
  const languages = [...new Set(sources.flatMap((source) => source.languages))];
  return [...licenceLines(sources, hasFile), ...yamlLines(languages.length === 0 ? {} : { language: languages })];
}

function licenceLines(sources: readonly SourceCard[], hasFile: (name: string) => boolean): string[] {
  const agreement = agreementOf(sources);
  if (agreement === 'nothing said') return [];
  if (agreement !== 'same') {
    const reason = agreement === 'different' ? 'the sources state different ones' : 'not all sources state theirs';
    return [`# license: left out, ${reason} (${listLicences(sources).join('; ')})`];
  }
  const { ids, name } = sources[0]!.licence!;
  const links = new Set(sources.map(({ licence }) => licence!.link));
  const [link] = links;
  const isLink = link !== undefined && links.size === 1 && (/^https?:\/\//.test(link) || hasFile(link));
  return yamlLines({
    license: ids.length === 1 ? ids[0] : ids,
    ...(name === undefined ? {} : { license_name: name }),
    ...(isLink ? { license_link: link } : {}),
  });
}

/** YAML that readers of version 1.1 understand as well: Norwegian is not a truth value. */
function yamlLines(fields: Readonly<Record<string, unknown>>): string[] {
  const text = stringify(fields, { version: '1.1', lineWidth: 0 });
  return Object.keys(fields).length === 0 ? [] : text.trimEnd().split('\n');
}
