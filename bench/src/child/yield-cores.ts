import { existsSync, readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Between the services, which are measured, and the producer, which stands for many machines. */
const NICENESS = 5;

/**
 * Has a server give way to the services. In a deployment it has cores of its own; here its threads would stand between the ledger's
 * event loop and a core, and be measured as a block of that loop. What it starts later inherits it.
 */
export function yieldCores(pid: number): void {
  // On Linux a priority is a thread's (setpriority(2), "C library/kernel differences").
  const tasks = `/proc/${String(pid)}/task`;
  const threads = existsSync(tasks) ? readdirSync(tasks).map(Number) : [pid];
  for (const thread of threads) setPriority(thread, NICENESS);
}
