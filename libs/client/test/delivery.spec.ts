import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import type { Emitter } from '../src/emitter.js';
import { openEmitter } from '../src/open-emitter.js';
import { FakeLedger } from './fake-ledger.js';
import { quickOptions, rejection, sampleEvent, until } from './samples.js';
import { temporaryFolder } from './temp-folder.js';

// A busy machine syncs slowly.
jest.setTimeout(60_000);

/** True if within each tenant every first arrival follows the numbers. */
function inOrder(ledger: FakeLedger): boolean {
  const last = new Map<string, number>();
  return ledger.recorded.every(({ tenant, sequence }) => {
    const before = last.get(tenant) ?? 0;
    last.set(tenant, sequence ?? 0);
    return (sequence ?? 0) > before;
  });
}

async function emitMany(emitter: Emitter, count: number, tenants = ['acme']): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, at) => emitter.emit(sampleEvent({ tenant: tenants[at % tenants.length] as string }))));
}

describe('delivery', () => {
  it('spools while the bus is away and drains in order when it comes back', async () => {
    const ledger = new FakeLedger();
    ledger.connected = false;
    const emitter = await openEmitter(quickOptions(await temporaryFolder(), ledger));
    await emitMany(emitter, 900, ['a', 'b', 'c']);
    expect(ledger.messages).toBe(0);
    ledger.reconnect();
    await emitter.flush();
    expect(ledger.recorded).toHaveLength(900);
    expect(ledger.arrived).toHaveLength(900);
    expect(inOrder(ledger)).toBe(true);
    await emitter.close();
  });

  it('tries again in order when the stream is full', async () => {
    const ledger = new FakeLedger();
    ledger.publishError = new Error('STREAM_FULL');
    const emitter = await openEmitter({ ...quickOptions(await temporaryFolder(), ledger), batchEventsMax: 10 });
    await emitMany(emitter, 100);
    await until('a few publishes failed', () => emitter.stats().publishErrors >= 3);
    ledger.publishError = undefined;
    await emitter.flush();
    expect(ledger.recorded).toHaveLength(100);
    expect(inOrder(ledger)).toBe(true);
    await emitter.close();
  });

  it('sends everything again, in order, when the bus lost it and the connection is made again', async () => {
    const ledger = new FakeLedger();
    ledger.silent = true;
    const emitter = await openEmitter({ ...quickOptions(await temporaryFolder(), ledger), resendAfterMs: 60_000 });
    await emitMany(emitter, 1_500, ['a', 'b']);
    await until('all are sent', () => emitter.stats().sent === 1_500 && ledger.underway === 0);
    ledger.forget();
    ledger.disconnect();
    ledger.silent = false;
    ledger.reconnect();
    await emitter.flush();
    expect(ledger.recorded).toHaveLength(1_500);
    expect(inOrder(ledger)).toBe(true);
    expect(emitter.stats().resent).toBe(1_500);
    await emitter.close();
  });

  it('sends again without any sign from the bus when receipts stay away', async () => {
    const ledger = new FakeLedger();
    ledger.losing = true;
    const emitter = await openEmitter(quickOptions(await temporaryFolder(), ledger));
    await emitMany(emitter, 2_000);
    await until('all are sent', () => emitter.stats().sent >= 2_000 && ledger.underway === 0);
    ledger.losing = false;
    await emitter.flush();
    expect(ledger.recorded).toHaveLength(2_000);
    expect(inOrder(ledger)).toBe(true);
    await emitter.close();
  });

  it('sends the first event at once, and those that follow it closely together', async () => {
    const ledger = new FakeLedger();
    const emitter = await openEmitter({ ...quickOptions(await temporaryFolder(), ledger), lingerMs: 1_000 });
    const startMs = performance.now();
    await emitter.emit(sampleEvent({ tenant: 'acme' }));
    await emitter.flush();
    expect(performance.now() - startMs).toBeLessThan(1_000);
    for (let at = 0; at < 3; at++) await emitter.emit(sampleEvent({ tenant: 'acme' }));
    // Each found the bus free: without the pause every one would have been a message.
    expect(ledger.messages).toBe(1);
    await emitter.flush();
    expect(ledger.messages).toBe(2);
    expect(ledger.recorded).toHaveLength(4);
    await emitter.close();
  });

  it('a long silence does not fill the stream with copies', async () => {
    const ledger = new FakeLedger();
    ledger.silent = true;
    const emitter = await openEmitter({ ...quickOptions(await temporaryFolder(), ledger), batchEventsMax: 50 });
    await emitMany(emitter, 1_000);
    await until('three resends', () => emitter.stats().resent >= 150);
    // 20 messages, and one message again for each of the three waits.
    expect(ledger.messages).toBeLessThanOrEqual(25);
    ledger.speak();
    await emitter.flush();
    expect(ledger.recorded).toHaveLength(1_000);
    await emitter.close();
  });

  it('receipts that flow again after a silence need no copies', async () => {
    const ledger = new FakeLedger();
    ledger.silent = true;
    const emitter = await openEmitter({ ...quickOptions(await temporaryFolder(), ledger), batchEventsMax: 20 });
    await emitMany(emitter, 1_000);
    await until('all are sent, and one message again', () => emitter.stats().resent >= 20);
    const before = ledger.messages;
    await ledger.drip(10);
    await emitter.flush();
    expect(ledger.messages - before).toBeLessThanOrEqual(3);
    expect(ledger.recorded).toHaveLength(1_000);
    await emitter.close();
  });

  it('pauses at the limit of events without a receipt', async () => {
    const ledger = new FakeLedger();
    ledger.silent = true;
    const emitter = await openEmitter({ ...quickOptions(await temporaryFolder(), ledger), unreceiptedEventsMax: 100, batchEventsMax: 50, resendAfterMs: 60_000 });
    await emitMany(emitter, 1_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(emitter.stats()).toMatchObject({ sent: 100, pending: 1_000 });
    ledger.speak();
    await emitter.flush();
    expect(inOrder(ledger)).toBe(true);
    await emitter.close();
  });

  it('a tenant whose ledger is stopped does not hold up the others, and gets its own when it runs again', async () => {
    const ledger = new FakeLedger();
    ledger.stopped.add('a');
    const emitter = await openEmitter({ ...quickOptions(await temporaryFolder(), ledger), unreceiptedEventsMax: 100, batchEventsMax: 50 });
    await emitMany(emitter, 1_000, ['a', 'b']);
    await until('b has all of its events', () => ledger.recorded.filter(({ tenant }) => tenant === 'b').length === 500);
    expect(emitter.stats()).toMatchObject({ receipted: 500, pending: 500 });
    expect(ledger.messages).toBeLessThan(20);
    ledger.stopped.delete('a');
    await emitter.flush();
    expect(ledger.recorded).toHaveLength(1_000);
    expect(inOrder(ledger)).toBe(true);
    await emitter.close();
  });

  it('keeps messages within 500 events and the byte limit', async () => {
    const ledger = new FakeLedger();
    ledger.connected = false;
    const sizes: number[] = [];
    const publish = ledger.publish.bind(ledger);
    ledger.publish = (subject, body) => (sizes.push(body.byteLength), publish(subject, body));
    const emitter = await openEmitter({ ...quickOptions(await temporaryFolder(), ledger), batchBytesMax: 100_000, residentBytesMax: 50_000 });
    await Promise.all(Array.from({ length: 700 }, () => emitter.emit(sampleEvent({ data: { text: 'é'.repeat(250) } }))));
    ledger.reconnect();
    await emitter.flush();
    expect(Math.max(...sizes)).toBeLessThanOrEqual(100_000);
    expect(Math.max(...sizes)).toBeGreaterThan(98_000);
    expect(inOrder(ledger)).toBe(true);
    await emitter.close();
  });

  it('emits wait for space, go on in order when receipts free it, and fail with SPOOL_FULL after their time', async () => {
    const ledger = new FakeLedger();
    ledger.silent = true;
    const emitter = await openEmitter({ ...quickOptions(await temporaryFolder(), ledger), spoolEventsMax: 10, waitingEmitsMax: 3 });
    await emitMany(emitter, 10);
    const late = [emitter.emit(sampleEvent()), emitter.emit(sampleEvent()), emitter.emit(sampleEvent())];
    expect(await rejection(emitter.emit(sampleEvent()))).toMatchObject({ code: 'SPOOL_FULL' });
    expect(emitter.stats()).toMatchObject({ pending: 10, waiting: 3 });
    ledger.speak();
    expect((await Promise.all(late)).map(({ sequence }) => sequence)).toEqual([11, 12, 13]);
    await emitter.flush();

    ledger.silent = true;
    await emitMany(emitter, 10);
    expect(await rejection(emitter.emit(sampleEvent()))).toMatchObject({ code: 'SPOOL_FULL' });
    ledger.speak();
    await emitter.flush();
    expect(ledger.recorded.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 23 }, (_, at) => at + 1));
    await emitter.close();
  });

  it('a spool full by bytes frees its files as receipts come', async () => {
    const ledger = new FakeLedger();
    ledger.silent = true;
    const emitter = await openEmitter({ ...quickOptions(await temporaryFolder(), ledger), residentBytesMax: 0, batchEventsMax: 10, emitTimeoutMs: 3_000 });
    const event = sampleEvent({ data: { text: 'x'.repeat(10_000) } });
    const first = await Promise.allSettled(Array.from({ length: 250 }, () => emitter.emit(event)));
    const accepted = first.filter(({ status }) => status === 'fulfilled').length;
    expect(accepted).toBeGreaterThan(130);
    expect(accepted).toBeLessThan(2_048 / 10);
    ledger.speak();
    await Promise.all(Array.from({ length: 300 }, () => emitter.emit(event)));
    await emitter.flush();
    expect(ledger.recorded.map(({ sequence }) => sequence)).toEqual(Array.from({ length: accepted + 300 }, (_, at) => at + 1));
    await emitter.close();
  });

  it('whatever happens to the bus, every event arrives once and in order', async () => {
    type Step = 'emit' | 'disconnect' | 'reconnect' | 'lose' | 'keep' | 'fail' | 'mend' | 'forget';
    const steps = fc.array(fc.constantFrom<Step>('emit', 'emit', 'emit', 'disconnect', 'reconnect', 'lose', 'keep', 'fail', 'mend', 'forget'), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        const ledger = new FakeLedger();
        const emitter = await openEmitter({ ...quickOptions(await temporaryFolder(), ledger), batchEventsMax: 7, resendAfterMs: 20 });
        let emitted = 0;
        for (const step of script) {
          if (step === 'emit') await emitMany(emitter, 20, ['a', 'b']).then(() => (emitted += 20));
          else if (step === 'disconnect') ledger.disconnect();
          else if (step === 'reconnect') ledger.reconnect();
          else if (step === 'lose') ledger.losing = true;
          else if (step === 'keep') ledger.losing = false;
          else if (step === 'fail') ledger.publishError = new Error('TIMEOUT');
          else if (step === 'mend') ledger.publishError = undefined;
          else ledger.forget();
        }
        ledger.losing = false;
        ledger.publishError = undefined;
        if (!ledger.connected) ledger.reconnect();
        await emitter.flush();
        expect(new Set(ledger.recorded.map(({ id }) => id)).size).toBe(emitted);
        expect(ledger.recorded).toHaveLength(emitted);
        await emitter.close();
      }),
      { numRuns: 25 },
    );
  });
});

