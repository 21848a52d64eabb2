import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { inTrace, PERSONAL_CANARIES, personalOf, removePostgres, SpanCollector, spellings, startPostgres, tablesWith, traced, type PostgresServer } from '@countersign/devstack';
import { createPool, withTransaction } from '@countersign/postgres';
import { openOutbox, type Outbox, type OutboxOptions } from '../src/outbox/outbox.js';
import type { OutboxCipher } from '../src/outbox/personal.js';
import { outboxMigrationSql } from '../src/outbox/schema.js';
import { SILENT } from '../src/transport.js';
import { FakeLedger } from './fake-ledger.js';
import { rejection, sampleEvent, until } from './samples.js';

// A busy machine syncs slowly.
jest.setTimeout(60_000);

let server: PostgresServer;
let dir: string;
let pool: ReturnType<typeof createPool>;
let ledger: FakeLedger;
let outboxes: Outbox[];

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'countersign-outbox-'));
  await chmod(dir, 0o711);
  server = await startPostgres({ dir, durable: false });
  pool = createPool({ url: server.superuserUrl, max: 12, applicationName: 'outbox-spec' });
  await pool.query('CREATE SCHEMA box');
  await pool.query(outboxMigrationSql('box'));
}, 60_000);
afterAll(async () => {
  await pool.end();
  await server.stop();
  await removePostgres(dir);
});
beforeEach(async () => {
  await pool.query('TRUNCATE box.event_outbox, box.event_outbox_producer');
  ledger = new FakeLedger();
  outboxes = [];
});
afterEach(async () => {
  for (const outbox of outboxes) await outbox.close();
});

function open(change: Partial<OutboxOptions> = {}): Outbox {
  const outbox = openOutbox({ source: 'identity', pool, schema: 'box', transport: ledger, resendAfterMs: 100, ...change });
  outboxes.push(outbox);
  return outbox;
}

async function enqueueMany(outbox: Outbox, count: number): Promise<void> {
  await withTransaction(pool, async (client) => {
    for (let at = 0; at < count; at++) await outbox.enqueue(client, sampleEvent({ tenant: `t${at % 3}` }));
  });
}

/** What a service would have from libs/key-client: bound to tenant and row, and away when it is told to be. */
function cipherOf(state: { isAway: boolean }): OutboxCipher {
  const key = randomBytes(32);
  const present = (): void => {
    if (state.isAway) throw Object.assign(new Error('away'), { code: 'KEYS_UNAVAILABLE' });
  };
  return {
    seal: async (tenant, row, bytes) => {
      present();
      const iv = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(`${tenant} ${row}`));
      return Buffer.concat([iv, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]).toString('base64');
    },
    open: async (tenant, row, text) => {
      present();
      const bytes = Buffer.from(text, 'base64');
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12)).setAAD(Buffer.from(`${tenant} ${row}`)).setAuthTag(bytes.subarray(-16));
      return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
    },
  };
}

const drained = (outbox: Outbox): Promise<void> => untilAsync('the outbox is empty', async () => (await outbox.backlog()).rows === 0);

async function untilAsync(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let at = 0; at < 1_000; at++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`waited in vain until ${what}`);
}

