/** How much of a disk models on the Hub will take when they are fetched into the cache. */
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PreparedMerge } from '../plan/plan.js';
import { nearestFolder } from '../run/output-folder.js';

/** Bytes of weight files on the Hub, by the path where they are in the cache or will be. */
export function cachedWeights({ plan, hubFiles, paths }: PreparedMerge): (readonly [path: string, bytes: number])[] {
  return plan.inputs.flatMap(({ files }, input) =>
    files.flatMap(({ byteLength }, file) =>
      hubFiles[input]![file] === undefined ? [] : [[paths[input]![file]!, byteLength] as const],
    ),
  );
}

/** Bytes of those files that are still to come onto the disk on which `folder` is or will be. */
export async function bytesToCome(files: ReadonlyMap<string, number>, folder: string): Promise<number> {
  const { dev } = await stat(await nearestFolder(folder));
  let total = 0;
  for (const [path, bytes] of files) {
    const size = await stat(path).then(
      (entry) => entry.size,
      () => 0,
    );
    if (size === bytes) continue;
    if ((await stat(await nearestFolder(dirname(path)))).dev === dev) total += bytes;
  }
  return total;
}
