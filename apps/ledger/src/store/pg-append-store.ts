import { ChainFault } from '@countersign/chain';
import { copyBinary } from '@countersign/postgres';
import type pg from 'pg';
import type { AccountedSequence, AppendStore, Commit, ParkedRow, SealedQuarantineRow } from '../append/append-store.js';
import { EventIdOnRecord, HeadMoved } from '../append/append-store.js';
import type { Recorded } from '../append/batch.js';
import type { SealedBody } from '../append/body-sealer.js';
import { ENTRIES_COPY_SQL } from '../append/copy-rows.js';
import { emptyHead, type Head, type Ledger } from '../append/head.js';
import { loadHead } from './load-head.js';
import { recordedFromRow } from './recorded-row.js';

/** First half of the advisory lock's key, so that no other user of the database takes a ledger's lock by chance. */
const LOCK_CLASS = 0x434c;
const UNIQUE_VIOLATION = '23505';

export interface PgAppendStoreOptions {
  readonly pool: pg.Pool;
  /** Origin of a new ledger. */
  readonly originOf: (tenant: string) => string;
}

/** The append flow's store on PostgreSQL, as the role `ledger_runtime`. */
export class PgAppendStore implements AppendStore {
  private readonly pool: pg.Pool;
  private readonly originOf: (tenant: string) => string;

  constructor(options: PgAppendStoreOptions) {
    this.pool = options.pool;
    this.originOf = options.originOf;
  }

  async ensureLedger(tenant: string): Promise<Ledger> {
    const known = await this.findLedger(tenant);
    if (known !== undefined) return known;
    const origin = this.originOf(tenant);
    const head = emptyHead(origin);
    await this.pool.query(
      `WITH made AS (INSERT INTO ledgers (tenant, origin) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING ledger_id)
       INSERT INTO heads (ledger_id, tree_size, root_hash, last_event_hash, last_recorded_at)
       SELECT ledger_id, 0, $3, $4, '' FROM made`,
      [tenant, origin, head.edge.root(), Buffer.from(head.lastEventHash, 'hex')],
    );
    const made = await this.findLedger(tenant);
    if (made === undefined) throw new Error(`ledger ${tenant} was not created: its origin is taken`);
    return made;
  }

  private async findLedger(tenant: string): Promise<Ledger | undefined> {
    const { rows } = await this.pool.query<{ ledger_id: number; origin: string }>(
      'SELECT ledger_id, origin FROM ledgers WHERE tenant = $1',
      [tenant],
    );
    const row = rows[0];
    return row === undefined ? undefined : { ledgerId: row.ledger_id, tenant, origin: row.origin };
  }

  loadHead(ledger: Ledger): Promise<Head> {
    return loadHead(this.pool, ledger);
  }

  async commit(commit: Commit): Promise<void> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on('error', onError);
    try {
      await writeCommit(client, commit);
    } catch (error) {
      // Only a server that answers can have rolled back; any other connection is thrown away with its transaction.
      await client.query('ROLLBACK').catch((e: Error) => (broken = e));
      throw translate(error);
    } finally {
      client.removeListener('error', onError);
      client.release(broken);
    }
  }

  async findRecorded(ledger: Ledger, eventIds: readonly string[]): Promise<Map<string, Recorded>> {
    // One index probe an id, whatever the planner believes of a table that was never analyzed: a plan by ledger_id
    // alone would read the whole ledger.
    const { rows } = await this.pool.query<{ content_digest: Buffer | null; entry: Buffer }>(
      `SELECT e.content_digest, e.entry FROM unnest($2::uuid[]) AS wanted(event_id)
        CROSS JOIN LATERAL (SELECT content_digest, entry FROM entries
                             WHERE ledger_id = $1 AND event_id = wanted.event_id OFFSET 0) AS e`,
      [ledger.ledgerId, eventIds],
    );
    return new Map(rows.map((row) => recordedFromRow(row)).map((recorded) => [recorded.receipt.id, recorded]));
  }

  async park(ledger: Ledger, subject: string, { digest, chunks, isMasked }: SealedBody): Promise<void> {
    // Whoever waits for a receipt sends again and again: the same message is kept once.
    await this.pool.query('INSERT INTO parked_messages (ledger_id, subject, body_digest, sealed_body, is_masked) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING', [
      ledger.ledgerId,
      subject,
      digest,
      chunks,
      isMasked,
    ]);
  }

  async parked(ledger: Ledger, limit: number, except: readonly number[]): Promise<readonly ParkedRow[]> {
    const { rows } = await this.pool.query<{ parked_id: string; subject: string; body: Buffer | null; body_digest: Buffer; sealed_body: string[] | null; is_masked: boolean }>(
      `SELECT parked_id, subject, body, body_digest, sealed_body, is_masked FROM parked_messages
        WHERE ledger_id = $1 AND parked_id <> ALL($3::bigint[]) ORDER BY parked_id LIMIT $2`,
      [ledger.ledgerId, limit, except],
    );
    return rows.map((row) => ({
      parkedId: Number(row.parked_id),
      subject: row.subject,
      body: row.body === null ? { digest: row.body_digest, chunks: row.sealed_body ?? [], isMasked: row.is_masked } : { clear: row.body },
    }));
  }

  async unpark(ledger: Ledger, parkedIds: readonly number[]): Promise<void> {
    await this.pool.query('DELETE FROM parked_messages WHERE ledger_id = $1 AND parked_id = ANY($2::bigint[])', [
      ledger.ledgerId,
      parkedIds,
    ]);
  }
}

