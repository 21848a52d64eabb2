import { pbkdf2Sync } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/** Derives when it is told to, and says so. The message: iterations. */
parentPort?.on('message', (iterations: number) => {
  pbkdf2Sync('correct horse battery staple', 'sixteen bytes of', iterations, 32, 'sha256');
  parentPort?.postMessage(undefined);
});
