import { join } from 'node:path';
import { openEmitter } from '@countersign/client';
import type { Emitter } from '@countersign/client';
import { CliError, EXIT } from '../exit-code.js';
import type { Progress } from '../progress.js';
import { openBus } from '../send/open-sender.js';
import type { RunningStack } from '../stack/start-stack.js';
import { DEMO_SOURCES, workload } from './workload.js';
import type { DemoSource } from './workload.js';

const RECEIPTS_LIMIT_MS = 120_000;
/** Emits that wait for the spool at once. */
const CHUNK_EVENTS = 1_000;
const PROGRESS_MS = 100;

export interface SentWorkload {
  readonly sent: number;
  readonly receipted: number;
  readonly refused: number;
  /** Left by an earlier run and sent now. */
  readonly recovered: number;
  readonly seconds: number;
  /** One event, to be looked at. */
  readonly sample: { readonly tenant: string; readonly id: string };
}

/**
 * Sends the demonstration through the client library as services would, one emitter each with a spool on disk, and
 * waits for every receipt. Throws CliError RECEIPT_TIMEOUT.
 */
export async function sendWorkload(stack: RunningStack, events: number, seed: number, progress: Progress): Promise<SentWorkload> {
  const startedMs = performance.now();
  const connection = await openBus({ url: stack.natsUrl, nkeySeedFile: stack.servicesSeedFile });
  const emitters = new Map<DemoSource, Emitter>();
  const stats = (): ReturnType<typeof sumOf> => sumOf([...emitters.values()]);
  const ticker = setInterval(() => progress.update(stats().receipted, events), PROGRESS_MS);
  try {
    for (const source of DEMO_SOURCES) emitters.set(source, await openEmitter({ source, connection, spoolDir: join(stack.stateDir, 'spool', source) }));
    const sample = await emitAll(emitters, events, seed);
    await receiptsOf(emitters);
    return { sent: events, ...stats(), seconds: (performance.now() - startedMs) / 1000, sample };
  } finally {
    clearInterval(ticker);
    progress.stop();
    for (const emitter of emitters.values()) await emitter.close({ drainTimeoutMs: 1_000 });
    await connection.close();
  }
}

async function emitAll(emitters: ReadonlyMap<DemoSource, Emitter>, events: number, seed: number): Promise<SentWorkload['sample']> {
  let sample: SentWorkload['sample'] | undefined;
  let waiting: Promise<unknown>[] = [];
  for (const { source, input } of workload(events, seed)) {
    const emitted = emitters.get(source)!.emit(input);
    waiting.push(emitted);
    if (waiting.length >= CHUNK_EVENTS) {
      await Promise.all(waiting);
      waiting = [];
    }
    sample ??= { tenant: input.tenant, id: (await emitted).id };
  }
  await Promise.all(waiting);
  return sample!;
}

async function receiptsOf(emitters: ReadonlyMap<DemoSource, Emitter>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new CliError(EXIT.unreachable, 'RECEIPT_TIMEOUT', `not every receipt came within ${RECEIPTS_LIMIT_MS / 1000} s; the events stay in the spool`);
    timer = setTimeout(() => reject(error), RECEIPTS_LIMIT_MS);
  });
  try {
    await Promise.race([Promise.all([...emitters.values()].map((emitter) => emitter.flush())), late]);
  } finally {
    clearTimeout(timer);
  }
}

function sumOf(emitters: readonly Emitter[]): { receipted: number; refused: number; recovered: number } {
  const sum = { receipted: 0, refused: 0, recovered: 0 };
  for (const emitter of emitters) {
    const { receipted, refused, recovered } = emitter.stats();
    sum.receipted += receipted;
    sum.refused += refused;
    sum.recovered += recovered;
  }
  return sum;
}