describe('outbox', () => {
  it('sends what was committed and nothing of what was rolled back, numbered without a gap', async () => {
    const outbox = open();
    await enqueueMany(outbox, 20);
    await withTransaction(pool, async (client) => {
      await outbox.enqueue(client, sampleEvent());
      throw new Error('rolled back');
    }).catch(() => undefined);
    await enqueueMany(outbox, 20);
    await drained(outbox);
    expect(ledger.recorded.map(({ sequence }) => sequence).sort((a, b) => (a ?? 0) - (b ?? 0))).toEqual(Array.from({ length: 40 }, (_, at) => at + 1));
    for (const tenant of ['t0', 't1', 't2']) {
      const sequences = ledger.recorded.filter((stored) => stored.tenant === tenant).map(({ sequence }) => sequence as number);
      expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    }
    const { rows } = await pool.query('SELECT event_id, receipt FROM box.event_outbox ORDER BY position');
    expect(rows).toHaveLength(40);
    for (const row of rows as { event_id: string; receipt: { id: string } }[]) expect(row.receipt.id).toBe(row.event_id);
  });

  it('keeps beside an event the trace that it happened in, if that is recorded, and tells it to whoever sends', async () => {
    const collector = await SpanCollector.start();
    let traceId = '';
    await traced(collector, async () => {
      const outbox = open();
      await enqueueMany(outbox, 1);
      traceId = await inTrace(() => enqueueMany(outbox, 1));
      await drained(outbox);
    });
    await collector.stop();
    const [caller] = collector.of(traceId);
    const own = `00-${traceId}-${caller!.spanId}-01`;
    expect((await pool.query('SELECT traceparent FROM box.event_outbox ORDER BY position')).rows).toEqual([{ traceparent: null }, { traceparent: own }]);
    expect(ledger.traceparents).toEqual([own]);
  });

  it('deletes rows with a receipt if told so', async () => {
    const outbox = open({ receipts: 'delete' });
    await enqueueMany(outbox, 10);
    await untilAsync('the rows are gone', async () => (await pool.query('SELECT 1 FROM box.event_outbox')).rowCount === 0);
    expect(ledger.recorded).toHaveLength(10);
  });

  it('leaves the number out on request, and an unnumbered event uses none up', async () => {
    const outbox = open();
    const numbers = await withTransaction(pool, async (client) => [
      (await outbox.enqueue(client, sampleEvent({ numbered: false }))).sequence,
      (await outbox.enqueue(client, sampleEvent())).sequence,
      (await outbox.enqueue(client, sampleEvent({ numbered: false }))).sequence,
      (await outbox.enqueue(client, sampleEvent())).sequence,
    ]);
    expect(numbers).toEqual([undefined, 1, undefined, 2]);
    await drained(outbox);
    expect(ledger.recorded.map(({ sequence }) => sequence)).toEqual([undefined, 1, undefined, 2]);
  });

  it('concurrent transactions get consecutive numbers and one producer name', async () => {
    const outbox = open();
    await Promise.all(Array.from({ length: 8 }, () => enqueueMany(outbox, 5)));
    await drained(outbox);
    const events = ledger.recorded.map(({ json }) => JSON.parse(json) as { producer: { id: string; sequence: number } });
    expect(new Set(events.map(({ producer }) => producer.id)).size).toBe(1);
    expect(events.map(({ producer }) => producer.sequence).sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, at) => at + 1));
  });

  it('sends again until the receipt comes, also after a restart of the relay', async () => {
    ledger.losing = true;
    const first = open();
    await enqueueMany(first, 30);
    await until('they were sent', () => first.stats().sent >= 30);
    await first.close();
    ledger.losing = false;
    const second = open();
    await drained(second);
    expect(ledger.recorded).toHaveLength(30);
  });

  it('of several relays one works, and another takes over when its connection dies', async () => {
    const [first, second] = [open(), open()];
    await until('one is active', () => first.stats().active || second.stats().active);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([first.stats().active, second.stats().active].sort()).toEqual([false, true]);
    await enqueueMany(first, 5);
    await drained(first);
    await pool.query("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'");
    await until('the lead is lost', () => !(first.stats().active && second.stats().active));
    await enqueueMany(first, 5);
    await drained(first);
    expect(ledger.recorded).toHaveLength(10);
  }, 30_000);

  it('marks refused rows, reports them once and goes on', async () => {
    const id = '01890a5d-ac96-774b-bcce-b302099a8057';
    ledger.refusing.set(id, 'EVENT_ID_REUSED');
    const reported: string[] = [];
    const outbox = open({ onRefused: (refusal, event) => reported.push(`${refusal.code} ${(JSON.parse(event) as { id: string }).id}`) });
    await withTransaction(pool, async (client) => {
      await outbox.enqueue(client, sampleEvent({ id }));
      await outbox.enqueue(client, sampleEvent());
    });
    await drained(outbox);
    expect(reported).toEqual([`EVENT_ID_REUSED ${id}`]);
    const { rows } = await pool.query('SELECT event_id, refused_code, refused_field, receipt FROM box.event_outbox WHERE refused_code IS NOT NULL');
    expect(rows).toEqual([{ event_id: id, refused_code: 'EVENT_ID_REUSED', refused_field: 'data', receipt: null }]);
    expect(ledger.recorded).toHaveLength(1);
  });

  it('holds nothing readable about persons: before the receipt, after it, and while the keys are away', async () => {
    const state = { isAway: false };
    const cipher = cipherOf(state);
    const canaries = Object.values(PERSONAL_CANARIES).flatMap((canary) => spellings(canary));
    const personal = personalOf(0) ?? [];
    const enqueue = (outbox: Outbox): Promise<unknown> => withTransaction(pool, (client) => outbox.enqueue(client, sampleEvent({ personal })));
    const first = open({ cipher });
    state.isAway = true;
    expect(await rejection(enqueue(first))).toMatchObject({ code: 'KEYS_UNAVAILABLE' });
    state.isAway = false;
    ledger.silent = true;
    await enqueue(first);
    expect(await tablesWith(pool, canaries)).toEqual([]);
    await first.close();
    state.isAway = true;
    ledger.silent = false;
    let failures = 0;
    const second = open({ cipher, log: { ...SILENT, warn: () => failures++ } });
    await until('the relay has tried', () => failures > 0);
    expect((await second.backlog()).rows).toBe(1);
    state.isAway = false;
    await drained(second);
    expect(ledger.recorded.map(({ json }) => JSON.parse(json) as object)).toEqual([expect.objectContaining({ personal, producer: expect.objectContaining({ sequence: 1 }) })]);
    expect((await pool.query('SELECT personal FROM box.event_outbox')).rows).toEqual([{ personal: null }]);
    expect(await tablesWith(pool, canaries)).toEqual([]);
    expect(await rejection(enqueue(open()))).toMatchObject({ code: 'PERSONAL_UNSEALED', field: 'personal' });
  });

  it('rejects what the ledger would refuse, and an id that is still on its way', async () => {
    ledger.silent = true;
    const outbox = open();
    const id = '01890a5d-ac96-774b-bcce-b302099a8057';
    const enqueue = (change: object): Promise<unknown> => withTransaction(pool, (client) => outbox.enqueue(client, { ...sampleEvent(), ...change }));
    expect(await rejection(enqueue({ tenant: 'ACME' }))).toMatchObject({ code: 'EVENT_FIELD_INVALID', field: 'tenant' });
    await enqueue({ id });
    expect(await rejection(enqueue({ id }))).toMatchObject({ code: 'EVENT_ID_REUSED', field: 'id' });
    expect(await rejection((async () => openOutbox({ source: 'identity', pool, schema: 'a"b', transport: ledger }))())).toMatchObject({
      code: 'OPTION_INVALID',
      field: 'schema',
    });
  });
});
