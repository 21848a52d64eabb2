import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Event } from '@countersign/chain';
import { connectBus, publishIntake, type BusConnection } from '@countersign/bus';
import { receiptBatchSchema, refusalBatchSchema, verdictSchema, type Verdict } from '@countersign/contracts';
import { asAttacker, checkedEntries, storeOf } from '../append/append-stand.js';
import { makeEvent, makeEvents, startLedgerFixture, type LedgerFixture } from '../fixture/ledger-fixture.js';
import { until } from '../verify/verification-stand.js';
import { ledgerEnvironment, runLedgerProcess, startLedgerProcess, type LedgerProcess } from './ledger-process.js';

const START_LIMIT_MS = 90_000;

let fixture: LedgerFixture;
let env: Record<string, string>;
let ledger: LedgerProcess;
let services: BusConnection;
let sender: BusConnection;
const received = new Set<string>();
const refused: string[] = [];
const verdicts: Verdict[] = [];

beforeAll(async () => {
  fixture = await startLedgerFixture();
  env = await ledgerEnvironment(fixture);
  ledger = await startLedgerProcess(env);
  services = await connectBus({ url: fixture.stack.nats.url, nkeySeedFile: fixture.stack.nats.users.services, name: 'test' });
  // Whose events these are: the bus lets nobody else send them.
  sender = await connectBus({ url: fixture.stack.nats.url, nkeySeedFile: fixture.stack.nats.users.identity, name: 'sender' });
  const text = (data: Uint8Array): unknown => JSON.parse(Buffer.from(data).toString());
  services.subscribe('ledger.receipt.identity', ({ data }) => {
    const { recorded, repeated } = receiptBatchSchema.parse(text(data));
    for (const { id } of [...recorded, ...repeated]) received.add(id);
  });
  services.subscribe('ledger.refused.identity', ({ data }) => refused.push(...refusalBatchSchema.parse(text(data)).refusals.map(({ code }) => code)));
  services.subscribe('ledger.integrity.*', ({ data }) => verdicts.push(verdictSchema.parse(text(data))));
  await services.flush();
}, START_LIMIT_MS);

afterAll(async () => {
  await ledger.stop();
  await services.close();
  await sender.close();
  await fixture.stop();
}, START_LIMIT_MS);

async function send(tenant: string, events: readonly Event[]): Promise<void> {
  await publishIntake(sender, `intake.identity.${tenant}`, JSON.stringify(events), { timeoutMs: 5_000 });
}

