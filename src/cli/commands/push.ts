import { M2MergeError } from '../../errors.js';
import { readHubEnvironment } from '../../hub/environment.js';
import { Push } from '../../hub/push.js';
import { collectForTransfers } from '../garbage.js';
import { listenForSignals } from '../interruption.js';
import { createPushEvents, createPushText } from '../push-reporter.js';

/** How to push, as commander hands it over. */
export interface PushSettings {
  readonly private?: boolean;
  readonly branch?: string;
  readonly createPr?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export interface PushCommandOptions extends PushSettings {
  readonly message?: string;
}

/** A push that is prepared; see `preparePush`. */
export interface PreparedPush {
  run(folder: string): Promise<void>;
}

/** Pushes a folder; progress on stderr, the result on stdout (or everything as JSON events). */
export async function pushCommand(folder: string, repo: string, options: PushCommandOptions): Promise<void> {
  const interruption = listenForSignals(true);
  try {
    await preparePush(repo, options, interruption.signal, options.message).run(folder);
  } finally {
    interruption.close();
  }
}

/** A push for after a merge, checked before it as far as can be: hours later it is a pity to lack a token. */
export async function preparePushOfMerge(
  repo: string | undefined,
  options: PushSettings,
  signal: AbortSignal | undefined,
): Promise<PreparedPush | undefined> {
  if (repo !== undefined) {
    const push = preparePush(repo, options, signal, 'Merge made with m2merge');
    await push.check();
    return push;
  }
  const flag = options.private ? '--private' : options.createPr ? '--create-pr' : options.branch && '--branch';
  if (flag) throw new M2MergeError('usage', { message: `${flag} goes with --push`, hint: 'as in --push org/name' });
  return undefined;
}

function preparePush(repo: string, options: PushSettings, signal: AbortSignal | undefined, title: string | undefined) {
  if (options.createPr && options.branch !== undefined) {
    throw new M2MergeError('usage', { message: '--create-pr makes a branch of its own; leave out --branch' });
  }
  const reporter = options.json ? createPushEvents() : createPushText(options.quiet ?? false);
  const push = new Push(readHubEnvironment(), repo, {
    private: options.private ?? false,
    createPr: options.createPr ?? false,
    ...(options.branch === undefined ? {} : { branch: options.branch }),
    ...(title === undefined ? {} : { title }),
    signal,
    onProgress: (progress) => reporter.progress(progress),
    onWait: (milliseconds, reason) => reporter.waiting(milliseconds, reason),
  });
  return {
    check: () => push.check(),
    async run(folder: string): Promise<void> {
      collectForTransfers();
      try {
        reporter.finished(await push.run(folder));
      } finally {
        reporter.close();
      }
    },
  };
}
