import { describe, expect, it, jest } from '@jest/globals';
import { openEmitter } from '../src/open-emitter.js';
import { readKept } from '../src/spool/read-kept.js';
import { FakeLedger } from './fake-ledger.js';
import { quickOptions, rejection, sampleEvent, until } from './samples.js';
import { temporaryFolder } from './temp-folder.js';

// A busy machine syncs slowly.
jest.setTimeout(60_000);

describe('emitter', () => {
  it('numbers events 1, 2, 3, delivers them in order and lets go of them on their receipts', async () => {
    const ledger = new FakeLedger();
    const emitter = await openEmitter(quickOptions(await temporaryFolder(), ledger));
    const emitted = await Promise.all(Array.from({ length: 1_200 }, () => emitter.emit(sampleEvent())));
    await emitter.flush();
    expect(emitted.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 1_200 }, (_, at) => at + 1));
    expect(ledger.recorded.map(({ id }) => id)).toEqual(emitted.map(({ id }) => id));
    expect(emitter.stats()).toMatchObject({ pending: 0, emitted: 1_200, receipted: 1_200, resent: 0, refused: 0 });
    await emitter.close();
  });

  it('sends what it was given, with source, number and defaults', async () => {
    const ledger = new FakeLedger();
    const emitter = await openEmitter({ ...quickOptions(await temporaryFolder(), ledger), clock: () => Date.UTC(2026, 0, 31, 9, 30) });
    const { id } = await emitter.emit(sampleEvent({ resource: { type: 'session', id: 's1' }, correlationId: 'c1' }));
    await emitter.flush();
    expect(JSON.parse(ledger.recorded[0]?.json ?? '')).toEqual({
      id,
      source: 'identity',
      tenant: 'acme',
      type: 'identity.session.created',
      time: '2026-01-31T09:30:00.000Z',
      severity: 'info',
      outcome: 'success',
      actor: { type: 'user', id: 'usr_1' },
      resource: { type: 'session', id: 's1' },
      correlationId: 'c1',
      data: { method: 'password' },
      producer: { id: emitter.producerId, sequence: 1 },
    });
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    await emitter.close();
  });

  it('leaves the number out on request', async () => {
    const ledger = new FakeLedger();
    const emitter = await openEmitter(quickOptions(await temporaryFolder(), ledger));
    expect((await emitter.emit(sampleEvent({ numbered: false }))).sequence).toBeUndefined();
    expect((await emitter.emit(sampleEvent())).sequence).toBe(1);
    await emitter.flush();
    expect(JSON.parse(ledger.recorded[0]?.json ?? '')).not.toHaveProperty('producer');
    await emitter.close();
  });

  it('emitAndWait resolves with the receipt and says when the event was recorded before', async () => {
    const ledger = new FakeLedger();
    const emitter = await openEmitter(quickOptions(await temporaryFolder(), ledger));
    const event = sampleEvent({ id: '01890a5d-ac96-774b-bcce-b302099a8057', time: '2026-01-31T09:30:00Z', numbered: false });
    const first = await emitter.emitAndWait(event);
    expect(first).toMatchObject({ repeated: false, receipt: { id: event.id, tenant: 'acme', index: 0 } });
    expect(await emitter.emitAndWait(event)).toEqual({ repeated: true, receipt: first.receipt });
    await emitter.close();
  });

  it('emitAndWait gives up with RECEIPT_TIMEOUT and the event still arrives', async () => {
    const ledger = new FakeLedger();
    ledger.silent = true;
    const emitter = await openEmitter(quickOptions(await temporaryFolder(), ledger));
    expect(await rejection(emitter.emitAndWait(sampleEvent(), { timeoutMs: 30 }))).toMatchObject({ code: 'RECEIPT_TIMEOUT' });
    ledger.speak();
    await emitter.flush();
    expect(ledger.recorded).toHaveLength(1);
    await emitter.close();
  });

  it('the same event twice at once gets one answer; another event under its id is rejected', async () => {
    const ledger = new FakeLedger();
    ledger.silent = true;
    const emitter = await openEmitter(quickOptions(await temporaryFolder(), ledger));
    const event = sampleEvent({ id: '01890a5d-ac96-774b-bcce-b302099a8057', time: '2026-01-31T09:30:00Z' });
    const [first, second] = await Promise.all([emitter.emit(event), emitter.emit(event)]);
    expect(second).toEqual(first);
    expect(await emitter.emit(event)).toEqual(first);
    const waiting = emitter.emitAndWait(event);
    expect(await rejection(emitter.emit({ ...event, severity: 'alert' }))).toMatchObject({ code: 'EVENT_ID_REUSED', field: 'id' });
    ledger.speak();
    expect((await waiting).receipt.id).toBe(event.id);
    expect(ledger.arrived).toHaveLength(1);
    await emitter.close();
  });

  it('a refused event is kept in a file, reported once, and rejects the caller who waits', async () => {
    const ledger = new FakeLedger();
    const folder = await temporaryFolder();
    const reported: string[] = [];
    const id = '01890a5d-ac96-774b-bcce-b302099a8057';
    ledger.refusing.set(id, 'EVENT_ID_REUSED');
    const emitter = await openEmitter({ ...quickOptions(folder, ledger), onRefused: (refusal, event) => reported.push(`${refusal.code} ${event}`) });
    expect(await rejection(emitter.emitAndWait(sampleEvent({ id })))).toEqual({
      code: 'EVENT_ID_REUSED',
      field: 'data',
      message: 'refused by the test',
    });
    await emitter.flush();
    expect(emitter.stats()).toMatchObject({ pending: 0, refused: 1, receipted: 0 });
    await emitter.close();
    const [kept] = await readKept(folder);
    expect(kept).toMatchObject({ kind: 'refused', file: 'refused/refused-000001.sealed' });
    const line = JSON.parse(String(kept?.bytes)) as { refusal: object; event: { id: string } };
    expect(line).toMatchObject({ refusal: { code: 'EVENT_ID_REUSED' }, event: { id, tenant: 'acme', producer: { sequence: 1 } } });
    expect(reported).toEqual([`EVENT_ID_REUSED ${JSON.stringify(line.event)}`]);
  });

  it('ignores receipts and refusals of others, unreadable ones, and those that name another tenant', async () => {
    const ledger = new FakeLedger();
    ledger.silent = true;
    const emitter = await openEmitter(quickOptions(await temporaryFolder(), ledger));
    const { id } = await emitter.emit(sampleEvent());
    const other = { id, tenant: 'other', index: 0, eventHash: '0'.repeat(64), recordedAt: '' };
    ledger.say('ledger.receipt.identity', JSON.stringify({ recorded: [other, { ...other, id: 'x', tenant: 'acme' }], repeated: [] }));
    for (const body of ['', 'null', '{}', '{"recorded":[null],"repeated":[]}', '{"recorded":[{"id":1}],"repeated":[]}']) {
      ledger.say('ledger.receipt.identity', body);
    }
    for (const body of ['[', '{"refusals":[null]}', JSON.stringify({ refusals: [{ tenant: 'acme', code: 'MESSAGE_NOT_JSON', message: '' }] })]) {
      ledger.say('ledger.refused.identity', body);
    }
    expect(emitter.stats()).toMatchObject({ pending: 1, receipted: 0, refused: 0 });
    ledger.speak();
    await emitter.flush();
    await emitter.close();
  });

  it('refuses after close, and close leaves nothing that is sent again', async () => {
    const folder = await temporaryFolder();
    const ledger = new FakeLedger();
    const emitter = await openEmitter(quickOptions(folder, ledger));
    await emitter.emit(sampleEvent());
    await emitter.close();
    expect(await rejection(emitter.emit(sampleEvent()))).toMatchObject({ code: 'CLOSED' });
    const again = await openEmitter(quickOptions(folder, ledger));
    expect(again.stats()).toMatchObject({ recovered: 0, pending: 0 });
    expect(again.producerId).toBe(emitter.producerId);
    expect((await again.emit(sampleEvent())).sequence).toBe(2);
    await again.close();
    expect(ledger.arrived).toHaveLength(2);
  });

  it('close waits no longer than told and leaves the rest to the next process', async () => {
    const folder = await temporaryFolder();
    const silent = new FakeLedger();
    silent.silent = true;
    const emitter = await openEmitter(quickOptions(folder, silent));
    const emitted = await Promise.all([emitter.emit(sampleEvent()), emitter.emit(sampleEvent({ tenant: 'other' }))]);
    const flushed = rejection(emitter.flush());
    const waited = rejection(emitter.emitAndWait(sampleEvent()));
    await until('all are sent', () => silent.messages >= 2);
    await emitter.close({ drainTimeoutMs: 20 });
    expect(await flushed).toMatchObject({ code: 'CLOSED' });
    expect(await waited).toMatchObject({ code: 'CLOSED' });

    const ledger = new FakeLedger();
    const next = await openEmitter(quickOptions(folder, ledger));
    expect(next.stats().recovered).toBe(3);
    await next.flush();
    expect(ledger.recorded.map(({ id }) => id)).toEqual(expect.arrayContaining(emitted.map(({ id }) => id)));
    expect((await next.emit(sampleEvent())).sequence).toBe(4);
    await next.close();
  });
});
