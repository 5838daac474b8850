/** sweep.html as a reader meets it: in a headless Chromium, where one is installed. */
import { beforeAll, describe, expect, it } from 'vitest';
import { formatSweepHtml } from '../../src/report/sweep-html.js';
import { expectDrawn, missingBrowser, usePages } from './browser.js';
import { HOSTILE, sampleSweep } from './sample-sweep.js';

const PLOTS = ['against', 'domains', 'front', 'geometry', 'parallel'];

describe.skipIf(missingBrowser !== undefined)('sweep.html in a browser', () => {
  const pages = usePages();
  let url: string;

  beforeAll(async () => {
    url = await pages.write('sweep.html', formatSweepHtml(sampleSweep));
  });

  it.each([400, 1280])('draws every panel at %i pixels, without errors, requests or sideways scrolling', (width) =>
    expectDrawn(pages, url, width, PLOTS),
  );

  it('shows every variant, best first, with what is known of it, and keeps names as text', async () => {
    const { page } = await pages.open(url, 1280);
    const heads = await page.locator('#variants thead button').allTextContents();
    const rows = await page
      .locator('#variants tbody tr')
      .evaluateAll((nodes) => nodes.map((node) => [...node.querySelectorAll('td')].map((cell) => cell.textContent)));
    expect(heads).toContain(HOSTILE);
    expect(rows).toHaveLength(6);
    expect(rows[0]!.slice(0, 6)).toEqual(['★', 'task_arithmetic', '1.0', '66', '72', '60']);
    expect(rows[1]!.slice(0, 4)).toEqual(['◆', HOSTILE, '0.3', '60.5']);
    expect(rows.at(-1)!.at(-1)).toBe(`ended with ${HOSTILE}`);
    expect(rows.find(([, method]) => method === 'linear')![6]).toBe('–');
    expect(await page.locator('h1').textContent()).toBe(`Sweep of ${HOSTILE}`);
  });

  it('redraws for another metric and axis, and joins the Pareto front of the two that are chosen', async () => {
    const { page } = await pages.open(url, 1280);
    const tips = () =>
      page
        .locator('#against svg')
        .first()
        .locator('[data-tip]')
        .evaluateAll((dots) => dots.map((dot) => dot.getAttribute('cy')));
    const before = await tips();
    await page.selectOption('#metric', { label: HOSTILE });
    expect(await tips()).not.toEqual(before);
    const corners = async () => (await page.locator('#front path.series').getAttribute('d'))!.match(/[ML]/g)!.length;
    expect(await corners()).toBe(2);
    await page.selectOption('#front-y', { label: 'math' });
    expect(await corners()).toBe(1);
  });

  it('moves between variants with arrow keys and tells what each is', async () => {
    const { page } = await pages.open(url, 1280);
    await page.locator('#parallel [data-row="0"]').focus();
    expect(await page.locator('#tip').textContent()).toContain('★ task_arithmetic 1.0');
    await page.keyboard.press('ArrowDown');
    expect(await page.locator('#tip').textContent()).toContain(`◆ ${HOSTILE} 0.3`);
    await page.keyboard.press('Escape');
    expect(await page.locator('#tip').isHidden()).toBe(true);
  });

  it('selects and copies the recipe of the winner', async () => {
    const { page } = await pages.open(url, 1280);
    await page.click('#copy');
    expect(await page.evaluate('getSelection().toString().trim()')).toBe(sampleSweep.best_recipe!.trim());
    expect(await page.locator('#copied').textContent()).not.toBe('');
  });

  it('follows the system theme until the button is used', async () => {
    const { page } = await pages.open(url, 1280);
    const background = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    const light = await background();
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await background();
    expect(dark).not.toBe(light);
    await page.click('#theme');
    expect(await background()).toBe(light);
  });

  it('opens for a sweep without metrics, and for one variant', async () => {
    const merged = sampleSweep.rows.map((row) => ({ ...row, status: 'merged' as const, metrics: {} }));
    for (const rows of [merged, merged.slice(0, 1), sampleSweep.rows.slice(0, 1)]) {
      const metrics = rows === merged ? [] : sampleSweep.metrics;
      const result = { ...sampleSweep, rows, metrics, best: null, best_recipe: null, pareto: [] };
      const { page, log } = await pages.open(await pages.write('few.html', formatSweepHtml(result)), 1280);
      expect(await page.locator('html').getAttribute('data-ready')).toBe('yes');
      expect(await page.locator('#variants tbody tr').count()).toBe(rows.length);
      expect(log).toEqual({ complaints: [], requests: [] });
    }
  });

  it('draws the labels of axes over the lines, which would cross them out', async () => {
    const { page } = await pages.open(url, 1280);
    const kinds = await page
      .locator('#parallel svg > .line, #parallel svg > text.muted')
      .evaluateAll((nodes) => nodes.map((node) => node.tagName));
    expect(kinds).toContain('text');
    expect(kinds.lastIndexOf('path')).toBeGreaterThan(0);
    expect(kinds.lastIndexOf('path')).toBeLessThan(kinds.indexOf('text'));
  });
});
