import { describe, expect, it, jest } from '@jest/globals';
import { EVENT_BYTES_MAX } from '@countersign/chain';
import { openEmitter, type EmitterOptions } from '../src/open-emitter.js';
import { FakeLedger } from './fake-ledger.js';
import { quickOptions, rejection, sampleEvent } from './samples.js';
import { temporaryFolder } from './temp-folder.js';

// A busy machine syncs slowly.
jest.setTimeout(60_000);

const cases: readonly [why: string, change: object, code: string, field: string | undefined][] = [
  ['unknown field', { sevrity: 'info' }, 'EVENT_FIELD_UNKNOWN', 'sevrity'],
  ['the number is not the caller’s to give', { producer: { id: 'x', sequence: 1 } }, 'EVENT_FIELD_UNKNOWN', 'producer'],
  ['tenant missing', { tenant: undefined }, 'EVENT_FIELD_MISSING', 'tenant'],
  ['tenant in capitals', { tenant: 'ACME' }, 'EVENT_FIELD_INVALID', 'tenant'],
  ['type of another source', { type: 'keys.key.rotated' }, 'EVENT_FIELD_INVALID', 'type'],
  ['id that is no UUID', { id: '1' }, 'EVENT_FIELD_INVALID', 'id'],
  ['time without zone', { time: '2026-01-31T09:30:00' }, 'EVENT_FIELD_INVALID', 'time'],
  ['unknown severity', { severity: 'fatal' }, 'EVENT_FIELD_INVALID', 'severity'],
  ['actor missing', { actor: undefined }, 'EVENT_FIELD_MISSING', 'actor'],
  ['actor named by email', { actor: { type: 'user', id: 'a@b.example' } }, 'EVENT_FIELD_INVALID', 'actor.id'],
  ['a number that JSON has no word for', { data: { a: Number.NaN } }, 'EVENT_FIELD_INVALID', 'data'],
  ['too many bytes', { data: { a: 'x'.repeat(EVENT_BYTES_MAX) } }, 'EVENT_TOO_LARGE', undefined],
];

describe('emit checks before it spools', () => {
  it.each(cases)('%s', async (_why, change, code, field) => {
    const ledger = new FakeLedger();
    const emitter = await openEmitter(quickOptions(await temporaryFolder(), ledger));
    const refused = await rejection(emitter.emit(Object.assign(sampleEvent(), change)));
    expect(refused).toMatchObject({ code });
    if (field !== undefined) expect(refused.field).toContain(field);
    expect((await emitter.emit(sampleEvent())).sequence).toBe(1);
    await emitter.close();
    expect(ledger.arrived).toHaveLength(1);
  });

  it('the largest event that emit takes is one that the ledger takes', async () => {
    const ledger = new FakeLedger();
    const emitter = await openEmitter(quickOptions(await temporaryFolder(), ledger));
    let size = EVENT_BYTES_MAX;
    for (; size > 0; size--) {
      if (await emitter.emit(sampleEvent({ data: { a: 'é'.repeat(size / 2) } })).then(() => true, () => false)) break;
    }
    await emitter.flush();
    expect(ledger.recorded).toHaveLength(1);
    expect(Buffer.byteLength(ledger.recorded[0]?.json ?? '')).toBeLessThanOrEqual(EVENT_BYTES_MAX);
    expect(Buffer.byteLength(ledger.recorded[0]?.json ?? '')).toBeGreaterThan(EVENT_BYTES_MAX - 64);
    await emitter.close();
  });

  const options: readonly [why: string, change: Partial<EmitterOptions>, field: string][] = [
    ['source in capitals', { source: 'Identity' }, 'source'],
    ['no spool folder', { spoolDir: undefined }, 'spoolDir'],
    ['too many events a message', { batchEventsMax: 501 }, 'batchEventsMax'],
    ['messages too small for an event', { batchBytesMax: 1_000 }, 'batchBytesMax'],
    ['fewer than four segments', { spoolBytesMax: 512 * 1024 }, 'spoolBytesMax'],
    ['producer name with a space', { producerId: 'a b' }, 'producerId'],
    ['a lasting producer without a disk', { durability: 'bus', producerId: 'p' }, 'producerId'],
    ['two buses', { bus: { url: 'nats://127.0.0.1:1', name: 'test' } }, 'connection'],
  ];
  it.each(options)('option: %s', async (_why, change, field) => {
    const folder = await temporaryFolder();
    expect(await rejection(openEmitter({ ...quickOptions(folder, new FakeLedger()), ...change }))).toMatchObject({ code: 'OPTION_INVALID', field });
  });
});
