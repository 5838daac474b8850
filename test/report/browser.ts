/** A headless Chromium for tests that look at a page as a reader does. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Why the browser tests cannot run here, or undefined when they can. */
export const missingBrowser = existsSync(EXECUTABLE)
  ? undefined
  : `no browser at ${EXECUTABLE}; install Debian's chromium or set CHROMIUM`;

/** Starts the browser; it fetches nothing by itself. */
function launchBrowser(): Promise<Browser> {
  const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  return chromium.launch({
    executablePath: EXECUTABLE,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', ...quiet],
  });
}

/** What the tests of a file share: the browser, and a folder that its pages are written to. */
export interface Pages {
  /** Opens an address at that width, as new; the page is the one of the test before: starting another takes a second. */
  open(url: string, width: number): Promise<{ page: Page; log: PageLog }>;
  /** Writes a page; returns its address. */
  write(name: string, html: string): Promise<string>;
}

/** Starts the browser before the tests of a group, and ends it after them. */
export function usePages(): Pages {
  let browser: Browser | undefined;
  let page: Page;
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'm2merge-page-'));
    browser = await launchBrowser();
    page = await browser.newPage();
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    async open(url, width) {
      page.removeAllListeners();
      await page.emulateMedia({ media: null, colorScheme: null });
      await page.setViewportSize({ width, height: 900 });
      return { page, log: await openPage(page, url) };
    },
    async write(name, html) {
      await writeFile(join(folder, name), html);
      return pathToFileURL(join(folder, name)).href;
    },
  };
}

/** Everything that a page complained about or asked for beyond itself. */
export interface PageLog {
  readonly complaints: string[];
  readonly requests: string[];
}

/** Opens the file in the page and notes what it says from then on. */
async function openPage(page: Page, url: string): Promise<PageLog> {
  const log: PageLog = { complaints: [], requests: [] };
  page.on('console', (message) => log.complaints.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => log.complaints.push(String(error)));
  page.on('dialog', (dialog) => {
    log.complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (request.url() !== url) log.requests.push(request.url());
  });
  await page.goto(url);
  return log;
}

/** Opens the file at that width and expects every plot drawn, no error, no request, and nothing to scroll sideways. */
export async function expectDrawn(pages: Pages, url: string, width: number, plots: readonly string[]): Promise<void> {
  const { page, log } = await pages.open(url, width);
  expect(await page.locator('html').getAttribute('data-ready')).toBe('yes');
  for (const id of plots) {
    const box = await page.locator(`#${id} svg`).first().boundingBox();
    expect(box?.width, id).toBeGreaterThan(100);
    expect(await page.locator(`#${id} svg [data-tip]`).count(), id).toBeGreaterThan(1);
  }
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  const drawn = await page.locator('svg, table').evaluateAll((nodes) => nodes.map((node) => node.outerHTML).join(''));
  expect(drawn).not.toMatch(/NaN|undefined|Infinity/);
  expect(log).toEqual({ complaints: [], requests: [] });
}