const hasAll = (events: readonly Event[]) => () => events.every(({ id }) => received.has(id));
const get = async (path: string): Promise<Response> => fetch(`${ledger.url}${path}`);
const verify = async (tenant: string, body: unknown = {}): Promise<Response> =>
  fetch(`${ledger.url}/ledgers/${tenant}/verifications`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
const checkpointSize = async (tenant: string): Promise<number> => {
  const { rows } = await fixture.admin.query<{ size: string | null }>('SELECT max(tree_size) AS size FROM checkpoints JOIN ledgers USING (ledger_id) WHERE tenant = $1', [tenant]);
  return Number(rows[0]!.size ?? 0);
};

describe('the service', () => {
  it('is ready, takes events from the bus and gives receipts, signs and shows its figures', async () => {
    const ready = await get('/readyz');
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, checks: { database: 'ok', bus: 'ok' } }]);
    const events = makeEvents('acme', 20, (n) => ({ data: { n } }));
    await send('acme', events);
    await publishIntake(sender, 'intake.identity.acme', '{}', { timeoutMs: 5_000 });
    await until(hasAll(events));
    await until(() => refused.length === 1);
    expect(refused).toEqual(['EVENT_FIELD_MISSING']);
    await until(async () => (await checkpointSize('acme')) === 20);
    const metrics = async (): Promise<string> => (await get('/metrics')).text();
    expect(await metrics()).toMatch(/countersign_ledger_events_recorded_total\{[^}]*tenant="acme"[^}]*\} 20/);
    // Counted once the archive knows that the checkpoint is stored.
    await until(async () => /countersign_ledger_checkpoint_size\{[^}]*tenant="acme"[^}]*\} 20/.test(await metrics()));
  });

  it('records every full verdict once in the system ledger, also across a restart', async () => {
    await verify('acme');
    const counts = async (): Promise<{ owed: number; recorded: number; system: number }> => {
      const { rows } = await fixture.admin.query<{ owed: number; recorded: number; system: number }>(
        `SELECT (SELECT count(*)::int FROM verifications WHERE to_ledger) AS owed,
                (SELECT count(*)::int FROM verifications v JOIN entries e ON e.event_id = v.verification_id WHERE to_ledger) AS recorded,
                (SELECT count(*)::int FROM entries JOIN ledgers USING (ledger_id) WHERE tenant = 'system') AS system`,
      );
      return rows[0]!;
    };
    await until(async () => {
      const { owed, recorded } = await counts();
      return owed > 0 && owed === recorded;
    });
    expect(await ledger.stop()).toBe(0);
    ledger = await startLedgerProcess(env);
    await verify('acme');
    await until(async () => {
      const { owed, recorded } = await counts();
      return owed === recorded;
    });
    const { owed, recorded, system } = await counts();
    expect({ recorded, system }).toEqual({ recorded: owed, system: owed });
    const entries = await checkedEntries(fixture, await storeOf(fixture).ensureLedger('system'));
    expect(new Set(entries.map(({ type }) => type))).toEqual(new Set(['ledger.history.verified']));
  }, START_LIMIT_MS);

  it.each([
    [400, 'REQUEST_INVALID', { fromIndex: 5, toIndex: 5 }],
    [400, 'RANGE_BEYOND_LEDGER', { toIndex: 10_000 }],
    [400, 'REQUEST_INVALID', { fromIndex: -1 }],
  ])('answers %i %s to a verification of a range that is none: %j', async (status, code, body) => {
    const answer = await verify('acme', body);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([status, code]);
  });

  it('stops a broken ledger, keeps what comes for it, and goes on when it is intact again', async () => {
    const victim = await storeOf(fixture).ensureLedger('acme');
    const edit = (from: string, to: string): Promise<void> =>
      asAttacker(fixture, `UPDATE entries SET entry = convert_to(replace(convert_from(entry, 'UTF8'), '${from}', '${to}'), 'UTF8') WHERE ledger_id = $1 AND leaf_index = 7`, [victim.ledgerId]);
    await edit('u-1', 'u-9');
    const broken = verdictSchema.parse(await (await verify('acme')).json());
    expect(broken).toMatchObject({ verdict: 'broken', kind: 'full', fault: { code: 'ENTRY_ALTERED', firstIndex: 7, lastIndex: 7 } });
    await until(() => verdicts.some(({ tenant, verdict }) => tenant === 'acme' && verdict === 'broken'));

    const kept = makeEvents('acme', 3);
    await send('acme', kept);
    const others = makeEvents('globex', 3);
    await send('globex', others);
    await until(hasAll(others));
    await until(async () => (await fixture.admin.query('SELECT FROM parked_messages WHERE ledger_id = $1', [victim.ledgerId])).rowCount === 1);
    expect(kept.some(({ id }) => received.has(id))).toBe(false);

    // It is remembered outside the database.
    expect(await ledger.stop()).toBe(0);
    ledger = await startLedgerProcess(env);
    await edit('u-9', 'u-1');
    expect(await (await verify('acme')).json()).toMatchObject({ verdict: 'intact', kind: 'full' });
    await until(hasAll(kept));
    await until(async () => (await checkpointSize('acme')) === 23);
    expect(await checkedEntries(fixture, victim)).toHaveLength(23);
    await until(async () => {
      const system = await checkedEntries(fixture, await storeOf(fixture).ensureLedger('system'));
      return system.some(({ type, severity }) => type === 'ledger.integrity.broken' && severity === 'alert');
    });
  }, START_LIMIT_MS);

  it('shares its ledgers with a second instance without a gap, a fork or an alarm', async () => {
    const second = await startLedgerProcess(env);
    const before = verdicts.filter(({ verdict }) => verdict === 'broken').length;
    const events = makeEvents('shared', 400);
    const one = async (from: number): Promise<void> => {
      for (let i = from; i < events.length; i += 8) {
        await send('shared', events.slice(i, i + 4));
        await sleep(10);
      }
    };
    await Promise.all([one(0), one(4)]);
    await until(hasAll(events));
    const shared = await storeOf(fixture).ensureLedger('shared');
    expect(new Set((await checkedEntries(fixture, shared)).map(({ id }) => id))).toEqual(new Set(events.map(({ id }) => id)));
    await until(async () => (await checkpointSize('shared')) === events.length);
    expect(await (await verify('shared')).json()).toMatchObject({ verdict: 'intact', treeSize: events.length });
    expect(await second.stop()).toBe(0);
    expect(verdicts.filter(({ verdict }) => verdict === 'broken')).toHaveLength(before);
    for (const { out } of [ledger, second]) expect(out()).not.toContain('invariant broken');
  }, START_LIMIT_MS);

  it('signs the last checkpoint before it ends', async () => {
    const event = makeEvent('leaving');
    await send('leaving', [event]);
    await until(hasAll([event]));
    expect(await ledger.stop()).toBe(0);
    expect(await checkpointSize('leaving')).toBe(1);
    const steps = [...ledger.out().matchAll(/"step":"([^"]+)"/g)].map(([, step]) => step);
    // The log is written by a thread, and at the end by the process itself: its last two lines may come in either order.
    expect(steps.slice(0, -2)).toEqual(['wait for keys once', 'stop answering retention', 'stop pulling', 'finish appends', 'sign last checkpoints', 'stop loops', 'close http']);
    expect(steps.slice(-2).sort()).toEqual(['close bus', 'close stores']);
    expect(ledger.out()).not.toMatch(/"level":(50|60|"error"|"fatal")[^\n]*shutdown/);
  }, START_LIMIT_MS);
});

