import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import type { Verdict } from '@countersign/contracts';
import { PERSONAL_CANARIES, personalOf } from '@countersign/devstack';
import { asked } from './audit-keys.js';
import type { ServiceProcess } from './service-process.js';
import type { Stand } from './stand.js';
import { until } from './waiting.js';

const LIMIT_MS = 120_000;
const SOURCE = 'careless';
const PARKED_TENANT = 'planted-parked';
const PARKED = 20;
const LONG_BYTES = 600 * 1024;

type Sent = Readonly<Record<string, unknown>>;

const eventOf = (tenant: string, n: number, change: Sent = {}): Sent => ({
  id: randomUUID(),
  type: `${SOURCE}.thing.happened`,
  source: SOURCE,
  tenant,
  time: '2026-01-31T09:30:00.000Z',
  severity: 'info',
  outcome: 'success',
  actor: { type: 'service', id: 'faults' },
  // Numbers of which `personalOf` knows somebody.
  personal: personalOf(n * 5),
  ...change,
});

/** Every way in which a message may be refused that quotes a person, in parts that would be sealed and in parts that would not. */
function badMessages(tenant: string): readonly (readonly [code: string, subject: string, body: string])[] {
  const subject = `intake.${SOURCE}.${tenant}`;
  const { name, nationalId, mail, address } = PERSONAL_CANARIES;
  return [
    ['MESSAGE_NOT_JSON', subject, `Dear ${name} <${mail}>, ${nationalId} from ${address}`],
    ['MESSAGE_TOO_LARGE', subject, JSON.stringify([eventOf(tenant, 1), { note: `${mail} ${nationalId} `.repeat(Math.ceil(LONG_BYTES / 40)) }])],
    ['EVENT_NOT_OBJECT', subject, JSON.stringify([name])],
    ['EVENT_FIELD_INVALID', subject, JSON.stringify(eventOf(tenant, 2, { severity: name }))],
    ['EVENT_FIELD_INVALID', subject, JSON.stringify(eventOf(tenant, 3, { time: `${address} at noon`, data: { mail } }))],
    ['EVENT_FIELD_UNKNOWN', subject, JSON.stringify(eventOf(tenant, 4, { nationality: { name, nationalId } }))],
    ['EVENT_FIELD_UNKNOWN', subject, JSON.stringify(eventOf(tenant, 9, { [name]: nationalId }))],
    ['EVENT_FIELD_INVALID', subject, JSON.stringify(eventOf(tenant, 10, { id: mail }))],
    ['EVENT_TENANT_MISMATCH', subject, JSON.stringify(eventOf('another-tenant', 5))],
    ['EVENT_SOURCE_MISMATCH', subject, JSON.stringify(eventOf(tenant, 6, { source: 'other', type: 'other.thing.happened' }))],
    ['SUBJECT_INVALID', `intake.${SOURCE}.NOBODY`, JSON.stringify(eventOf(tenant, 7, { data: { address } }))],
  ];
}

async function quarantined(stand: Stand): Promise<string[]> {
  const { rows } = await asked(stand, 'ledger', (client) => client.query<{ code: string; isClear: boolean }>('SELECT code, body IS NOT NULL AS "isClear" FROM quarantine'));
  expect(rows.filter(({ isClear }) => isClear)).toEqual([]);
  return rows.map(({ code }) => code);
}

