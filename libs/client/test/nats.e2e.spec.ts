import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { inTrace, LedgerBook, SpanCollector, startBookLedger, startNats, traced, type BookLedger, type NatsServer } from '@countersign/devstack';
import type { Emitter } from '../src/emitter.js';
import { openEmitter, type EmitterOptions } from '../src/open-emitter.js';
import { rejection, sampleEvent, until } from './samples.js';
import { temporaryFolder } from './temp-folder.js';

let dir: string;
let nats: NatsServer;
let book: LedgerBook;
let ledger: BookLedger | undefined;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'countersign-client-nats-'));
  nats = await startNats({ dir });
  book = new LedgerBook();
});
afterEach(async () => {
  await stopLedger();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});

async function startLedger(): Promise<void> {
  ledger = await startBookLedger(nats, book);
}

async function stopLedger(): Promise<void> {
  await ledger?.stop();
  ledger = undefined;
}

async function open(change: Partial<EmitterOptions> = {}): Promise<Emitter> {
  return openEmitter({
    source: 'identity',
    spoolDir: await temporaryFolder(),
    bus: { url: nats.url, nkeySeedFile: nats.users.identity, name: 'identity' },
    resendAfterMs: 500,
    ...change,
  });
}

const emitMany = (emitter: Emitter, count: number): Promise<unknown> =>
  Promise.all(Array.from({ length: count }, (_, at) => emitter.emit(sampleEvent({ tenant: `t${at % 3}` }))));

describe('emitter on a real nats-server', () => {
  it('delivers, takes receipts and refusals across the accounts, and closes clean', async () => {
    await startLedger();
    const emitter = await open();
    const { receipt, repeated } = await emitter.emitAndWait(sampleEvent());
    expect({ id: receipt.id, repeated }).toEqual({ id: book.recorded[0]?.id, repeated: false });
    const id = '01890a5d-ac96-774b-bcce-b302099a8057';
    book.refusing.set(id, 'EVENT_ID_REUSED');
    expect(await rejection(emitter.emitAndWait(sampleEvent({ id })))).toMatchObject({ code: 'EVENT_ID_REUSED' });
    await emitMany(emitter, 5_000);
    await emitter.flush();
    expect(emitter.stats()).toMatchObject({ pending: 0, receipted: 5_001, refused: 1, connected: true });
    expect(book.recorded).toHaveLength(5_001);
    await emitter.close();
  }, 60_000);

  it('sends events in the traces that they happened in, those of one message below the first', async () => {
    await startLedger();
    const collector = await SpanCollector.start();
    let traceIds: string[] = [];
    await traced(collector, async () => {
      const emitter = await open({ lingerMs: 200 });
      await emitter.emitAndWait(sampleEvent());
      traceIds = await Promise.all([1, 2, 3].map(() => inTrace(() => emitter.emit(sampleEvent()))));
      await emitter.flush();
      await emitter.close();
    });
    await collector.stop();
    const sent = collector.spans.filter(({ name }) => name === 'send intake.identity.*');
    expect(sent).toHaveLength(1);
    const callers = traceIds.map((traceId) => collector.of(traceId).find(({ name }) => name === 'caller')!.spanId);
    expect([sent[0]!.parentSpanId, ...sent[0]!.links.map(({ spanId }) => spanId)].toSorted()).toEqual(callers.toSorted());
    expect(sent[0]).toMatchObject({ kind: 4, attributes: { 'messaging.system': 'nats', 'messaging.destination.name': 'intake.identity.*' } });
  });

  it('opens and emits before there is a ledger, and before there is a bus', async () => {
    await nats.stop();
    const emitter = await open();
    await emitMany(emitter, 100);
    expect(emitter.stats().connected).toBe(false);
    nats = await startNats({ dir, port: nats.port });
    await until('the emitter connects', () => emitter.stats().connected);
    await emitMany(emitter, 100);
    await startLedger();
    await emitter.flush();
    expect(new Set(book.recorded.map(({ id }) => id)).size).toBe(200);
    await emitter.close();
  }, 60_000);

  it('survives kill -9 of the server and the loss of the whole JetStream store', async () => {
    await startLedger();
    const emitter = await open();
    await emitMany(emitter, 1_000);
    await emitter.flush();
    await stopLedger();
    await emitMany(emitter, 1_000);
    await until('the stream has them', () => emitter.stats().sent >= 2_000);
    await nats.kill('SIGKILL');
    await rm(nats.storeDir, { recursive: true, force: true });
    await emitMany(emitter, 500);
    nats = await startNats({ dir, port: nats.port });
    await startLedger();
    await emitMany(emitter, 500);
    await emitter.flush();
    expect(book.recorded).toHaveLength(3_000);
    for (const tenant of ['t0', 't1', 't2']) {
      const sequences = book.recorded.filter((stored) => stored.tenant === tenant).map(({ sequence }) => sequence as number);
      expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    }
    await emitter.close();
  }, 60_000);
});
