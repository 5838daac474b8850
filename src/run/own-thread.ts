/** Takes the place of a worker for a small run: starting a thread takes longer than the work. */
import { Desk, type DeskEnds } from './desk.js';
import type { PoolMessage } from './task.js';

export class OwnThread {
  readonly #desk: Desk;
  /** Resolves when the files are closed, or when there will be none. */
  readonly exit: Promise<void>;

  constructor({ reply, fail }: Pick<DeskEnds, 'reply' | 'fail'>) {
    let close = (): void => {};
    this.exit = new Promise((resolve) => {
      close = resolve;
    });
    const failAndClose = (error: unknown): void => {
      fail(error);
      close();
    };
    this.#desk = new Desk({ reply, fail: failAndClose, close });
  }

  /** The message is taken in a turn of its own of the event loop, so that signals and progress come between tasks. */
  post(message: PoolMessage): void {
    setImmediate(() => this.#desk.take(message));
  }

  /** Closes the files at once; does nothing the second time. */
  terminate(): Promise<void> {
    return this.#desk.close();
  }
}
