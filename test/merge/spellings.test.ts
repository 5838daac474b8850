/** Recipes as people write them (`test/fixtures/spellings`), merged: every value is computed here by hand. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeWarning } from '../../src/warnings.js';
import { type Merged, mergeFolder, valuesOf } from '../run/merge-folder.js';
import { FIXTURES } from '../support/cli.js';
import { EMBED, HEAD, layerTensor, NORM, PLACES, writeLayered } from '../support/layered-models.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const QUERY = 'self_attn.q_proj.weight';
const DOWN = 'mlp.down_proj.weight';

/** Four layers each, with heads; a value is the model's offset and what its place adds. */
const OFFSETS = { base: 0, a: 1000, b: 2000, c: 4000 } as const;

interface Expected {
  readonly embed: number;
  readonly norm: number;
  readonly head: number;
  readonly down: readonly number[];
  /** As `down` unless given. */
  readonly query?: readonly number[];
  readonly warnings?: readonly string[];
}

/** What comes out where models are mixed and layers keep their places: `offset` of each tensor, and its place times `share`. */
function mixed(offsets: { readonly ends: number; readonly layers: readonly number[] }, share = 1): Expected {
  return {
    embed: offsets.ends + share * PLACES.embed,
    norm: offsets.ends + share * PLACES.norm,
    head: offsets.ends + share * PLACES.head,
    down: offsets.layers.map((offset, i) => offset + share * PLACES.layer(i)),
  };
}

const EXPECTED: Readonly<Record<string, Expected>> = {
  'anchors-and-scales': {
    embed: 1001,
    norm: 2002,
    head: 2003,
    query: [1010, 1020, 0.5 * 1020, 0.5 * 1030, 0.5 * 2030, 0.5 * 2040],
    down: [1010, 1020, 0.25 * 1020, 0.25 * 1030, 0.25 * 2030, 0.25 * 2040],
  },
  'zero-weight-ends': { embed: 1001, norm: 1002, head: 1003, down: [1010, 2020, 2030, 1040] },
  // λ / Σw · (w · 1000 + v · 2000), with λ = 0.5 and Σw = 1; the ends take the first values.
  'module-called-default': {
    ...mixed({ ends: 550, layers: [550, 850, 550, 1000] }),
    warnings: ['11:11: "density" is ignored: merge_method task_arithmetic does not use it'],
  },
  // Vectors of equal elements are parallel, so that slerp is 1000 + t · 1000. Names are no patterns: "modelnorm" is in none.
  'filters-one-by-one': {
    warnings: ['11:5: filter "modelnorm" of "t" matches no tensor'],
    embed: 1001 + 250,
    norm: 1002 + 500,
    head: 1003 + 750,
    query: [1010 + 1000, 1020 + 2000 / 3, 1030 + 1000 / 3, 1040],
    down: [1010, 1020 + 500, 1030, 1040 + 1000],
  },
  'quoted-and-spaced': {
    ...mixed({ ends: 1500, layers: [1500, 1500, 1500, 1500] }),
    warnings: ['22:5: "int8_mask" is ignored: it only saves memory in mergekit; here memory is bounded in any case'],
  },
  // The weights of a are 0.1, 0.1 + 0.2 · 2/3, the same, 0.1; what they lack to 1 is b's.
  'weights-over-layers': mixed({ ends: 1900, layers: [1900, 2000 - 700 / 3, 2000 - 700 / 3, 1900] }),
  'numbers-as-written': mixed({ ends: 1400, layers: [1400, 1400, 1400, 1400] }, 0.85),
  'sources-in-flow': { embed: 1001, norm: 4002, head: 4003, down: [1010, 1020, 2020, 2030, 4040] },
  'keys-of-elsewhere': {
    ...mixed({ ends: 1250, layers: [1250, 1250, 1250, 1250] }),
    warnings: [
      '12:7: "lambda" is ignored: it has one value for the whole merge, which belongs under the top-level parameters',
      '18:3: "int8_mask" is ignored: it only saves memory in mergekit; here memory is bounded in any case',
      '19:3: unknown key "consensus_method" is ignored',
      '20:3: "select_topk" is ignored: merge_method ties does not use it',
      '21:3: unknown key "smooth" is ignored',
    ],
  },
  'base-and-one-more': {
    ...mixed({ ends: 1250, layers: [1250, 1000 + 1250 / 3, 1000 + 1750 / 3, 1750] }),
    warnings: ['8:3: "normalize" is ignored: merge_method slerp does not use it'],
  },
};

const folder = join(FIXTURES, 'spellings');
const textOf = (name: string): string => readFileSync(join(folder, `${name}.yaml`), 'utf8');

function models(): string {
  const place = temporaryFolder();
  for (const [name, offset] of Object.entries(OFFSETS)) {
    writeLayered(place, name, { offset, layers: 4, head: true, kinds: [QUERY, DOWN] });
  }
  return place;
}

function expectValue(merged: Merged, tensor: string, value: number): void {
  for (const found of valuesOf(merged, tensor)) expect(found, tensor).toBeCloseTo(value, 2);
}

const warningsOf = ({ warnings }: Merged): string[] =>
  warnings.map((entry) => describeWarning(entry).replace(/^.*\.yaml:/, ''));

it('every fixture is expected to be something', () => {
  expect(readdirSync(folder).sort()).toEqual(
    Object.keys(EXPECTED)
      .map((name) => `${name}.yaml`)
      .sort(),
  );
});

describe.each(Object.entries(EXPECTED))('%s', (name, expected) => {
  it('is planned and merged to what it says', async () => {
    const merged = await mergeFolder(models(), textOf(name));
    const { embed, norm, head, down, query = down, warnings = [] } = expected;
    expectValue(merged, EMBED, embed);
    expectValue(merged, NORM, norm);
    expectValue(merged, HEAD, head);
    for (const [i, value] of down.entries()) expectValue(merged, layerTensor(i, DOWN), value);
    for (const [i, value] of query.entries()) expectValue(merged, layerTensor(i, QUERY), value);
    expect(merged.model.tensors.size).toBe(3 + 2 * down.length);
    expect(merged.model.config).toMatchObject({ num_hidden_layers: down.length, tie_word_embeddings: false });
    expect(warningsOf(merged)).toEqual(warnings);
  });

  it('means the same as an editor of another system saves it', async () => {
    const place = models();
    const [merged, other] = [
      await mergeFolder(place, textOf(name)),
      await mergeFolder(place, `\uFEFF${textOf(name).replaceAll('\n', '\r\n')}`),
    ];
    expect(other.model.tensors).toEqual(merged.model.tensors);
    expect(warningsOf(other)).toEqual(warningsOf(merged));
  });
});
