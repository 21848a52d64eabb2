import { TILE_WIDTH, type StoredEntry } from '@countersign/chain';
import { verdictSchema, type RefusedEvent, type Verdict } from '@countersign/contracts';
import { LRUCache } from 'lru-cache';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';

const LEDGERS_CACHED_MAX = 10_000;

/** A checkpoint as it was stored. Nothing of it may be believed before its note is verified. */
export interface StoredCheckpoint {
  readonly treeSize: number;
  readonly note: string;
}

/** An entry under the keys that the database gives it. */
export type EntryRecord = Required<StoredEntry>;

/** What a proof begins with. */
export interface LeafRecord {
  readonly leafIndex: number;
  readonly entry: Buffer;
  /** 256 leaf hashes, this one's among them; undefined while the tile is not full. */
  readonly tile: Buffer | undefined;
}

/** How far a ledger has come: committed, covered by a checkpoint, indexed for search. */
export interface LedgerSizes {
  readonly treeSize: number;
  /** 0 before the first checkpoint. */
  readonly checkpointSize: number;
  readonly indexedSize: number;
}

interface EntryRow {
  readonly leaf_index: string;
  readonly event_id: string;
  readonly entry: Buffer;
  readonly data_part: Buffer | null;
  readonly personal_parts: (Buffer | null)[] | null;
}

const ENTRY_COLUMNS = 'leaf_index, event_id, entry, data_part, personal_parts';

/** What readers may ask of the database, over a pool of the role `ledger_reader`, which can only select. */
export class PgReadStore {
  /** A ledger's id and origin never change once it exists. */
  private readonly known = new LRUCache<string, Ledger>({ max: LEDGERS_CACHED_MAX });

  constructor(private readonly pool: pg.Pool) {}

  async ledger(tenant: string): Promise<Ledger | undefined> {
    const known = this.known.get(tenant);
    if (known !== undefined) return known;
    const { rows } = await this.pool.query<{ ledger_id: number; origin: string }>(
      'SELECT ledger_id, origin FROM ledgers WHERE tenant = $1',
      [tenant],
    );
    const row = rows[0];
    if (row === undefined) return undefined;
    const ledger = { ledgerId: row.ledger_id, tenant, origin: row.origin };
    this.known.set(tenant, ledger);
    return ledger;
  }

  /** Ledgers in order of their tenants' names, from the one after `after`. */
  async ledgers(after: string, limit: number): Promise<(Ledger & LedgerSizes)[]> {
    const { rows } = await this.pool.query<SizesRow & { ledger_id: number; tenant: string; origin: string }>(
      `SELECT l.ledger_id, l.tenant, l.origin, ${SIZES} FROM ledgers l WHERE l.tenant > $1 COLLATE "C" ORDER BY l.tenant COLLATE "C" LIMIT $2`,
      [after, limit],
    );
    return rows.map((row) => ({ ledgerId: row.ledger_id, tenant: row.tenant, origin: row.origin, ...sizesOf(row) }));
  }

  async sizes(ledger: Ledger): Promise<LedgerSizes> {
    const { rows } = await this.pool.query<SizesRow>(`SELECT ${SIZES} FROM ledgers l WHERE l.ledger_id = $1`, [ledger.ledgerId]);
    return sizesOf(rows[0]!);
  }

  /** The checkpoint of the greatest size. */
  async latestCheckpoint(ledger: Ledger): Promise<StoredCheckpoint | undefined> {
    // Named, here and below: on the way of every proof, planning would cost as much as reading.
    const { rows } = await this.pool.query<{ tree_size: string; note: string }>({
      name: 'latest-checkpoint',
      text: 'SELECT tree_size, note FROM checkpoints WHERE ledger_id = $1 ORDER BY tree_size DESC LIMIT 1',
      values: [ledger.ledgerId],
    });
    const row = rows[0];
    return row === undefined ? undefined : { treeSize: Number(row.tree_size), note: row.note };
  }

  /** An entry with the tile that its proof needs, in one round trip: each costs a proof as much as all its hashing. */
  async leafByEventId(ledger: Ledger, eventId: string): Promise<LeafRecord | undefined> {
    const { rows } = await this.pool.query<{ leaf_index: string; entry: Buffer; hashes: Buffer | null }>({
      name: 'leaf-by-event-id',
      text: `SELECT e.leaf_index, e.entry, t.hashes FROM entries e
               LEFT JOIN tiles t ON t.ledger_id = e.ledger_id AND t.level = 0 AND t.tile_index = e.leaf_index / ${TILE_WIDTH}
              WHERE e.ledger_id = $1 AND e.event_id = $2`,
      values: [ledger.ledgerId, eventId],
    });
    const row = rows[0];
    return row === undefined ? undefined : { leafIndex: Number(row.leaf_index), entry: row.entry, tile: row.hashes ?? undefined };
  }

