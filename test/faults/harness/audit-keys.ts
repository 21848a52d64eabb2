import { expect } from '@jest/globals';
import type { RecordedEvent } from '@countersign/contracts';
import { PERSONAL_CANARIES, personalOf, spellings, tablesWith } from '@countersign/devstack';
import pg from 'pg';
import type { Promised } from './producer-process.js';
import type { StoredLedger } from './recorded-ledger.js';
import type { ServiceProcess } from './service-process.js';
import type { Stand } from './stand.js';
import { until } from './waiting.js';

const RELAY_LIMIT_MS = 120_000;
/** Personal parts that are read back, of each producer. */
const READ_BACK = 20;
const SYSTEM = 'system';

/** Asks one of the stand's databases as its superuser. */
export async function asked<T>(stand: Stand, database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: stand.databaseUrl(database) });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** No personal part stands in the clear in any table of any database. */
export async function auditClearText(stand: Stand): Promise<void> {
  const texts = Object.values(PERSONAL_CANARIES).flatMap((canary) => spellings(canary));
  for (const database of ['ledger', 'keys', 'keys_subjects']) {
    expect({ database, tables: await asked(stand, database, (client) => tablesWith(client, texts)) }).toEqual({ database, tables: [] });
  }
}

/** What the key service has on record has its receipt: every key that it handed out, and every refusal, is in the ledger. */
export async function keysRelayed(stand: Stand): Promise<void> {
  await asked(stand, 'keys', async (client) => {
    const { rows } = await client.query<{ last: string }>('SELECT coalesce(max(added), 0) AS last FROM event_relay');
    await until('every event of the key service has its receipt', RELAY_LIMIT_MS, async () => {
      const { rows: left } = await client.query('SELECT FROM event_relay WHERE ledger_index IS NULL AND added <= $1 LIMIT 1', [rows[0]?.last]);
      return left.length === 0;
    });
  });
}

/** Receipts of the key service's events tell the truth: each is recorded once, where its receipt says. */
export async function auditKeyEvents(stand: Stand, stored: readonly StoredLedger[]): Promise<void> {
  const entries = new Map(stored.find(({ tenant }) => tenant === SYSTEM)?.entries.map(({ id, index }) => [id, index]));
  const { rows } = await asked(stand, 'keys', (client) => client.query<{ event_id: string; ledger_index: string }>('SELECT event_id, ledger_index FROM event_relay WHERE ledger_index IS NOT NULL'));
  // The ledger was read before: of what came after, nothing is claimed.
  const size = entries.size;
  const wrong = rows.filter(({ event_id, ledger_index }) => Number(ledger_index) < size && entries.get(event_id) !== Number(ledger_index));
  expect({ receipted: rows.length > 0, wrong: wrong.slice(0, 10) }).toEqual({ receipted: true, wrong: [] });
}

/** Some personal parts of what was promised, read back by whoever may read: as they were sent. */
export async function auditReadBack(ledger: ServiceProcess, promised: readonly Promised[], stored: readonly StoredLedger[], erased: readonly string[] = []): Promise<void> {
  const indexes = new Map(stored.flatMap(({ entries }) => entries.map(({ id, index }) => [id, index] as const)));
  const personal = promised.filter(({ n }) => personalOf(n) !== undefined);
  const step = Math.max(1, Math.floor(personal.length / READ_BACK));
  for (const { id, tenant, n } of personal.filter((_, at) => at % step === 0)) {
    const answer = await fetch(`${ledger.url}/ledgers/${tenant}/entries/${indexes.get(id)}`, { signal: AbortSignal.timeout(20_000) });
    const { parts } = (await answer.json()) as RecordedEvent;
    const [sent] = personalOf(n) ?? [];
    const state = erased.includes(sent?.subject ?? '') ? { state: 'erased' } : { state: 'present', value: sent?.data };
    expect(parts.filter(({ name }) => name === 'personal')).toEqual([{ name: 'personal', subject: sent?.subject, ...state }]);
  }
}
