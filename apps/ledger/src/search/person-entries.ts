import { decodeEntry } from '@countersign/chain';
import type { DataClass, HeldKey, HeldKind, HeldRecord, HolderArgs, HolderResult, RecordedEvent } from '@countersign/contracts';
import { PersonResponder, type SubjectHolder } from '@countersign/holder';
import { withTransaction } from '@countersign/postgres';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';
import { classOfType, type PartClasses } from '../destroy/part-class.js';
import type { ServiceParts } from '../service-parts.js';
import type { EntryRecord, PgReadStore } from '../store/pg-read-store.js';
import type { Prover } from '../prove/prover.js';
import { LEDGER_SOURCE } from '../verify/verdict-event.js';
import { EntryProofs, type EntryProof } from './entry-proofs.js';
import { CLOSED, type PartOpener } from './open-parts.js';
import { recordedEvents } from './recorded-event.js';

/** Entries looked at by one statement, where they have to be read. */
const STRETCH = 50_000;
const STATEMENT_MS_MAX = 30_000;
/** A page ends after so long, however little it has found: the one who asks goes on behind it. */
const PAGE_MS_MAX = 5_000;
/** Events of one page of an export together, in bytes of their JSON: an answer goes over the bus. */
const PAGE_BYTES_MAX = 256 * 1024;

/** Why entries stay when their subject is erased: this is what the person is told. */
const ENTRIES_KEPT = 'that something happened, and when, must stay provable; what the record says of you is encrypted under your key and cannot be read once it is destroyed';

const READ_SQL = `SELECT leaf_index FROM entries WHERE ledger_id = $1 AND leaf_index >= $2 AND leaf_index < $3
  AND (position($5::bytea IN entry) > 0 OR position($6::bytea IN entry) > 0 OR position($7::bytea IN entry) > 0) ORDER BY leaf_index LIMIT $4`;
const KNOWN = [['event_subjects', 'subject'], ['event_index', 'actor_id'], ['event_index', 'resource_id']] as const;
// One statement, so that the index is what its cursor says. `to` is null where it does not know the subjects of the entry at $2.
const INDEX_SQL = `SELECT (SELECT least(indexed_size, $3::bigint) FROM index_cursors WHERE ledger_id = $1 AND subjects_from <= $2 AND indexed_size > $2) AS to,
  ARRAY(SELECT leaf_index FROM (${KNOWN.map(([table, column]) => `(SELECT leaf_index FROM ${table} WHERE ledger_id = $1 AND leaf_index >= $2 AND leaf_index < $3 AND ${column} = $5 ORDER BY leaf_index LIMIT $4)`).join(' UNION ')}) AS known
        ORDER BY leaf_index LIMIT $4) AS found`;

interface Place {
  readonly tenant: string;
  readonly from: number;
}

interface Found {
  readonly ledger: Ledger;
  readonly records: readonly EntryRecord[];
  /** Where the search goes on; undefined: it was the last ledger's end. */
  readonly next: Place | undefined;
}

/**
 * What every ledger says of one person: events that he caused, that are about him, or that have a part under his key. The search index knows all
 * of them; what it has not reached, or was indexed before it knew subjects, is read, stretch by stretch.
 */
export class PersonEntries implements SubjectHolder {
  constructor(
    private readonly pool: pg.Pool,
    private readonly store: PgReadStore,
    private readonly opener: PartOpener,
    private readonly classes: PartClasses,
    private readonly proofs: Pick<EntryProofs, 'of'>,
    private readonly monotonicMs: () => number = () => performance.now(),
  ) {}

  async show({ subject, after }: HolderArgs<'held-subject'>): Promise<HolderResult<'held-subject'>> {
    const found = await this.#find(subject, placeOf(after), STRETCH);
    if (found === undefined) return { types: [], keys: [] };
    const { ledger: { tenant }, records, next } = found;
    const sealed = records.filter(({ entry }) => entry.includes(Buffer.from(underKey(subject))));
    const keys: HeldKey[] = sealed.length > 0 ? [{ tenant, subject }] : [];
    const events: HeldKind[] = records.length === 0 ? [] : [{ holder: 'ledger', type: 'event', class: 'legal', count: records.length, onErasure: 'kept', reason: ENTRIES_KEPT, tenant, under: [] }];
    return { types: [...events, ...partKinds(tenant, sealed, this.classes).map((kind) => ({ ...kind, under: keys }))], keys, ...nextOf(next) };
  }

  async export({ subject, after, limit }: HolderArgs<'held-export'>): Promise<HolderResult<'held-export'>> {
    const found = await this.#find(subject, placeOf(after), limit);
    if (found === undefined) return { records: [] };
    const events = await recordedEvents(found.ledger, found.records, this.opener);
    const records: HeldRecord[] = [];
    let bytes = 0;
    const proofs = await this.proofs.of(found.ledger, found.records);
    for (const [n, event] of events.entries()) {
      const record = recordOf(found.ledger.tenant, event, proofs[n]);
      bytes += JSON.stringify(record).length;
      // One that alone is over the limit goes alone.
      if (bytes > PAGE_BYTES_MAX && records.length > 0) return { records, ...nextOf({ tenant: found.ledger.tenant, from: event.index }) };
      records.push(record);
    }
    return { records, ...nextOf(found.next) };
  }

