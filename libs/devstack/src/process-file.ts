import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
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

/** Live processes whose working folder is `folder` (Linux): all of a PostgreSQL cluster's, orphaned ones too. */
export function processesIn(folder: string): number[] {
  if (process.platform !== 'linux') return [];
  const isThere = (pid: number): boolean => {
    try {
      return readlinkSync(`/proc/${String(pid)}/cwd`) === folder && commandLine(pid) !== undefined;
    } catch {
      return false;
    }
  };
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter(isThere);
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

/** As a machine fails: SIGKILL to every process that works in `folder`, while others of them come and go. */
export function killIn(folder: string): void {
  for (const pid of processesIn(folder)) signal(pid, 'SIGKILL');
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

/** Resolves when every thread of a process stands still (Linux; at once elsewhere): SIGSTOP was sent, and until then they may still answer. */
export async function waitStopped(pid: number, timeoutMs: number): Promise<boolean> {
  const until = performance.now() + timeoutMs;
  while (!isStopped(pid)) {
    if (performance.now() > until) return false;
    await sleep(POLL_MS);
  }
  return true;
}

function isStopped(pid: number): boolean {
  if (process.platform !== 'linux') return true;
  const tasks = `/proc/${String(pid)}/task`;
  // proc_pid_stat(5): the state follows the name, which stands in parentheses and may hold some itself.
  return readdirSync(tasks).every((task) => readFileSync(`${tasks}/${task}/stat`, 'utf8').replace(/^.*\) /s, '').startsWith('T'));
}

/** Sends each signal in turn, waiting its time for the process to end. A frozen process is woken to get it. */
export async function endProcess(pid: number, steps: readonly (readonly [NodeJS.Signals, number])[]): Promise<void> {
  for (const [name, timeoutMs] of steps) {
    if (commandLine(pid) === undefined) return;
    signal(pid, name);
    signal(pid, 'SIGCONT');
    if (await waitGone(pid, timeoutMs)) return;
  }
  throw new Error(`process ${String(pid)} does not end`);
}