/** Sends what is refused, the key service being at hand, and then while it is frozen: that waits on the bus until it is back. */
export async function refuseBodies(stand: Stand, tenants: readonly string[]): Promise<void> {
  const expected: string[] = [];
  for (const [at, tenant] of tenants.entries()) {
    const isFrozen = at % 2 === 1;
    const reused = eventOf(tenant, 8);
    await stand.witness.send(`intake.${SOURCE}.${tenant}`, JSON.stringify(reused));
    await until('the first of its id is recorded', LIMIT_MS, () => stand.witness.receipts.has(reused['id'] as string));
    const again = ['EVENT_ID_REUSED', `intake.${SOURCE}.${tenant}`, JSON.stringify({ ...reused, personal: personalOf(45) })] as const;
    if (isFrozen) stand.keys!.process.signal('SIGSTOP');
    for (const [code, subject, body] of [...badMessages(tenant), again]) {
      await stand.witness.send(subject, body);
      expected.push(code);
    }
    if (isFrozen) stand.keys!.process.signal('SIGCONT');
    await until('every refusal is in quarantine', LIMIT_MS, async () => (await quarantined(stand)).length >= expected.length);
  }
  // A message of which nothing came back may have been refused twice; none is missing, and none is of another kind.
  expect([...new Set(await quarantined(stand))].sort()).toEqual([...new Set(expected)].sort());
}

/** As superuser, past every trigger: one entry of a ledger says another actor. */
async function alter(stand: Stand, from: string, to: string): Promise<void> {
  await asked(stand, 'ledger', async (client) => {
    await client.query('SET session_replication_role = replica');
    const { rowCount } = await client.query(
      "UPDATE entries SET entry = convert_to(replace(convert_from(entry, 'UTF8'), $2, $3), 'UTF8') WHERE leaf_index = 0 AND ledger_id = (SELECT ledger_id FROM ledgers WHERE tenant = $1)",
      [PARKED_TENANT, from, to],
    );
    expect(rowCount).toBe(1);
  });
}

async function verify(ledger: ServiceProcess): Promise<Verdict> {
  let verdict: Verdict | undefined;
  await until('the ledger is verified', LIMIT_MS, async () => {
    const answer = await fetch(`${ledger.url}/ledgers/${PARKED_TENANT}/verifications`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}', signal: AbortSignal.timeout(LIMIT_MS) });
    if (answer.ok) verdict = (await answer.json()) as Verdict;
    return verdict !== undefined;
  });
  return verdict!;
}

async function parkedCount(stand: Stand): Promise<number> {
  const { rows } = await asked(stand, 'ledger', (client) => client.query<{ isClear: boolean }>('SELECT body IS NOT NULL AS "isClear" FROM parked_messages JOIN ledgers USING (ledger_id) WHERE tenant = $1', [PARKED_TENANT]));
  expect(rows.filter(({ isClear }) => isClear)).toEqual([]);
  return rows.length;
}

/** Breaks a ledger of its own, and keeps it broken during `meanwhile`, with messages parked; then it is intact, and they are recorded. */
export async function parkBodies(stand: Stand, ledger: ServiceProcess, meanwhile: () => Promise<void>): Promise<void> {
  const send = async (event: Sent): Promise<string> => {
    await stand.witness.send(`intake.${SOURCE}.${PARKED_TENANT}`, JSON.stringify(event));
    return event['id'] as string;
  };
  const first = await send(eventOf(PARKED_TENANT, 0));
  await until('the first event is recorded', LIMIT_MS, () => stand.witness.receipts.has(first));
  await alter(stand, '"id":"faults"', '"id":"faultz"');
  expect(await verify(ledger)).toMatchObject({ verdict: 'broken' });
  const ids: string[] = [];
  for (let n = 1; n <= PARKED; n += 1) ids.push(await send(eventOf(PARKED_TENANT, n)));
  // What will be refused is parked like any other.
  const bad = badMessages(PARKED_TENANT).filter(([code]) => code !== 'SUBJECT_INVALID');
  for (const [, subject, body] of bad) await stand.witness.send(subject, body);
  await until('all is parked', LIMIT_MS, async () => (await parkedCount(stand)) >= PARKED + bad.length);
  await meanwhile();

  await alter(stand, '"id":"faultz"', '"id":"faults"');
  expect(await verify(ledger)).toMatchObject({ verdict: 'intact', kind: 'full' });
  await until('what was parked is recorded', LIMIT_MS, () => ids.every((id) => stand.witness.receipts.has(id)));
  await until('nothing is parked any more', LIMIT_MS, async () => (await parkedCount(stand)) === 0);
}
