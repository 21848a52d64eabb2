import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import type { RefusedEvent } from '@countersign/contracts';
import { audit } from './harness/audit.js';
import type { Dice } from './harness/dice.js';
import { faultSuite } from './harness/fault-suite.js';
import type { ServiceProcess } from './harness/service-process.js';
import type { Stand } from './harness/stand.js';
import { until } from './harness/waiting.js';

const DUPLICATES = 10_000;
const MESSAGE_EVENTS = 500;
const RECEIPTS_LIMIT_MS = 60_000;
const SOURCE = 'sender';
const KIB = 1024;

let ledger: ServiceProcess;

const eventOf = (tenant: string, change: object = {}): Record<string, unknown> => ({
  id: randomUUID(),
  type: `${SOURCE}.thing.happened`,
  source: SOURCE,
  tenant,
  time: '2026-01-31T09:30:00.000Z',
  severity: 'info',
  outcome: 'success',
  actor: { type: 'service', id: 'faults' },
  ...change,
});

function shuffled<T>(list: readonly T[], dice: Dice): T[] {
  const out = [...list];
  for (let at = out.length - 1; at > 0; at -= 1) {
    const other = dice.whole(0, at);
    [out[at], out[other]] = [out[other] as T, out[at] as T];
  }
  return out;
}

async function sendAll(stand: Stand, tenant: string, events: readonly object[], perMessage: number): Promise<void> {
  for (let at = 0; at < events.length; at += perMessage) {
    await stand.witness.send(`intake.${SOURCE}.${tenant}`, JSON.stringify(events.slice(at, at + perMessage)));
  }
}

async function refusedOf(tenant: string): Promise<RefusedEvent[]> {
  const answer = await fetch(`${ledger.url}/ledgers/${tenant}/refused?limit=1000`);
  return ((await answer.json()) as { refused: RefusedEvent[] }).refused;
}

async function treeSizeOf(tenant: string): Promise<number> {
  const answer = await fetch(`${ledger.url}/ledgers/${tenant}`);
  return ((await answer.json()) as { treeSize: number }).treeSize;
}

/** Sends one message that holds nothing good and waits until the producer is told so. */
async function refuses(stand: Stand, subject: string, body: Uint8Array | string, code: string): Promise<void> {
  const before = stand.witness.refusals.length;
  await stand.witness.send(subject, body);
  await until(`the refusal ${code} is published`, RECEIPTS_LIMIT_MS, () => stand.witness.refusals.slice(before).some((refusal) => refusal.code === code));
}