describe("durability 'bus'", () => {
  it('resolves on PubAck and forgets on close', async () => {
    const ledger = new FakeLedger();
    const emitter = await openEmitter({ source: 'identity', transport: ledger, durability: 'bus' });
    const [first, second] = await Promise.all([emitter.emit(sampleEvent()), emitter.emit(sampleEvent())]);
    expect(ledger.messages).toBe(1);
    expect([first?.sequence, second?.sequence]).toEqual([1, 2]);
    await emitter.flush();
    expect(ledger.recorded).toHaveLength(2);
    await emitter.close();
  });

  it('says when the bus does not confirm, and sends all the same', async () => {
    const ledger = new FakeLedger();
    ledger.connected = false;
    const emitter = await openEmitter({ source: 'identity', transport: ledger, durability: 'bus', emitTimeoutMs: 30 });
    expect(await rejection(emitter.emit(sampleEvent()))).toMatchObject({ code: 'PUBLISH_UNCONFIRMED' });
    ledger.reconnect();
    await emitter.flush();
    expect(ledger.recorded).toHaveLength(1);
    await emitter.close();
  });

  it('is bounded', async () => {
    const ledger = new FakeLedger();
    ledger.connected = false;
    const emitter = await openEmitter({ source: 'identity', transport: ledger, durability: 'bus', spoolEventsMax: 2, emitTimeoutMs: 30, waitingEmitsMax: 0 });
    const kept = [rejection(emitter.emit(sampleEvent())), rejection(emitter.emit(sampleEvent()))];
    expect(await rejection(emitter.emit(sampleEvent()))).toMatchObject({ code: 'SPOOL_FULL' });
    for (const one of kept) expect(await one).toMatchObject({ code: 'PUBLISH_UNCONFIRMED' });
    await emitter.close({ drainTimeoutMs: 0 });
  });
});
