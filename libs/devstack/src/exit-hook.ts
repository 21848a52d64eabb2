import { signal } from './process-file.js';

const running = new Map<number, NodeJS.Signals>();

process.on('exit', () => {
  for (const [pid, name] of running) signal(pid, name);
});

/** Sends the signal to the process when this one exits without having stopped it. Returns the way to call it off. */
export function killAtExit(pid: number, name: NodeJS.Signals): () => void {
  running.set(pid, name);
  return () => running.delete(pid);
}
