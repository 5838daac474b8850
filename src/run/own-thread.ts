/** Takes the place of a worker for a small run: starting a thread takes longer than the work. */
import { Desk, type DeskEnds } from './desk.js';
import { END, type PoolMessage } from './task.js';

export class OwnThread {
  readonly #desk: Desk;
  /** Resolves when the files are closed, or when there will be none. */
  readonly exit: Promise<void>;
  /** What the desk has not been given yet. */
  #messages: PoolMessage[] = [];

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

  /** Each message is taken in a turn of its own of the event loop, so that signals and progress come between tasks. */
  post(message: PoolMessage): void {
    // Nobody waits any longer for tasks that are held when the end comes.
    if (message === END) this.#messages = [];
    this.#messages.push(message);
    if (this.#messages.length === 1) this.#awaitTurn();
  }

  /** Drops what is held and closes the files; does nothing the second time. */
  terminate(): Promise<void> {
    this.#messages = [];
    return this.#desk.close();
  }

  #awaitTurn(): void {
    setImmediate(() => {
      const message = this.#messages.shift();
      if (message === undefined) return;
      this.#desk.take(message);
      if (this.#messages.length > 0) this.#awaitTurn();
    });
  }
}
