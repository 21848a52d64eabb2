import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'pg';
import { Countersign } from './countersign.js';
import { kindsOf } from './kinds.js';
import { carryOutOrders } from './orders.js';
import { report } from './report.js';
import { SCHEMA } from './schema.js';

const POLL_MS_DEFAULT = 5_000;

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set`);
  return value;
}

const organization = variable('RECORDS_ORGANIZATION');
const keyFile = variable('RECORDS_API_KEY_FILE');
const pollMs = Number(process.env['RECORDS_POLL_MS'] ?? POLL_MS_DEFAULT);
const pool = new Pool({ connectionString: variable('RECORDS_DATABASE_URL'), max: 4 });
pool.on('error', (error) => console.error(`records: ${error.message}`));
// Read each time: a key is replaced without a restart.
const countersign = new Countersign(variable('RECORDS_COUNTERSIGN_URL'), organization, async () => (await readFile(keyFile, 'utf8')).trim());
const kinds = kindsOf(organization);
const stopping = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopping.abort());

await pool.query(SCHEMA);
let isRegistered = false;
while (!stopping.signal.aborted) {
  try {
    if (!isRegistered) for (const { type, description } of kinds) await countersign.register(type, description);
    isRegistered = true;
    await report(pool, countersign, kinds);
    await carryOutOrders(pool, countersign, kinds, Date.now);
  } catch (error) {
    // Countersign or the database is away: everything here may be done again.
    console.error(`records: ${error instanceof Error ? error.message : String(error)}`);
  }
  await sleep(pollMs, undefined, { signal: stopping.signal }).catch(() => undefined);
}
await pool.end();
