import { readFileSync, readdirSync } from 'node:fs';

/** Reads what Linux tells of processes (proc(5)). */

// USER_HZ is 100 on every Linux that Node runs on.
const TICKS_A_SECOND = 100;
const KIB_A_MIB = 1024;

interface Stat {
  readonly parent: number;
  readonly ownTicks: number;
  /** Of children that ended and were waited for. */
  readonly endedChildrenTicks: number;
}

function statOf(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // It ended meanwhile.
    return undefined;
  }
  // The name in parentheses may hold spaces; fields after it are counted from field 3, the state.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number);
  return { parent: fields[1]!, ownTicks: fields[11]! + fields[12]!, endedChildrenTicks: fields[13]! + fields[14]! };
}

/** CPU seconds that a process and all its children took so far, threads included. */
export function cpuSeconds(pid: number): number {
  const root = statOf(pid);
  if (root === undefined) return 0;
  let ticks = root.ownTicks + root.endedChildrenTicks;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const child = statOf(Number(name));
    if (child?.parent === pid) ticks += child.ownTicks;
  }
  return ticks / TICKS_A_SECOND;
}

/** Resident memory of one process. */
export function rssMib(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / KIB_A_MIB;
}
