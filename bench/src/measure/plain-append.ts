import { randomBytes } from 'node:crypto';
import { admitEvent, chainEntry, genesisHash, leafHash, saltedPart, SALT_BYTES, type AdmittedEvent } from '@countersign/chain';
import { createPool } from '@countersign/postgres';
import type pg from 'pg';
import { v7 as uuidV7 } from 'uuid';
import { sampleEvent, SOURCE, TENANT } from '../sample-event.js';

/**
 * The design that most audit logs have: whoever has an event takes the chain's lock, reads its end, adds one row and
 * commits. Its rows are those of `entries`, byte for byte of the same form, and it makes as few round trips as it can.
 */

const CLIENTS = 8;
const LOCK = 4_711;
const BEGIN_AND_READ_END = `BEGIN; SELECT pg_advisory_xact_lock(${LOCK}); SELECT leaf_index, entry FROM bench.plain ORDER BY leaf_index DESC LIMIT 1`;
const INSERT = {
  name: 'plain-insert',
  text: 'INSERT INTO bench.plain (ledger_id, leaf_index, event_id, content_digest, entry, data_part) VALUES (1, $1, $2, $3, $4, $5)',
};

interface EndRow {
  readonly leaf_index: string;
  readonly entry: Buffer;
}

/**
 * Makes the tables of the designs compared with: the ledger's own definition, with its constraints and indexes. Nothing
 * vacuums them, so that what one measurement leaves behind is not paid for by the next.
 */
export async function createCompared(pool: pg.Pool): Promise<void> {
  await pool.query(`
    CREATE SCHEMA bench;
    CREATE TABLE bench.plain (LIKE public.entries INCLUDING ALL) WITH (autovacuum_enabled = false);
    CREATE TABLE bench.copied (LIKE public.entries INCLUDING ALL) WITH (autovacuum_enabled = false)`);
}

/** Appends for `seconds` with eight clients. Returns events a second. */
export async function plainAppend(url: string, seconds: number): Promise<number> {
  const pool = createPool({ url, max: CLIENTS, applicationName: 'bench-plain' });
  try {
    await pool.query('TRUNCATE bench.plain');
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => pool.connect()));
    // A server that stops under a query fails the query; without a listener it would end this process before its cleaning up.
    for (const client of clients) client.on('error', ignore);
    let appended = 0;
    const startMs = performance.now();
    const endMs = startMs + seconds * 1000;
    await Promise.all(
      clients.map(async (client) => {
        while (performance.now() < endMs) {
          await appendOne(client, admit(appended));
          appended++;
        }
      }),
    );
    const elapsed = (performance.now() - startMs) / 1000;
    for (const client of clients) {
      client.off('error', ignore);
      client.release();
    }
    return appended / elapsed;
  } finally {
    await pool.end();
  }
}

function ignore(): void {
  // The query that fails with it says so.
}

function admit(k: number): AdmittedEvent {
  const event = {
    severity: 'info',
    outcome: 'success',
    ...sampleEvent(k),
    id: uuidV7(),
    source: SOURCE,
    time: new Date().toISOString(),
    producer: { id: `${SOURCE}-0011223344556677`, sequence: k + 1 },
  };
  return admitEvent(event, { source: SOURCE, tenant: TENANT });
}

async function appendOne(client: pg.PoolClient, admitted: AdmittedEvent): Promise<void> {
  const part = saltedPart('data', admitted.data ?? '{}', randomBytes(SALT_BYTES));
  const contentDigest = Buffer.concat([Buffer.of(1), leafHash(Buffer.from(admitted.content))]);
  const answers = (await client.query(BEGIN_AND_READ_END)) as unknown as readonly pg.QueryResult<EndRow>[];
  const end = answers[2]?.rows[0];
  const link = {
    index: end === undefined ? 0 : Number(end.leaf_index) + 1,
    previousEventHash: end === undefined ? genesisHash('bench.localhost/plain') : leafHash(end.entry).toString('hex'),
  };
  const entry = chainEntry(admitted, [part.descriptor], link, new Date().toISOString());
  await client.query({ ...INSERT, values: [link.index, admitted.event.id, contentDigest, Buffer.from(entry.text), part.stored] });
  await client.query('COMMIT');
}
