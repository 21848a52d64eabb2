import { writeFileSync } from 'node:fs';
import type { Logger } from './logger.js';

/** Which memory a core dump holds: core(5), "Controlling which mappings are written to the core dump". */
const COREDUMP_FILTER = '/proc/self/coredump_filter';
/** Options of Node that write memory to a file; Node takes an underscore for a hyphen. */
const TELLING = /--heap(snapshot[-_]|[-_]prof)[a-z_-]*/;

/** An option that would let memory out. Its code is for alerts and tests. */
export class MemoryExposedError extends Error {
  override readonly name = 'MemoryExposedError';
  readonly code = 'MEMORY_EXPOSED';
}

export interface KeepMemoryPrivateOptions {
  readonly log: Pick<Logger, 'fatal' | 'warn'>;
  /** Arguments of Node itself, and `NODE_OPTIONS`. Default: this process's. */
  readonly nodeArguments?: readonly string[];
  readonly exit?: (code: number) => void;
  /** Default: this process's own. */
  readonly coredumpFilter?: string;
}

/**
 * Whoever has keys or facts about persons in memory leaves neither when it crashes:
 * - a core dump, wherever the machine sends it, holds none of this process's memory (Linux with /proc; elsewhere,
 *   of which it warns, and for the registers, the deployment forbids core dumps);
 * - Node writes no diagnostic report, whatever its options say;
 * - an error that nobody caught is logged by what errors may tell, not with all its fields: a database's error carries the row
 *   that it stumbled over.
 * Call it first. Throws MEMORY_EXPOSED for options of Node that write memory to files.
 */
export function keepMemoryPrivate({
  log,
  nodeArguments = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''],
  exit = (code) => process.exit(code),
  coredumpFilter = COREDUMP_FILTER,
}: KeepMemoryPrivateOptions): void {
  const telling = TELLING.exec(nodeArguments.join(' '));
  if (telling !== null) throw new MemoryExposedError(`${telling[0]} writes the memory of this process to a file, and keys lie in it: take it from Node's options`);
  keepOutOfCoreDumps(coredumpFilter, log);
  Object.assign(process.report, { reportOnFatalError: false, reportOnSignal: false, reportOnUncaughtException: false, excludeEnv: true, excludeNetwork: true });
  const crash = (what: string) => (error: unknown): void => {
    log.fatal({ err: error }, what);
    exit(1);
  };
  process.on('uncaughtException', crash('uncaught exception'));
  process.on('unhandledRejection', crash('unhandled rejection'));
}

/**
 * Where there is no such file (not Linux, gVisor, a hidden or read-only /proc) a service still runs: refusing to would leave those machines
 * without it, and there only the deployment can forbid core dumps.
 */
function keepOutOfCoreDumps(filter: string, log: Pick<Logger, 'warn'>): void {
  try {
    writeFileSync(filter, '0', { flag: 'r+' });
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code;
    log.warn({ code: 'CORE_DUMPS_UNGUARDED', reason, file: filter }, 'this machine does not let a process keep its memory out of core dumps: forbid core dumps altogether');
  }
}
