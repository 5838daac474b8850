/** A disk that is soon full. */
import { execFileSync } from 'node:child_process';
import { onTestFinished, type TestContext } from 'vitest';
import { temporaryFolder } from './temporary-folder.js';

/** Mounts a file system of this size in memory, in a folder that is there; skips the test where that is not allowed. */
export function mountSmallDisk(context: TestContext, megabytes: number, folder = temporaryFolder()): string {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    context.skip('mounting a small file system takes root on Linux');
  }
  onTestFinished(() => {
    execFileSync('umount', [folder]);
  });
  return folder;
}
