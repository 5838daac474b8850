/** The renderings of a geometry that are written side by side. */
import { GEOMETRY_FILE } from '../checkpoint/side-files.js';
import type { GeometryResult } from '../geometry/result.js';
import { formatGeometryHtml } from './geometry-html.js';
import { geometryJsonPieces } from './geometry-json.js';
import { formatGeometryMarkdown } from './geometry-markdown.js';
import { REPORT_PAGE } from './report-page.js';

/** Hands `geometry.json`, `geometry.md` and `geometry.html` to `write`. */
export async function writeReport(
  result: GeometryResult,
  write: (name: string, text: string | Iterable<string>) => Promise<void>,
): Promise<void> {
  await write(GEOMETRY_FILE, geometryJsonPieces(result));
  await write('geometry.md', formatGeometryMarkdown(result));
  await write(REPORT_PAGE, formatGeometryHtml(result));
}
