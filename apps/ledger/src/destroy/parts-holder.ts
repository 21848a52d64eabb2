import { isDeepStrictEqual } from 'node:util';
import type { HeldOrder, HeldResource, HolderArgs, HolderResult } from '@countersign/contracts';
import { HolderFault, type Carried } from '@countersign/holder';
import type { PoolClient } from '@countersign/postgres';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';
import type { PgReadStore } from '../store/pg-read-store.js';
import { AfterList } from './after-list.js';
import type { FairShare } from './fair-share.js';
import type { PartClasses } from './part-class.js';
import { ENTRIES_LOCK } from './reclaiming.js';
import type { StatementRows } from './statement-rows.js';
import { orderedEvent, recalledEvent, type DestructionRecords } from './statements.js';
import { storedParts, type StoredParts } from './stored-parts.js';
import { readStretchId, stretchId, type StretchName } from './stretch-id.js';
import type { Stretches } from './stretches.js';
import { Taking, type Taken } from './taking.js';

export const PARTS_TYPE = 'audit-parts';

export interface PartsHolderOptions {
  readonly reader: pg.Pool;
  readonly read: Pick<PgReadStore, 'ledger'>;
  readonly stretches: Stretches;
  readonly classes: PartClasses;
  readonly statements: StatementRows;
  readonly records: DestructionRecords;
  readonly share: FairShare;
  /** Told of how many entries parts go, shortly before that is committed. */
  readonly onDestroyed: (entries: number) => void;
}

export interface PreparedParts {
  readonly ledger: Ledger;
  readonly taken: readonly Taken[];
}

/**
 * Parts of audit events, by stretches of a ledger and classes. Before any goes, the ledger itself says which: a statement, recorded and
 * signed. So whoever verifies later knows a lawful destruction from a part that somebody took away.
 */
export class PartsHolder {
  constructor(private readonly options: PartsHolderOptions) {}

  async list({ after: from, limit, except }: HolderArgs<'held-list'>): Promise<HolderResult<'held-list'>> {
    const { stretches } = this.options;
    const after = readAfter(from);
    // Everything that was appended is in the list, however long it takes to look at it: the place where it begins is moved on instead.
    const unseen = await stretches.catchUp(after);
    if (unseen !== undefined) return { resources: [], next: String(unseen) };
    const page = await stretches.page(after, except, limit);
    const resources = page.map((stretch): HeldResource => ({
      // The youngest of it counts: nothing goes too early.
      type: PARTS_TYPE, id: stretchId(stretch), tenant: stretch.tenant, class: stretch.class, created: stretch.lastRecordedAt.toISOString(), oldest: stretch.firstRecordedAt.toISOString(),
    }));
    const last = page.at(-1);
    return page.length < limit || last === undefined ? { resources } : { resources, next: String(AfterList.stretch(last)) };
  }

