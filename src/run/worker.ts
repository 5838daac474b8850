/** A worker thread: a desk, and the port over which its pool writes to it. */
import { parentPort } from 'node:worker_threads';
import { Desk } from './desk.js';
import type { PoolMessage } from './task.js';

const port = parentPort!;
const desk = new Desk({
  // Results are copied, not transferred: for some hundred kilobytes, detaching buffers costs far more.
  reply: (reply) => port.postMessage(reply),
  // Ends the thread, and tells the pool why.
  fail: (error) => {
    throw error;
  },
  close: () => port.close(),
});
port.on('message', (message: PoolMessage) => desk.take(message));
