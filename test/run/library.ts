/** The built package as its users import it: worker threads and kernels are found beside the compiled code only. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { REPOSITORY } from '../support/cli.js';

export const library = (await import(
  pathToFileURL(join(REPOSITORY, 'dist/src/index.js')).href
)) as typeof import('../../src/index.js');