  /** Nothing goes here: the keys do, and with them what can be read. */
  async scrub(_request: HolderArgs<'held-scrub-subject'>): Promise<HolderResult<'held-scrub-subject'>> {
    return { scrubbed: [], kept: [{ holder: 'ledger', type: 'event', class: 'legal', reason: ENTRIES_KEPT }], keys: [], held: [] };
  }

  /** Of one ledger, at most `limit` entries; undefined: there is no ledger at or behind the place. */
  async #find(subject: string, place: Place, limit: number): Promise<Found | undefined> {
    const ledger = (await this.store.ledger(place.tenant)) ?? (await this.store.ledgers(place.tenant, 1))[0];
    if (ledger === undefined) return undefined;
    const { treeSize } = await this.store.sizes(ledger);
    const endMs = this.monotonicMs() + PAGE_MS_MAX;
    const records: EntryRecord[] = [];
    let from = ledger.tenant === place.tenant ? place.from : 0;
    for (; from < treeSize && records.length < limit && this.monotonicMs() < endMs; ) {
      const { indexes, to } = await this.#matches(ledger, subject, from, treeSize, limit - records.length);
      records.push(...(await this.store.entriesAt(ledger, indexes)).toReversed());
      from = records.length >= limit ? indexes.at(-1)! + 1 : to;
    }
    if (from < treeSize) return { ledger, records, next: { tenant: ledger.tenant, from } };
    const [following] = await this.store.ledgers(ledger.tenant, 1);
    return { ledger, records, next: following && { tenant: following.tenant, from: 0 } };
  }

  /** From `from` up to the `to` that it says, which is not behind `end`: by the index where that knows them all, and else by reading. */
  #matches({ ledgerId }: Ledger, subject: string, from: number, end: number, limit: number): Promise<{ readonly indexes: number[]; readonly to: number }> {
    return withTransaction(this.pool, async (client) => {
      await client.query(`SET LOCAL statement_timeout = ${STATEMENT_MS_MAX}`);
      const { rows: [indexed] } = await client.query<{ to: string | null; found: string[] }>(INDEX_SQL, [ledgerId, from, end, limit, subject]);
      if (indexed!.to !== null) return { indexes: indexed!.found.map(Number), to: Number(indexed!.to) };
      const to = Math.min(from + STRETCH, end);
      const texts = [underKey(subject), `"actor":{"id":${JSON.stringify(subject)},`, `"resource":{"id":${JSON.stringify(subject)},`].map((text) => Buffer.from(text));
      const { rows } = await client.query<{ leaf_index: string }>(READ_SQL, [ledgerId, from, to, limit, ...texts]);
      return { indexes: rows.map((row) => Number(row.leaf_index)), to };
    }, { readOnly: true });
  }
}

/** Records that say something under somebody's key, by the class of their parts. */
function partKinds(tenant: string, sealed: readonly EntryRecord[], classes: PartClasses): Omit<HeldKind, 'under'>[] {
  const kinds = new Map<DataClass, { count: number; oldest: string }>();
  for (const { entry } of sealed) {
    const { type, recordedAt } = decodeEntry(entry);
    // What no order ever destroys is of no class; its key goes all the same.
    const partClass = classOfType(type, classes) ?? 'legal';
    const { count, oldest } = kinds.get(partClass) ?? { count: 0, oldest: recordedAt };
    kinds.set(partClass, { count: count + 1, oldest: oldest < recordedAt ? oldest : recordedAt });
  }
  return [...kinds].map(([dataClass, { count, oldest }]) => ({ holder: 'ledger', type: 'audit-parts', class: dataClass, count, onErasure: 'shredded', tenant, oldest }));
}

/** As canonical JSON has it: an opaque id holds no control characters, so this is the one way to write it (docs/spec/ledger-format.md, "Entry"). */
const underKey = (subject: string): string => `"subject":${JSON.stringify(subject)}`;

/** `<tenant> <leaf index>`; anything else begins at the beginning. */
function placeOf(after: string | undefined): Place {
  const [, tenant, from] = /^([a-z0-9-]{1,63}) (\d{1,15})$/.exec(after ?? '') ?? [];
  return tenant === undefined ? { tenant: '', from: 0 } : { tenant, from: Number(from) };
}

const nextOf = (place: Place | undefined): { readonly next?: string } => (place === undefined ? {} : { next: `${place.tenant} ${place.from}` });

function recordOf(tenant: string, { index, eventHash, entry = {}, parts }: RecordedEvent, proof: EntryProof | undefined): HeldRecord {
  const { time } = entry as { readonly time?: string };
  return { type: 'event', class: 'legal', id: `${tenant}/${index}`, ...(time === undefined ? {} : { at: new Date(time).toISOString() }), value: { tenant, index, eventHash, entry, parts }, ...(proof === undefined ? {} : { proof }) };
}

/** Answers retention about persons; always, whether or not parts may be destroyed here. */
export function openPersons({ config, bus, stores, keys, log }: Pick<ServiceParts, 'config' | 'bus' | 'stores' | 'keys' | 'log'>, prover: Prover): PersonResponder {
  const proofs = new EntryProofs(prover, (ledger) => keys.signer.vkeys(ledger.origin), (error, index) => log.error({ err: error, index }, 'an entry of a person is handed over without a proof'));
  return new PersonResponder(
    { bus, service: LEDGER_SOURCE, onError: (error, operation) => log.error({ err: error, operation }, 'retention got no answer about a person') },
    new PersonEntries(stores.reader, stores.read, keys.personal ?? CLOSED, config.partClasses, proofs),
  );
}
