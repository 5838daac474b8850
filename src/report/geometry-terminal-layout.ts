/** What the parts of the terminal summary have in common. */
import type { ShortName } from './distinct-names.js';

/** Characters of an expert's name, alone and as one of a pair. */
export const NAME_WIDTH = 12;
export const PAIR_NAME_WIDTH = 10;

/** How wide the summary is, and how it calls its experts. */
export interface Layout {
  readonly width: number;
  readonly shortName: ShortName;
}
