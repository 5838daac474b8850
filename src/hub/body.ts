/** Bodies of answers, read without waiting for ever. */

/**
 * The chunks of a body as they come. Throws when nothing comes for `idleTimeout` milliseconds, and what fetch throws
 * when the connection breaks. Whoever stops reading early ends the transfer.
 */
export async function* chunksOf(response: Response, idleTimeout: number): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await withinTime(reader.read(), idleTimeout);
      if (done) return;
      yield value;
    }
  } finally {
    // Of a body that is at its end, this does nothing.
    await reader.cancel().catch(() => {});
  }
}

/** Ends an answer whose body is not wanted, so that its connection can be used again. */
export async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => {});
}

async function withinTime<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no data for ${milliseconds / 1000} seconds`)), milliseconds);
  });
  try {
    return await Promise.race([work, silence]);
  } finally {
    clearTimeout(timer);
  }
}