/** One transaction: lock, compare-and-set the head, entries, tiles, refusals, commit. */
async function writeCommit(client: pg.PoolClient, commit: Commit): Promise<void> {
  const { ledger, base, next, entries } = commit;
  if (entries === undefined) {
    await client.query('BEGIN');
  } else {
    // One round trip. Every value here is a number or hex that we made ourselves.
    const results = (await client.query(
      `BEGIN;
       SELECT pg_advisory_xact_lock(${LOCK_CLASS}, ${ledger.ledgerId});
       UPDATE heads SET tree_size = ${next.treeSize}, root_hash = '\\x${next.edge.root().toString('hex')}',
              last_event_hash = '\\x${next.lastEventHash}', last_recorded_at = '${next.lastRecordedAt}'
        WHERE ledger_id = ${ledger.ledgerId} AND tree_size = ${base.treeSize} AND last_event_hash = '\\x${base.lastEventHash}'`,
    )) as unknown as readonly pg.QueryResult[];
    if (results[2]!.rowCount !== 1) throw new HeadMoved(`the head of ${ledger.tenant} is not at ${base.treeSize}`);
    await copyBinary(client, ENTRIES_COPY_SQL, entries);
    if (commit.tiles.length > 0) await insertTiles(client, commit);
  }
  await insertQuarantine(client, commit.quarantine);
  await noteSequences(client, ledger, commit.accounted);
  await client.query('COMMIT');
}

async function insertTiles(client: pg.PoolClient, { ledger, tiles }: Commit): Promise<void> {
  await client.query(
    `INSERT INTO tiles (ledger_id, level, tile_index, hashes, root)
     SELECT $1, t.* FROM unnest($2::smallint[], $3::bigint[], $4::bytea[], $5::bytea[]) AS t`,
    [ledger.ledgerId, tiles.map((t) => t.level), tiles.map((t) => t.tileIndex), tiles.map((t) => t.hashes), tiles.map((t) => t.root)],
  );
}

/** A redelivered refusal is the same refusal: it is stored once. */
async function insertQuarantine(client: pg.PoolClient, rows: readonly SealedQuarantineRow[]): Promise<void> {
  if (rows.length === 0) return;
  await client.query(
    // Chunks as JSON: PostgreSQL has no lists of lists of different lengths.
    `INSERT INTO quarantine (subject, event_id, code, field, message, body_digest, sealed_body, is_masked)
     SELECT q.subject, q.event_id, q.code, q.field, q.message, q.digest, ARRAY(SELECT jsonb_array_elements_text(q.chunks)), q.is_masked
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::jsonb[], $8::boolean[])
         AS q(subject, event_id, code, field, message, digest, chunks, is_masked)
     ON CONFLICT DO NOTHING`,
    [
      rows.map((r) => r.subject),
      rows.map((r) => r.eventId ?? null),
      rows.map((r) => r.code),
      rows.map((r) => r.field ?? null),
      rows.map((r) => r.message),
      rows.map((r) => r.body.digest),
      rows.map((r) => JSON.stringify(r.body.chunks)),
      rows.map((r) => r.body.isMasked),
    ],
  );
}

async function noteSequences(client: pg.PoolClient, ledger: Ledger, accounted: readonly AccountedSequence[]): Promise<void> {
  if (accounted.length === 0) return;
  await client.query(
    `INSERT INTO producers (ledger_id, source, producer_id, seen, last_seen_at)
     SELECT $1, source, producer_id, range_agg(int8range(sequence, sequence + 1)), now()
       FROM unnest($2::text[], $3::text[], $4::bigint[]) AS s(source, producer_id, sequence)
      GROUP BY source, producer_id ORDER BY source, producer_id
     ON CONFLICT (ledger_id, source, producer_id)
     DO UPDATE SET seen = producers.seen + EXCLUDED.seen, last_seen_at = now()`,
    [ledger.ledgerId, accounted.map((a) => a.source), accounted.map((a) => a.producerId), accounted.map((a) => a.sequence)],
  );
}

/** Names what a unique violation means here; everything else passes as it is. */
function translate(error: unknown): unknown {
  const { code, constraint } = error as { code?: string; constraint?: string };
  if (code !== UNIQUE_VIOLATION) return error;
  switch (constraint) {
    case 'entries_event_id_key':
      return new EventIdOnRecord('an event id of the batch is on record');
    case 'entries_pkey':
      // The head was locked and compared: a row beyond it was put there by somebody else.
      return new ChainFault('ENTRY_BEYOND_HEAD', 'an entry stands where the head says that none is yet');
    case 'tiles_pkey':
      return new ChainFault('TILE_UNEXPECTED', 'a tile stands where the head says that none is complete yet');
    default:
      return error;
  }
}

