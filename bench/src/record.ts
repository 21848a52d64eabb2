import { appendFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { execFileSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { natsServerProgram } from '@countersign/devstack';
import type { BenchStack } from './stack.js';

const RECORD_FILE = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url));
const GIB = 1024 ** 3;
// Magic numbers of statfs(2) for file systems that forget everything with the power: fsync is free on them.
const MEMORY_FILE_SYSTEMS = new Map([[0x01021994, 'tmpfs'], [0x858458f6, 'ramfs']]);

/** What any measurement runs on. */
export type MeasuredStack = Pick<BenchStack, 'devstack' | 'pool' | 'stop'>;

/** Processor, memory, kernel and Node. */
export function describeHardware(): string[] {
  const processors = cpus();
  return [`${processors[0]?.model.trim() ?? 'unknown processor'}, ${processors.length} cores`, `${(totalmem() / GIB).toFixed(0)} GiB memory`, `Linux ${release()}`, `Node ${process.version}`];
}

/** The machine and the versions, one line. */
export async function describeMachine(stack: MeasuredStack): Promise<string> {
  const { rows } = await stack.pool.query<{ version: string }>("SELECT current_setting('server_version') AS version");
  const nats = execFileSync(natsServerProgram(stack.devstack.stateDir, () => undefined), ['--version'], { encoding: 'utf8' }).trim();
  return [
    ...describeHardware(),
    `PostgreSQL ${rows[0]!.version.split(' ')[0]!}`,
    nats.replace(': v', ' '),
  ].join(', ');
}

/** The name of the file system under `path` when it is one that lies in memory, where every durability figure is worthless. */
export function memoryFileSystem(path: string): string | undefined {
  return MEMORY_FILE_SYSTEMS.get(statfsSync(path).type);
}

export interface BenchRecord {
  readonly startedAt: Date;
  readonly command: string;
  readonly machine: string;
  /** How busy the machine was with other things, as far as that is known. */
  readonly load: string;
  readonly rounds: readonly string[];
  readonly table: string;
}

/** Markdown of one run. */
export function recordText({ startedAt, command, machine, load, rounds, table }: BenchRecord): string {
  const list = rounds.map((round) => `- ${round}`).join('\n');
  return `\n## ${startedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC\n\n\`${command}\` on ${machine}. ${load}\n\n${table}\n\n${list}\n`;
}

/** Adds the run to docs/benchmarks.md. Returns the file's path. */
export function appendRecord(text: string): string {
  appendFileSync(RECORD_FILE, text);
  return RECORD_FILE;
}