faultSuite(
  'bad and repeated messages',
  async (stand) => {
    ledger = await stand.addLedger('one');
    await ledger.start();
    ledger.keepRunning();
  },
  {
    [`${DUPLICATES} duplicates, long after everything was recorded`]: async ({ stand, dice }) => {
      const tenant = 'copies';
      const events = Array.from({ length: DUPLICATES }, (_, n) => eventOf(tenant, { data: { n } }));
      const receiptedOnceMore = async (): Promise<void> => {
        const before = new Map(stand.witness.timesReceipted);
        const isHeard = ({ id }: Record<string, unknown>): boolean => (stand.witness.timesReceipted.get(id as string) ?? 0) > (before.get(id as string) ?? 0);
        await until('every event has its receipt', RECEIPTS_LIMIT_MS, () => events.every(isHeard));
      };
      const recorded = receiptedOnceMore();
      await sendAll(stand, tenant, events, MESSAGE_EVENTS);
      await recorded;
      expect(await treeSizeOf(tenant)).toBe(DUPLICATES);

      // Packed otherwise and in another order, to the same process and to one that remembers nothing.
      for (const again of ['same process', 'new process']) {
        if (again === 'new process') {
          await ledger.kill();
          await until('the ledger is gone', RECEIPTS_LIMIT_MS, async () => !(await ledger.isReady()));
          await ledger.ready();
        }
        const repeated = receiptedOnceMore();
        await sendAll(stand, tenant, shuffled(events, dice), dice.pick([100, 250, 499]));
        await repeated;
        expect(await treeSizeOf(tenant)).toBe(DUPLICATES);
      }
      const [stored] = await audit(stand, { tenants: [tenant], producers: [] });
      expect(stored?.entries.slice(0, DUPLICATES).map(({ n }) => n)).toEqual(events.map((_, n) => n));
      expect(await refusedOf(tenant)).toEqual([]);
    },

    'the same id with other content, at once, later, and in one message with the first': async ({ stand }) => {
      const tenant = 'reused';
      const [first, second] = [eventOf(tenant, { data: { n: 1 } }), eventOf(tenant, { data: { n: 2 } })];
      await stand.witness.send(`intake.${SOURCE}.${tenant}`, JSON.stringify([first, second, { ...first, data: { n: 3 } }]));
      await stand.witness.send(`intake.${SOURCE}.${tenant}`, JSON.stringify([{ ...second, severity: 'alert' }]));
      await until('both have receipts', RECEIPTS_LIMIT_MS, () => stand.witness.receipts.has(second['id'] as string));
      await refuses(stand, `intake.${SOURCE}.${tenant}`, JSON.stringify({ ...first, outcome: 'denied' }), 'EVENT_ID_REUSED');
      await until('all three are refused', RECEIPTS_LIMIT_MS, async () => (await refusedOf(tenant)).length === 3);
      expect((await refusedOf(tenant)).map(({ code, eventId, source }) => ({ code, eventId, source }))).toEqual(
        expect.arrayContaining([first, second, first].map(({ id }) => ({ code: 'EVENT_ID_REUSED', eventId: id, source: SOURCE }))),
      );
      const [stored] = await audit(stand, { tenants: [tenant], producers: [] });
      expect(stored?.entries.slice(0, 2).map(({ id, n }) => ({ id, n }))).toEqual([{ id: first['id'], n: 1 }, { id: second['id'], n: 2 }]);
    },

    'poison, oversized and mis-addressed messages between good ones': async ({ stand }) => {
      const tenant = 'poisoned';
      const subject = `intake.${SOURCE}.${tenant}`;
      const big = 'x'.repeat(65 * KIB);
      const bad: readonly (readonly [code: string, body: Uint8Array | string])[] = [
        ['MESSAGE_NOT_JSON', 'this is no JSON'],
        ['MESSAGE_NOT_JSON', ''],
        ['MESSAGE_NOT_JSON', Buffer.concat([Buffer.from('{"id":"'), Buffer.of(0xff, 0xfe, 0xc0), Buffer.from('"}')])],
        ['MESSAGE_EVENT_COUNT', '[]'],
        ['MESSAGE_EVENT_COUNT', JSON.stringify(Array.from({ length: 501 }, () => ({})))],
        ['MESSAGE_TOO_LARGE', JSON.stringify(Array.from({ length: 9 }, () => eventOf(tenant, { data: { text: 'x'.repeat(60 * KIB) } })))],
        ['EVENT_TOO_LARGE', JSON.stringify(eventOf(tenant, { data: { text: big } }))],
        ['EVENT_NOT_OBJECT', '[null]'],
        ['EVENT_NOT_OBJECT', '17'],
        ['EVENT_FIELD_UNKNOWN', JSON.stringify(eventOf(tenant, { __proto: 1 }))],
        ['EVENT_FIELD_INVALID', JSON.stringify(eventOf(tenant, { id: 'a\u0000b' }))],
        ['EVENT_FIELD_INVALID', '{"id":"' + 'y'.repeat(100_000) + '"}'],
        ['EVENT_SOURCE_MISMATCH', JSON.stringify(eventOf(tenant, { source: 'other', type: 'other.thing.happened' }))],
        ['EVENT_TENANT_MISMATCH', JSON.stringify(eventOf('another-tenant'))],
      ];
      await expect(stand.witness.send(subject, 'x'.repeat(1_025 * KIB))).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
      const good = bad.map((_, n) => eventOf(tenant, { data: { n } }));
      for (const [at, [code, body]] of bad.entries()) {
        await refuses(stand, subject, body, code);
        await stand.witness.send(subject, JSON.stringify(good[at]));
      }
      await refuses(stand, subject, JSON.stringify([good[0], eventOf('stranger'), eventOf(tenant, { data: { n: bad.length } })]), 'EVENT_TENANT_MISMATCH');
      await until('every good event is recorded', RECEIPTS_LIMIT_MS, () => good.every(({ id }) => stand.witness.receipts.has(id as string)));

      const [stored] = await audit(stand, { tenants: [tenant], producers: [] });
      expect(stored?.entries.slice(0, bad.length + 1).map(({ n }) => n)).toEqual(Array.from({ length: bad.length + 1 }, (_, n) => n));
      const codes = (await refusedOf(tenant)).map(({ code }) => code);
      expect([...codes].sort()).toEqual([...bad.map(([code]) => code), 'EVENT_TENANT_MISMATCH'].sort());
    },

    'subjects that name no ledger': async ({ stand }) => {
      // A service's own account may name anything with three tokens.
      const producer = stand.addProducer('bystander', ['bystander']);
      await producer.start();
      for (const subject of ['intake.Sender.acme', `intake.${SOURCE}.ACME`, `intake.${SOURCE}.a_b`, `intake.${SOURCE}.${'t'.repeat(64)}`]) {
        await stand.witness.send(subject, JSON.stringify(eventOf('acme')));
      }
      const stored = async (): Promise<number> => ((await (await fetch(`${ledger.url}/metrics`)).text()).match(/events_refused_total\{[^}]*SUBJECT_INVALID[^}]*\} (\d+)/)?.[1] ?? 0) as number;
      await until('all four are quarantined', RECEIPTS_LIMIT_MS, async () => Number(await stored()) === 4);
      await audit(stand, { tenants: ['bystander'], producers: [producer] });
    },
  },
);