describe('a service whose database password is rotated', () => {
  it('takes the new one from its file without a restart, and loses no event', async () => {
    const file = env['LEDGER_DATABASE_URL_FILE']!;
    const rotating = await startLedgerProcess(env);
    const before = fixture.url('ledger_runtime');
    const setPassword = async (url: string): Promise<void> => {
      await fixture.admin.query(`ALTER ROLE ledger_runtime PASSWORD '${new URL(url).password}'`);
      await writeFile(file, `${url}\n`);
    };
    const rotations = (): number => rotating.out().split('secret rotated').length - 1;
    // Again and again: a connection that was just being made is not in the list yet.
    const cutOff = async (): Promise<void> => {
      await fixture.admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ledger'");
    };
    const after = Object.assign(new URL(before), { password: 'r0tated-pa55word' }).href;
    try {
      for (const url of [after, before]) {
        const known = rotations();
        await setPassword(url);
        await cutOff();
        const events = makeEvents('rotating', 20);
        await send('rotating', events);
        await until(async () => {
          if (rotations() === known) await cutOff();
          return rotations() > known;
        });
        await until(hasAll(events));
      }
    } finally {
      expect(await rotating.stop()).toBe(0);
    }
    expect(rotations()).toBe(2);
    expect(rotating.out()).not.toContain('r0tated-pa55word');
  }, START_LIMIT_MS);
});

describe('a service that cannot start', () => {
  it('names the variable, never the value, and ends with 78', async () => {
    const { code, out, err } = await runLedgerProcess({ ...env, LEDGER_NATS_SEED_FILE: '/s3cret/place', LEDGER_HTTP_PORT: '1' });
    expect([code, out]).toEqual([78, '']);
    expect(err).toBe('ledger: LEDGER_NATS_SEED names a file that cannot be read (ENOENT)\n');
  }, START_LIMIT_MS);

  it('refuses a PostgreSQL that would forget what it confirmed', async () => {
    const { code, err } = await runLedgerProcess({ ...env, LEDGER_ALLOW_FSYNC_OFF: 'false' });
    expect(code).toBe(78);
    expect(err).toMatch(/^ledger: NOT_DURABLE: PostgreSQL runs with fsync=off/);
  }, START_LIMIT_MS);

  it('says nothing of a password that is wrong', async () => {
    const file = join(env['LEDGER_STATE_DIR']!, 'wrong.url');
    const url = new URL(fixture.url('ledger_runtime'));
    url.password = 'pa55word';
    await writeFile(file, url.href);
    const { code, out, err } = await runLedgerProcess({ ...env, LEDGER_DATABASE_URL_FILE: file });
    expect(code).toBe(1);
    expect(err).toContain('password authentication failed');
    expect(out + err).not.toContain('pa55word');
  }, START_LIMIT_MS);
});