  /** States what is to go, and waits until that is signed. */
  async prepare(order: HeldOrder): Promise<PreparedParts> {
    const { statements, records, share } = this.options;
    await share.turn();
    const ledger = await this.options.read.ledger(order.tenant);
    if (ledger === undefined) throw new HolderFault('REQUEST_MALFORMED', 'there is no such ledger', 'tenant');
    const { taken, spoken } = await share.work(() => this.#take(ledger, order));
    if (spoken.ranges.length === 0) return { ledger, taken };
    const event = orderedEvent(order, { parts: ['data', 'personal'], ...spoken });
    const stated = await statements.keep(order.orderId, { ledger, event }, order.expiresAt);
    if (stated.ledger.ledgerId !== ledger.ledgerId) throw new HolderFault('ORDER_ID_REUSED', 'there is another order of this id', 'orderId');
    // Stated before a crash, and since then something has changed: what is stated would not be what goes.
    if (!isDeepStrictEqual(stated.event.data, event.data)) return { ledger, taken: [] };
    await records.record(ledger, event);
    return { ledger, taken };
  }

  /** All that was stated, or nothing: then the statement is left behind, and taken back by whoever settles statements. */
  async carryOut(client: PoolClient, { orderId }: HeldOrder, prepared: PreparedParts): Promise<Carried> {
    await client.query('SELECT pg_advisory_xact_lock_shared($1)', [ENTRIES_LOCK]);
    const carried = await this.options.share.work(() => this.#destroy(client, orderId, prepared));
    if (carried.done.length > 0) this.options.onDestroyed(prepared.taken.reduce((sum, { going }) => sum + going.length, 0));
    return carried;
  }

  /** What was stated and did not happen is taken back, or a part that somebody takes away later would pass for destroyed. Safe to repeat. */
  async takeBack(orderId: string, at: string): Promise<void> {
    const { statements, records } = this.options;
    const stated = await statements.find(orderId);
    if (stated === undefined) return;
    // Counts wherever it stands: also when the statement itself comes to the ledger later.
    await records.record(stated.ledger, recalledEvent(stated.ledger.tenant, orderId, at));
    await statements.forget(orderId);
  }

  async #destroy(client: PoolClient, orderId: string, { ledger: { ledgerId }, taken }: PreparedParts): Promise<Carried> {
    // Taken by another order meanwhile, or looked at anew.
    if (!(await areThere(client, ledgerId, taken))) return { done: [], items: 0 };
    let items = 0;
    for (const { name, going, staying, keptFor } of taken) {
      await client.query('DELETE FROM part_stretches WHERE ledger_id = $1 AND from_leaf = $2 AND class = $3', [ledgerId, name.from, name.class]);
      // Digest and entry stay: every hash and every proof holds without the bytes.
      await client.query('UPDATE entries SET data_part = NULL, personal_parts = NULL, content_digest = NULL WHERE ledger_id = $1 AND leaf_index = ANY($2::bigint[])', [ledgerId, going.map(({ leafIndex }) => leafIndex)]);
      if (staying.length > 0) await insertRest(client, ledgerId, name, staying, keptFor);
      items += going.reduce((sum, { parts }) => sum + parts, 0);
    }
    const done = taken.filter(({ going }) => going.length > 0).map(({ id }) => id);
    if (done.length > 0) await this.options.statements.forget(orderId, client);
    return { done, items };
  }

  async #take(ledger: Ledger, { resources, except }: HeldOrder): Promise<Pick<Taking, 'taken' | 'spoken'>> {
    const { reader, classes, stretches } = this.options;
    const taking = new Taking(new Set(except));
    const names = new Map(resources.map((id) => [id, nameOf(id, ledger)]));
    const there = await stretches.known(ledger, [...names.values()]);
    for (const [id, name] of names) {
      // Gone already, by another order.
      if (!there.has(id)) continue;
      const stored = await storedParts(reader, ledger, name.from, name.to, classes);
      // What there is no room for is there to be ordered again.
      if (!taking.add(id, name, stored.filter((one) => one.class === name.class))) break;
    }
    return taking;
  }
}

/** Holds them until the end of the transaction. */
async function areThere(client: PoolClient, ledgerId: number, taken: readonly Taken[]): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT FROM part_stretches WHERE ledger_id = $1 AND (from_leaf, to_leaf, class) IN (SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::text[])) FOR UPDATE`,
    [ledgerId, taken.map(({ name }) => name.from), taken.map(({ name }) => name.to), taken.map(({ name }) => name.class)],
  );
  return rowCount === taken.length;
}

function nameOf(id: string, { tenant }: Ledger): StretchName {
  const name = readStretchId(id);
  if (name === undefined || name.tenant !== tenant) throw new HolderFault('REQUEST_MALFORMED', 'that is no stretch of this ledger', 'resources');
  return name;
}

/** The stretch goes on to be a resource, of another name: what stands in a certificate is gone whole. */
async function insertRest(client: PoolClient, ledgerId: number, { class: partClass }: StretchName, staying: readonly StoredParts[], keptFor: readonly string[]): Promise<void> {
  const [first, last] = [staying[0]!, staying.at(-1)!];
  await client.query(
    'INSERT INTO part_stretches (ledger_id, class, from_leaf, to_leaf, parts, first_recorded_at, last_recorded_at, kept_for) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)',
    [ledgerId, partClass, first.leafIndex, last.leafIndex + 1, staying.reduce((sum, { parts }) => sum + parts, 0), first.recordedAt, last.recordedAt, keptFor],
  );
}

function readAfter(after: string | undefined): AfterList | undefined {
  const read = AfterList.read(after ?? '');
  if (after !== undefined && read === undefined) throw new HolderFault('REQUEST_MALFORMED', 'that is no place in the list', 'after');
  return read;
}
