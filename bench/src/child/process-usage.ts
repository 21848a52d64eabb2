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

/** CPU seconds that a process and all its descendants took so far, threads and ended children included. */
export function cpuSeconds(pid: number): number {
  const stats = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (stat !== undefined) stats.set(Number(name), stat);
  }
  const descends = (one: number): boolean => one === pid || (stats.has(one) && descends(stats.get(one)!.parent));
  let ticks = 0;
  for (const [one, { ownTicks, endedChildrenTicks }] of stats) if (descends(one)) ticks += ownTicks + endedChildrenTicks;
  return ticks / TICKS_A_SECOND;
}

/** CPU seconds that the whole machine spent on anything so far; a virtual machine's stolen time counts as spent. */
export function machineCpuSeconds(): number {
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8').split('\n')[0]!.split(/\s+/).slice(1).map(Number);
  return (user! + nice! + system! + irq! + softirq! + steal!) / TICKS_A_SECOND;
}

/** Resident memory of one process. */
export function rssMib(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) / KIB_A_MIB;
}
