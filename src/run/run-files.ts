/** The files of a run: two lists, as workers number them, and whether inputs stayed as they were planned with. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { M2MergeError } from '../errors.js';
import type { RemoteFile } from '../hub/range.js';
import { type FileVersion, isSameVersion, versionOf } from '../io/file-version.js';
import type { Plan, PreparedMerge } from '../plan/plan.js';
import type { InputFile } from './files.js';
import type { OutputFolder } from './output-folder.js';
import type { Variant } from './scheduled-tensor.js';

/** How a plan's tensors are cut. */
export type Cut = (plan: Plan) => Variant['layOut'];

/** A merge, and where its weights go if they are written. */
interface FilesOfMerge {
  readonly prepared: PreparedMerge;
  readonly output: OutputFolder | undefined;
}

export class RunFiles {
  /** An input that several merges share is there once. */
  readonly inputs: InputFile[] = [];
  readonly outputs: string[] = [];
  readonly #numbers = new Map<string, number>();

  add({ prepared: { plan, paths, versions, rowRuns }, output }: FilesOfMerge, index: number, cut: Cut): Variant {
    const numbers = paths.map((files, input) => files.map((path, file) => this.#number(path, versions[input]![file])));
    const firstOutput = output && this.outputs.length;
    if (output !== undefined) this.outputs.push(...plan.shards.map(({ name }) => join(output.workPath, name)));
    const fileIndex: Variant['fileIndex'] = ({ input, file }) => numbers[input]![file]!;
    return { plan, rowRuns, index, firstOutput, layOut: cut(plan), fileIndex };
  }

  /** Those of the files, by number, that are not on this machine. */
  remote(files: ReadonlyMap<string, RemoteFile>): ReadonlyMap<number, RemoteFile> {
    return new Map(
      [...files].flatMap(([path, file]) => {
        const number = this.#numbers.get(path);
        return number === undefined ? [] : [[number, file] as const];
      }),
    );
  }

  /**
   * Throws `input-changed` for one that was written to since its header was read. One whose name another has taken is as
   * good as before: workers that have it open read on in the old one, and others find out when they open it.
   */
  async checkUnchanged(): Promise<void> {
    await Promise.all(
      this.inputs.map(async ({ path, version }) => {
        if (version === undefined) return;
        const stats = await stat(path, { bigint: true }).catch(() => undefined);
        if (stats === undefined) return;
        const now = versionOf(stats);
        if (now.inode === version.inode && !isSameVersion(now, version)) {
          throw new M2MergeError('input-changed', { path });
        }
      }),
    );
  }

  #number(path: string, version: FileVersion | undefined): number {
    const known = this.#numbers.get(path);
    if (known !== undefined) return known;
    this.#numbers.set(path, this.inputs.length);
    return this.inputs.push(version === undefined ? { path } : { path, version }) - 1;
  }
}
