// Removes what builds and runs make.
import { rmSync } from 'node:fs';

for (const folder of ['dist', 'merged', 'coverage']) rmSync(folder, { recursive: true, force: true });
