/** Bodies of answers, read without waiting for ever. */
import { NodeResponse } from './node-get.js';

/**
 * The chunks of a body as they come. Throws when nothing comes for `idleTimeout` milliseconds, and what fetch throws
 * when the connection breaks. Whoever stops reading early ends the transfer.
 */
export async function* chunksOf(response: Response, idleTimeout: number): AsyncGenerator<Uint8Array> {
  const reading = response instanceof NodeResponse ? readNode(response) : readWeb(response);
  let waiting = false;
  const timer = setTimeout(() => {
    if (waiting) reading.fail(new Error(`no data for ${idleTimeout / 1000} seconds`));
    else timer.refresh();
  }, idleTimeout);
  try {
    for (;;) {
      waiting = true;
      timer.refresh();
      const chunk = await reading.next();
      waiting = false;
      if (chunk === undefined) return;
      yield chunk;
    }
  } finally {
    clearTimeout(timer);
    await reading.end();
  }
}

/** A body being read. */
interface Reading {
  /** The next chunk; undefined at the end. */
  next(): Promise<Uint8Array | undefined>;
  /** Lets `next` reject. */
  fail(error: Error): void;
  /** Ends the transfer; at the end of the body, does nothing. */
  end(): Promise<void>;
}

function readNode({ stream }: NodeResponse): Reading {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  return {
    next: async () => (await chunks.next()).value as Uint8Array | undefined,
    fail: (error) => void stream.destroy(error),
    end: async () => {
      stream.destroy();
    },
  };
}

function readWeb({ body }: Response): Reading {
  const reader = body?.getReader();
  let fail: (error: Error) => void = () => {};
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failure.catch(() => {});
  return {
    next: async () => (reader === undefined ? undefined : (await Promise.race([reader.read(), failure])).value),
    fail,
    end: async () => reader?.cancel().catch(() => {}),
  };
}

/** Ends an answer whose body is not wanted, so that its connection can be used again. */
export async function discard(response: Response): Promise<void> {
  if (response instanceof NodeResponse) response.discard();
  else await response.body?.cancel().catch(() => {});
}
