import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatGeometryHtml } from '../../src/report/geometry-html.js';
import { EXPERT_METRICS, formatMetric, PAIR_METRICS } from '../../src/report/geometry-metrics.js';
import { SPECTRAL_EXPERT_METRICS, SPECTRAL_PAIR_METRICS } from '../../src/report/geometry-spectral-metrics.js';
import { expectDrawn, missingBrowser, usePages } from './browser.js';
import { sampleGeometry } from './sample-geometry.js';
import { withSampleSpectra } from './sample-spectra.js';

if (missingBrowser !== undefined) console.warn(`geometry.html is not tested in a browser: ${missingBrowser}`);

const HOSTILE_TENSOR = '<script>alert(1)</script>';
const result = withSampleSpectra(sampleGeometry({ layers: 6, moreTensors: [HOSTILE_TENSOR, '</script>'] }));
const PLOTS = ['heat-left', 'heat-right', 'lines', 'map', 'spectra', 'overlap', 'ulps', 'merge-plot'];

/** WCAG contrast of each number on a heat map with its cell, from the colours that the browser computes. */
const CONTRASTS_OF_CELLS = `(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const luminance = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...canvas.getImageData(0, 0, 1, 1).data].map((byte) => {
      const value = byte / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const panel = getComputedStyle(document.querySelector('.panel')).backgroundColor;
  return [...document.querySelectorAll('svg .cell-text')].map((text) => {
    const fill = getComputedStyle(text.previousElementSibling).fill;
    const both = [getComputedStyle(text).fill, fill === 'none' ? panel : fill].map(luminance);
    return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
  });
})()`;

