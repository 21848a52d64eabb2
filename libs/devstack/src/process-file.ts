import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 15;

/** Command line of a live process, arguments joined by one space; undefined when no such process runs. */
export function commandLine(pid: number): string | undefined {
  try {
    const raw = readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8');
    // A zombie has an empty command line: it holds no port and no file any more.
    return raw === '' ? undefined : raw.replaceAll('\0', ' ').trim();
  } catch {
    if (process.platform === 'linux') return undefined;
    const ps = spawnSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' });
    const line = ps.status === 0 ? ps.stdout.trim() : '';
    return line === '' ? undefined : line;
  }
}

/** Direct children of a process (Linux). */
export function childPids(pid: number): number[] {
  try {
    return readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8')
      .split(' ')
      .filter((part) => part.trim() !== '')
      .map(Number);
  } catch {
    return [];
  }
}

/** Sends a signal; false when the process is gone already. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Resolves true when the process is gone, false when it still runs after `timeoutMs`. */
export async function waitGone(pid: number, timeoutMs: number): Promise<boolean> {
  const until = performance.now() + timeoutMs;
  while (commandLine(pid) !== undefined) {
    if (performance.now() > until) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Sends each signal in turn, waiting its time for the process to end. Frozen processes are woken first. */
export async function endProcess(pid: number, steps: readonly (readonly [NodeJS.Signals, number])[]): Promise<void> {
  for (const [name, timeoutMs] of steps) {
    if (commandLine(pid) === undefined) return;
    signal(pid, name);
    signal(pid, 'SIGCONT');
    if (await waitGone(pid, timeoutMs)) return;
  }
  throw new Error(`process ${String(pid)} does not end`);
}