  /** Those of the entries [start, end) that are there, in order. */
  async entries(ledger: Ledger, start: number, end: number): Promise<EntryRecord[]> {
    const { rows } = await this.pool.query<EntryRow>(
      `SELECT ${ENTRY_COLUMNS} FROM entries WHERE ledger_id = $1 AND leaf_index >= $2 AND leaf_index < $3 ORDER BY leaf_index`,
      [ledger.ledgerId, start, end],
    );
    return rows.map(storedEntry);
  }

  /** Those of the entries at `leafIndexes` that are there, newest first. */
  async entriesAt(ledger: Ledger, leafIndexes: readonly number[]): Promise<EntryRecord[]> {
    const { rows } = await this.pool.query<EntryRow>(
      `SELECT ${ENTRY_COLUMNS} FROM entries WHERE ledger_id = $1 AND leaf_index = ANY($2::bigint[]) ORDER BY leaf_index DESC`,
      [ledger.ledgerId, leafIndexes],
    );
    return rows.map(storedEntry);
  }

  /** Bytes of those of the entries [start, end) that are there, in order. */
  async entryBytes(ledger: Ledger, start: number, end: number): Promise<Buffer[]> {
    const { rows } = await this.pool.query<{ entry: Buffer }>(
      'SELECT entry FROM entries WHERE ledger_id = $1 AND leaf_index >= $2 AND leaf_index < $3 ORDER BY leaf_index',
      [ledger.ledgerId, start, end],
    );
    return rows.map((row) => row.entry);
  }

  /** Stored results of verifications, latest first. */
  async verdicts(ledger: Ledger, limit: number): Promise<Verdict[]> {
    const { rows } = await this.pool.query<{ result: unknown }>(
      'SELECT result FROM verifications WHERE ledger_id = $1 ORDER BY finished_at DESC LIMIT $2',
      [ledger.ledgerId, limit],
    );
    return rows.map((row) => verdictSchema.parse(row.result));
  }

  /** What was refused, newest first, from below `before`. The refused bodies stay where they are: they may be personal. */
  async refused(tenant: string, before: number, limit: number): Promise<RefusedEvent[]> {
    const { rows } = await this.pool.query<RefusedRow>(
      `SELECT quarantine_id, received_at, subject, event_id, code, field, message FROM quarantine
        WHERE tenant = $1 AND quarantine_id < $2 ORDER BY quarantine_id DESC LIMIT $3`,
      [tenant, before, limit],
    );
    return rows.map((row) => ({
      refusalId: Number(row.quarantine_id),
      receivedAt: row.received_at.toISOString(),
      source: row.subject.split('.')[1] ?? '',
      eventId: row.event_id ?? undefined,
      code: row.code,
      field: row.field ?? undefined,
      message: row.message,
    }));
  }
}

interface SizesRow {
  readonly tree_size: string;
  readonly checkpoint_size: string;
  readonly indexed_size: string;
}

interface RefusedRow {
  readonly quarantine_id: string;
  readonly received_at: Date;
  readonly subject: string;
  readonly event_id: string | null;
  readonly code: string;
  readonly field: string | null;
  readonly message: string;
}

const SIZES = `
  coalesce((SELECT tree_size FROM heads h WHERE h.ledger_id = l.ledger_id), 0) AS tree_size,
  coalesce((SELECT max(tree_size) FROM checkpoints c WHERE c.ledger_id = l.ledger_id), 0) AS checkpoint_size,
  coalesce((SELECT indexed_size FROM index_cursors i WHERE i.ledger_id = l.ledger_id), 0) AS indexed_size`;

function sizesOf(row: SizesRow): LedgerSizes {
  return { treeSize: Number(row.tree_size), checkpointSize: Number(row.checkpoint_size), indexedSize: Number(row.indexed_size) };
}

function storedEntry(row: EntryRow): EntryRecord {
  return {
    leafIndex: Number(row.leaf_index),
    eventId: row.event_id,
    entry: row.entry,
    data: row.data_part,
    personal: row.personal_parts ?? [],
  };
}