describe.skipIf(missingBrowser !== undefined)('geometry.html in a browser', () => {
  const pages = usePages();
  let url: string;

  beforeAll(async () => {
    url = await pages.write('geometry.html', formatGeometryHtml(result));
  });

  /** Texts of all cells of a table, by row. */
  const cellsOf = (page: Page, id: string): Promise<string[][]> =>
    page
      .locator(`#${id} tbody tr`)
      .evaluateAll((rows) => rows.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent ?? '')));

  it.each([400, 1280])('draws every panel at %i pixels, without errors, requests or sideways scrolling', (width) =>
    expectDrawn(pages, url, width, PLOTS),
  );

  it('shows the numbers of the chosen scope as the other renderings write them', async () => {
    const { page } = await pages.open(url, 1280);
    const cells = async (id: string, row: number) => (await cellsOf(page, id))[row]!;
    for (const [choice, scope] of [
      ['global:Whole model', result.global],
      ['layer:3', result.layers['3']!],
      ['module:gate', result.modules.gate!],
      ['module:norm', result.modules.norm!],
    ] as const) {
      await page.selectOption('#scope', choice);
      const code = scope.experts.code!;
      const shown = await cells('experts', 1);
      expect(shown.slice(0, 6)).toEqual([
        'code',
        ...(
          ['changed_fraction', 'changed_fraction_absolute', 'norm', 'relative_norm', 'displacement_ratio'] as const
        ).map((key) => formatMetric(EXPERT_METRICS[key].unit, code[key])),
      ]);
      const pair = scope.pairs['math|science']!;
      expect((await cells('pairs', 1)).slice(0, 3)).toEqual([
        'math – science',
        formatMetric(PAIR_METRICS.cosine.unit, pair.cosine),
        formatMetric(PAIR_METRICS.sign_flip_z.unit, pair.sign_flip_z),
      ]);
      const texts = await page.locator('#heat-left svg .cell-text').allTextContents();
      expect(texts[2]).toBe(formatMetric('milli', pair.cosine));
    }
  });

  it('shows spectra of the chosen scope, and none where no matrix has one', async () => {
    const { page } = await pages.open(url, 1280);
    for (const [choice, { spectral, pairs }] of [
      ['global:Whole model', result.global],
      ['layer:4', result.layers['4']!],
      ['module:down', result.modules.down!],
    ] as const) {
      await page.selectOption('#scope', choice);
      expect(await page.locator('#spectra-count').textContent()).toBe(`Of ${spectral!.matrices} matrices.`);
      const science = spectral!.experts.science!;
      expect((await cellsOf(page, 'spectra-experts'))[2]).toEqual([
        'science',
        ...(['stable_rank', 'head_share', 'leading_share', 'spectral_shift', 'left_angle', 'right_angle'] as const).map(
          (key) => formatMetric(SPECTRAL_EXPERT_METRICS[key].unit, science[key]),
        ),
      ]);
      expect((await cellsOf(page, 'spectra-pairs'))[1]).toEqual([
        'math – science',
        formatMetric('milli', pairs['math|science']!.cosine),
        formatMetric('milli', spectral!.pairs['math|science']!.head_cosine),
        formatMetric('milli', spectral!.pairs['math|science']!.tail_cosine),
      ]);
    }
    await page.selectOption('#scope', 'module:norm');
    expect(await page.locator('#spectra-count').textContent()).toBe('No matrix with a spectrum here.');
    expect((await cellsOf(page, 'spectra-experts'))[0]).toEqual(['math', ...Array(6).fill('–')]);
  });

  it('maps every spectral metric over kinds of module and layers, with the same numbers in a table', async () => {
    const { page, log } = await pages.open(url, 1280);
    const modules = ['embed', 'q', 'k', 'v', 'o', 'gate', 'up', 'down', 'other'];
    const scopes = [
      ...modules.map((name) => [`module ${name}`, result.modules[name]!] as const),
      ...Object.entries(result.layers).map(([name, layer]) => [`layer ${name}`, layer] as const),
    ];
    const numbersOf = (record: object) => Object.values(record);
    for (const [kind, metrics] of [
      ['expert', SPECTRAL_EXPERT_METRICS],
      ['pair', SPECTRAL_PAIR_METRICS],
    ] as const) {
      for (const [key, { unit }] of Object.entries(metrics)) {
        await page.selectOption('#metric-spectra', `${kind}:${key}`);
        const expected = scopes.map(([title, { spectral }]) => [
          title,
          ...numbersOf(spectral![`${kind}s`]).map((numbers) => formatMetric(unit, numbers[key])),
        ]);
        expect(await cellsOf(page, 'spectra-table'), key).toEqual(expected);
        const drawn = await page.locator('#spectra svg .cell-text').allTextContents();
        expect(drawn.sort(), key).toEqual(expected.flatMap(([, ...numbers]) => numbers).sort());
      }
    }
    await page.locator('#spectra svg [data-row="0"][data-column="0"]').first().focus();
    await page.keyboard.press('ArrowRight');
    expect(await page.locator('#tip').textContent()).toContain('math – code, module q');
    expect(log.complaints).toEqual([]);
  });

  it('writes numbers on heat maps with enough contrast, light and dark', async () => {
    const { page } = await pages.open(url, 1280);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      const contrasts = (await page.evaluate(CONTRASTS_OF_CELLS)) as number[];
      expect(contrasts.length).toBeGreaterThan(50);
      expect(Math.min(...contrasts)).toBeGreaterThan(3.8);
    }
  });

  it('redraws for another metric, expert and series', async () => {
    const { page, log } = await pages.open(url, 1280);
    const first = await page.locator('#heat-right svg').innerHTML();
    await page.selectOption('#metric-right', 'sign_conflict_on_overlap');
    expect(await page.locator('#heat-right svg').innerHTML()).not.toBe(first);
    const choices = await page
      .locator('#metric-lines option')
      .evaluateAll((nodes) => nodes.map((node) => node.getAttribute('value')!));
    expect(choices).toEqual(
      expect.arrayContaining(['expert:norm', 'pair:cosine', 'group:conflict_mass', 'hotspot:jaccard']),
    );
    for (const choice of choices) {
      await page.selectOption('#metric-lines', choice);
      expect(await page.locator('#lines svg path.series').count(), choice).toBeGreaterThan(0);
    }
    await page.selectOption('#metric-lines', 'expert:norm');
    expect(await page.locator('#lines svg path.series').count()).toBe(4);
    await page.locator('#lines .legend button').nth(1).click();
    expect(await page.locator('#lines svg path.series').count()).toBe(3);
    const map = await page.locator('#map svg').innerHTML();
    await page.selectOption('#map-expert', '2');
    expect(await page.locator('#map svg').innerHTML()).not.toBe(map);
    expect(log.complaints).toEqual([]);
  });

  it('sorts and filters tensors, and keeps a hostile name as text', async () => {
    const { page, log } = await pages.open(url, 1280);
    const names = () => page.locator('#tensors tbody td:first-child').allTextContents();
    expect(await names()).toContain(HOSTILE_TENSOR);
    expect(await names()).toHaveLength(50);
    await page.locator('#more').click();
    expect(await names()).toHaveLength(Object.keys(result.tensors).length);
    const share = (name: string): number => result.tensors[name]!.experts.math!.changed_fraction;
    const header = page.locator('#tensors thead button', { hasText: /^changed/ });
    await header.click();
    expect(await page.locator('#tensors th[aria-sort]').getAttribute('aria-sort')).toBe('descending');
    const descending = (await names()).map(share);
    expect(descending).toEqual([...descending].sort((a, b) => b - a));
    await page.keyboard.press('Enter');
    expect(await page.locator('#tensors th[aria-sort]').getAttribute('aria-sort')).toBe('ascending');
    const ascending = (await names()).map(share);
    expect(ascending).toEqual([...ascending].sort((a, b) => a - b));
    await page.fill('#tensor-filter', 'layers.2.mlp');
    expect((await names()).every((name) => name.includes('layers.2.mlp'))).toBe(true);
    expect(await names()).toHaveLength(3);
    expect(log.complaints).toEqual([]);
  });

  it('moves between cells with arrow keys, and chooses a layer with Enter', async () => {
    const { page } = await pages.open(url, 1280);
    await page.locator('#heat-left svg [data-row="0"][data-column="0"]').focus();
    await page.keyboard.press('ArrowRight');
    const tip = page.locator('#tip');
    expect(await tip.textContent()).toContain('math – code');
    expect(await tip.isVisible()).toBe(true);
    await page.keyboard.press('Escape');
    expect(await tip.isVisible()).toBe(false);
    await page.locator('#lines svg [data-column="0"]').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    expect(await page.locator('#scope').inputValue()).toBe('layer:1');
  });

  it('follows the system theme until the button is used, and prints light', async () => {
    const { page } = await pages.open(url, 1280);
    const background = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    const light = await background();
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await background();
    expect(dark).not.toBe(light);
    await page.locator('#theme').click();
    expect(await background()).toBe(light);
    await page.locator('#theme').click();
    expect(await background()).toBe(dark);
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    expect(await background()).toBe(light);
  });

  it('opens for one expert, for a group without layers, and for nine experts', async () => {
    for (const options of [
      { layers: 1, experts: ['only'], merged: false },
      { layers: 0, moreTensors: ['a', 'b'] },
      { layers: 2, experts: Array.from({ length: 9 }, (_, i) => `expert-with-a-long-name-${i}`) },
    ]) {
      const special = await pages.write('special.html', formatGeometryHtml(withSampleSpectra(sampleGeometry(options))));
      const { page, log } = await pages.open(special, 400);
      expect(await page.locator('html').getAttribute('data-ready')).toBe('yes');
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      expect(await page.locator('h3', { hasText: /pairs/i }).count()).toBe(options.experts?.length === 1 ? 0 : 2);
      expect(log).toEqual({ complaints: [], requests: [] });
    }
  });

  it('keeps the names of rows in view while a table is scrolled sideways, and leaves room for numbers', async () => {
    const { page } = await pages.open(url, 400);
    for (const id of ['experts', 'tensors']) {
      const table = page.locator(`#${id}`);
      await table.evaluate((node) => node.scrollTo(200, 0));
      expect(await table.evaluate((node) => node.scrollLeft), id).toBe(200);
      const [frame, name] = [(await table.boundingBox())!, (await table.locator('tbody td').first().boundingBox())!];
      expect(name.x, id).toBeCloseTo(frame.x, 0);
      expect(name.width, id).toBeLessThan(frame.width / 2);
    }
  });

  it('tells pairs of long names apart', async () => {
    const experts = ['reinforced-on-mathematics', 'reinforced-on-python-code', 'reinforced-on-chemistry'];
    const long = await pages.write(
      'long.html',
      formatGeometryHtml(withSampleSpectra(sampleGeometry({ layers: 2, experts }))),
    );
    for (const width of [400, 1280]) {
      const { page } = await pages.open(long, width);
      const rows = await page.locator('#spectra svg').first().locator('text[text-anchor=end]').allTextContents();
      expect(rows).toHaveLength(3);
      expect(new Set(rows).size).toBe(3);
    }
  });
});
