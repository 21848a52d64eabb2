import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseVkey, sha256Hex } from '@countersign/chain';
import { verifyCertificate } from '@countersign/certificates';
import { seeded, wanted } from '@countersign/devstack';
import { withClient } from '@countersign/postgres';
import { Stand, type Person } from './fixture/stand.js';
import { until } from './fixture/sweep-stand.js';

const KILLS = 14;
const KILLED_WITHIN_MS = 500;
const ENDED_WITHIN_MS = 120_000;
const SEED = Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000);
const dice = seeded(SEED);

let stand: Stand;
beforeAll(async () => {
  stand = await Stand.open();
}, 180_000);
afterAll(() => stand.close(), 60_000);

const asked = async <T extends object>(database: string, sql: string, values: unknown[] = []): Promise<T[]> => withClient(stand.stack.databaseUrl(database), async (client) => (await client.query<T>(sql, values)).rows);
const recorded = async (type: string, id: string): Promise<number> => (await asked('ledger', `SELECT FROM entries WHERE position(convert_to($1, 'UTF8') IN entry) > 0 AND position(convert_to($2, 'UTF8') IN entry) > 0`, [`"type":"${type}"`, `"id":"${id}"`])).length;
const open = async (): Promise<number> => (await asked('retention', `SELECT FROM subject_requests WHERE kind = 'delete' AND closed_at IS NULL`)).length;

describe('services killed with -9 while somebody is erased', () => {
  it(`${KILLS} times: each erasure ends by itself, once, with one certificate, and nobody else loses anything`, async () => {
    const { retention, identity, ledger } = stand.platform;
    const bystander = await stand.person();
    const erased: { person: Person; requestId: string }[] = [];
    let met = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const person = await stand.person();
      const { requestId } = wanted(await person.browser.post('/v1/account/privacy/delete', {}), 202).json as { requestId: string };
      erased.push({ person, requestId });
      await sleep(dice() * KILLED_WITHIN_MS);
      const victim = [retention, retention, identity, ledger][kill % 4]!;
      await victim.kill();
      met += await open();
      await victim.start();
    }
    // Otherwise the kills met nothing.
    expect(met).toBeGreaterThan(0);
    await until(async () => (await open()) === 0, ENDED_WITHIN_MS);
    for (const { person, requestId } of erased) {
      const { userId } = person.account;
      const [row] = await asked<{ state: string; certificate: string; vkey: string }>('retention', 'SELECT state, certificate, vkey FROM subject_requests WHERE request_id = $1', [requestId]);
      const { statement } = verifyCertificate(row!.certificate, [parseVkey(row!.vkey)]);
      expect({ state: row!.state, statement }).toMatchObject({ state: 'completed', statement: { request: requestId, subject: userId } });
      // Counted once, whoever did it.
      expect((statement as unknown as { scrubbed: { type: string; count: number }[] }).scrubbed.filter(({ type }) => type === 'account').map(({ count }) => count)).toEqual([1]);
      expect(await asked('identity', 'SELECT state, email FROM users WHERE user_id = $1', [userId])).toEqual([{ state: 'erased', email: null }]);
      expect((await asked('identity', 'SELECT FROM subject_scrubs WHERE user_id = $1', [userId])).length).toBe(1);
      for (const [type, id] of [['retention.erasure.begun', requestId], ['retention.subject-request.completed', requestId], ['identity.user.erased', userId]] as const) {
        await until(async () => (await recorded(type, id)) > 0);
        expect({ type, times: await recorded(type, id) }).toEqual({ type, times: 1 });
      }
    }
    const certificates = await asked<{ certificate: string }>('retention', `SELECT certificate FROM subject_requests WHERE certificate IS NOT NULL`);
    const signed = await asked<{ event: string }>('keys', `SELECT event::text AS event FROM events WHERE type = 'keys.certificate.signed'`);
    const known = (event: string): boolean => certificates.some(({ certificate }) => event.includes(sha256Hex(certificate)));
    // No other erasure was certified, be it in vain.
    expect({ known: new Set(certificates.map(({ certificate }) => certificate)).size, unknown: signed.filter(({ event }) => !known(event)).length, isOnRecord: signed.some(({ event }) => known(event)) }).toEqual({ known: KILLS, unknown: 0, isOnRecord: true });
    wanted(await bystander.browser.get('/v1/account/profile'), 200);
    process.stdout.write(`seed ${SEED}: ${KILLS} kills, ${met} erasures open at a kill\n`);
  }, 300_000);
});
