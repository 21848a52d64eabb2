import { setTimeout as sleep } from 'node:timers/promises';
import { connectBus } from '@countersign/bus';
import { openEmitter, type Emitter } from '@countersign/client';
import { SOURCE, personalEvent, sampleEvent } from '../sample-event.js';
import type { BurstResult, PacedResult, ProducerOrder, ProducerReport } from './producer-messages.js';

/** A service that emits: a process of its own, with the client library as it comes. */

const TICK_MS = 1;

function report(message: ProducerReport): void {
  // Whoever asked may be gone: then nobody is told.
  if (process.connected) process.send?.(message);
}

let emittedEver = 0;

/** Keeps `emitsAtOnce` emits open until `events` are durable, then waits for the last receipt. */
async function burst(emitter: Emitter, { events, emitsAtOnce, personal }: Extract<ProducerOrder, { kind: 'burst' }>): Promise<BurstResult> {
  const before = emitter.stats();
  const eventOf = personal ? personalEvent : sampleEvent;
  const last = emittedEver + events;
  const startMs = performance.now();
  const lane = async (): Promise<void> => {
    while (emittedEver < last) await emitter.emit(eventOf(emittedEver++));
  };
  await Promise.all(Array.from({ length: emitsAtOnce }, lane));
  const emittedMs = performance.now();
  await emitter.flush();
  const endMs = performance.now();
  const { receipted, refused, repeated, resent } = emitter.stats();
  const missing = events - (receipted - before.receipted);
  if (missing !== 0 || refused !== before.refused) throw new Error(`${missing} events without a receipt, ${refused} refused`);
  return {
    kind: 'burst',
    seconds: (endMs - startMs) / 1000,
    emitSeconds: (emittedMs - startMs) / 1000,
    repeated: repeated - before.repeated,
    resent: resent - before.resent,
  };
}

/**
 * Emits by the clock. An event's latency runs from the moment it was due, not from when this process came round to it:
 * a stall counts for every event that it delays.
 */
async function paced(emitter: Emitter, perSecond: number, seconds: number, sampleEvery: number): Promise<PacedResult> {
  const count = perSecond * seconds;
  const latenciesMs: number[] = [];
  const waiting: Promise<void>[] = [];
  const startMs = performance.now();
  const one = async (k: number): Promise<void> => {
    const { receipt } = await emitter.emitAndWait(sampleEvent(emittedEver++));
    const nowMs = performance.now();
    latenciesMs.push(nowMs - (startMs + (k * 1000) / perSecond));
    if (sampleEvery > 0 && k % sampleEvery === 0) report({ kind: 'receipt', receipt, atMs: performance.timeOrigin + nowMs });
  };
  while (waiting.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - startMs) * perSecond) / 1000) + 1);
    while (waiting.length < due) waiting.push(one(waiting.length));
    await sleep(TICK_MS);
  }
  await Promise.all(waiting);
  return { kind: 'paced', latenciesMs };
}

async function obey(emitter: Emitter, order: ProducerOrder): Promise<void> {
  switch (order.kind) {
    case 'burst':
      return report(await burst(emitter, order));
    case 'paced':
      return report(await paced(emitter, order.perSecond, order.seconds, order.sampleEvery));
    case 'stop':
      return process.disconnect();
  }
}

const [natsUrl, seedFile, spoolDir] = process.argv.slice(2);
if (natsUrl === undefined || seedFile === undefined || spoolDir === undefined) {
  process.stderr.write('usage: producer <nats url> <nkey seed file> <spool folder>\n');
  process.exit(2);
}
const connection = await connectBus({ url: natsUrl, nkeySeedFile: seedFile, name: 'bench-producer' });
const emitter = await openEmitter({ source: SOURCE, connection, spoolDir });
process.on('message', (order: ProducerOrder) => {
  obey(emitter, order).catch((error: unknown) => report({ kind: 'failed', message: `${error instanceof Error ? error.message : String(error)} ${JSON.stringify(emitter.stats())}` }));
});
async function close(): Promise<void> {
  await emitter.close();
  await connection.close();
}

// Asked to stop, or its owner is gone: what has no receipt stays in the spool.
process.on('disconnect', () => {
  close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
report({ kind: 'ready' });
