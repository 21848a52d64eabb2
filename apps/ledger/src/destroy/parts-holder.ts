import { DESTRUCTION_ORDERED } from '@countersign/chain';
import type { HeldOrder, HeldResource, HolderArgs, HolderResult } from '@countersign/contracts';
import { HolderFault, type Carried } from '@countersign/holder';
import type { PoolClient } from '@countersign/postgres';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';
import type { PgReadStore } from '../store/pg-read-store.js';
import type { PartClasses } from './part-class.js';
import { orderedEvent, recalledEvent, statementIdOf, type DestructionRecords } from './statements.js';
import { storedParts, type StoredParts } from './stored-parts.js';
import { readStretchId, stretchId, type StretchName } from './stretch-id.js';
import type { After, Stretches } from './stretches.js';

export const PARTS_TYPE = 'audit-parts';
/** An event has 64 KiB, and a range of 53-bit numbers some 36 bytes. What goes beyond is left for another order. */
const RANGES_MAX = 1_000;
const TYPES_MAX = 200;

export interface PartsHolderOptions {
  readonly reader: pg.Pool;
  readonly read: Pick<PgReadStore, 'ledger' | 'ledgers'>;
  readonly stretches: Stretches;
  readonly classes: PartClasses;
  readonly records: DestructionRecords;
}

/** What goes of one stretch, and what of it stays for a hold. */
interface Taken {
  readonly id: string;
  readonly name: StretchName;
  readonly going: readonly StoredParts[];
  readonly staying: readonly StoredParts[];
  readonly keptFor: readonly string[];
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

  async list({ after, limit, except }: HolderArgs<'held-list'>): Promise<HolderResult<'held-list'>> {
    const { stretches } = this.options;
    if (after === undefined) await stretches.catchUp();
    const page = await stretches.page(readAfter(after), except, limit);
    const resources = page.map((stretch): HeldResource => ({
      // The youngest of it counts: nothing goes too early.
      type: PARTS_TYPE, id: stretchId(stretch), tenant: stretch.tenant, class: stretch.class, created: stretch.lastRecordedAt.toISOString(),
    }));
    const last = page.at(-1);
    return page.length < limit || last === undefined ? { resources } : { resources, next: `${last.ledgerId}:${last.from}:${last.class}` };
  }

  /** States what is to go, and waits until that is signed. */
  async prepare(order: HeldOrder): Promise<PreparedParts> {
    const { read, records } = this.options;
    const ledger = await read.ledger(order.tenant);
    if (ledger === undefined) throw new HolderFault('REQUEST_MALFORMED', 'there is no such ledger', 'tenant');
    const taken: Taken[] = [];
    const types = new Set<string>();
    let ranges: [number, number][] = [];
    for (const id of order.resources) {
      const one = await this.#take(ledger, id, order.except);
      for (const { type } of one.going) types.add(type);
      ranges = joined([...ranges, ...rangesOf(one)]);
      if (ranges.length > RANGES_MAX || types.size > TYPES_MAX) throw new HolderFault('REQUEST_MALFORMED', 'the order is too much for one statement', 'resources');
      taken.push(one);
    }
    if (ranges.length > 0) await records.record(ledger, orderedEvent(order, { parts: ['data', 'personal'], types: [...types].sort(), ranges }));
    return { ledger, taken };
  }

  async carryOut(client: PoolClient, _order: HeldOrder, { ledger: { ledgerId }, taken }: PreparedParts): Promise<Carried> {
    const done: string[] = [];
    let items = 0;
    for (const { id, name, going, staying, keptFor } of taken) {
      const { rowCount } = await client.query('DELETE FROM part_stretches WHERE ledger_id = $1 AND from_leaf = $2 AND to_leaf = $3 AND class = $4', [ledgerId, name.from, name.to, name.class]);
      // Gone already, by another order.
      if (rowCount !== 1) continue;
      // Digest and entry stay: every hash and every proof holds without the bytes.
      await client.query('UPDATE entries SET data_part = NULL, personal_parts = NULL, content_digest = NULL WHERE ledger_id = $1 AND leaf_index = ANY($2::bigint[])', [ledgerId, going.map(({ leafIndex }) => leafIndex)]);
      if (staying.length > 0) await insertRest(client, ledgerId, name, staying, keptFor);
      items += going.reduce((sum, { parts }) => sum + parts, 0);
      if (going.length > 0) done.push(id);
    }
    return { done, items };
  }

  /** What was stated and did not happen is taken back, or a part that somebody takes away later would pass for destroyed. */
  async calledOff(orderId: string, at: string): Promise<void> {
    const { read, records } = this.options;
    for (let after = ''; ; ) {
      const page = await read.ledgers(after, LEDGERS_A_PAGE);
      for (const ledger of page) {
        if (await records.isRecorded(ledger, statementIdOf(orderId, DESTRUCTION_ORDERED))) await records.record(ledger, recalledEvent(ledger.tenant, orderId, at));
      }
      if (page.length < LEDGERS_A_PAGE) return;
      after = page.at(-1)!.tenant;
    }
  }

  async #take(ledger: Ledger, id: string, except: readonly string[]): Promise<Taken> {
    const name = readStretchId(id);
    if (name === undefined || name.tenant !== ledger.tenant) throw new HolderFault('REQUEST_MALFORMED', 'that is no stretch of this ledger', 'resources');
    const held = new Set(except);
    const all = (await storedParts(this.options.reader, ledger, name.from, name.to, this.options.classes)).filter((one) => one.class === name.class);
    const staying = all.filter(({ names }) => names.some((one) => held.has(one)));
    const keptFor = [...new Set(staying.flatMap(({ names }) => names.filter((one) => held.has(one))))];
    return { id, name, going: all.filter((one) => !staying.includes(one)), staying, keptFor };
  }
}

const LEDGERS_A_PAGE = 500;

/** The stretch goes on to be a resource, of another name: what stands in a certificate is gone whole. */
async function insertRest(client: PoolClient, ledgerId: number, { class: partClass }: StretchName, staying: readonly StoredParts[], keptFor: readonly string[]): Promise<void> {
  const [first, last] = [staying[0]!, staying.at(-1)!];
  await client.query(
    'INSERT INTO part_stretches (ledger_id, class, from_leaf, to_leaf, parts, first_recorded_at, last_recorded_at, kept_for) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)',
    [ledgerId, partClass, first.leafIndex, last.leafIndex + 1, staying.reduce((sum, { parts }) => sum + parts, 0), first.recordedAt, last.recordedAt, keptFor],
  );
}

/** Runs of what goes: they end where something of the same class stays. */
function rangesOf({ name, going, staying }: Taken): [number, number][] {
  if (going.length === 0) return [];
  const ranges: [number, number][] = [];
  let from = name.from;
  for (const { leafIndex } of staying) {
    if (leafIndex > from) ranges.push([from, leafIndex]);
    from = leafIndex + 1;
  }
  if (name.to > from) ranges.push([from, name.to]);
  return ranges;
}

function joined(ranges: readonly (readonly [number, number])[]): [number, number][] {
  const result: [number, number][] = [];
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = result.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else result.push([from, to]);
  }
  return result;
}

function readAfter(after: string | undefined): After | undefined {
  if (after === undefined) return undefined;
  const [ledgerId = '', from = '', partClass = ''] = after.split(':');
  if (!/^\d{1,9}$/.test(ledgerId) || !/^\d{1,16}$/.test(from)) throw new HolderFault('REQUEST_MALFORMED', 'that is no place in the list', 'after');
  return { ledgerId: Number(ledgerId), from: Number(from), class: partClass };
}
