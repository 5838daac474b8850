/** The version of this package, read from its package.json so that it stands in one place. */
import { createRequire } from 'node:module';

const { version } = createRequire(import.meta.url)('m2merge/package.json') as { version: string };

export const VERSION: string = version;
