import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { StoredEntry } from '@countersign/chain';
import { copyBinary, withClient } from '@countersign/postgres';
import { ENTRIES_COPY_SQL, EntryRows, RowBuffers, type EntryRow } from '../../src/append/copy-rows.js';
import { streamEntries } from '../../src/store/entry-stream.js';
import { makeEvents, startLedgerFixture, type LedgerFixture } from '../fixture/ledger-fixture.js';

const LEDGER = { ledgerId: 2 ** 31 - 1, tenant: 'rows', origin: 'ledger.example/rows' };
const LARGE = '😀'.repeat(16_000);

let fixture: LedgerFixture;
beforeAll(async () => {
  fixture = await startLedgerFixture();
}, 60_000);
afterAll(() => fixture.stop());

const row = (leafIndex: number, given: Partial<EntryRow> = {}): EntryRow => ({
  leafIndex,
  eventId: randomUUID(),
  contentDigest: randomBytes(33).toString('hex'),
  entryText: `{"index":${leafIndex}}`,
  dataPart: undefined,
  personalParts: [],
  ...given,
});

const ROWS: readonly EntryRow[] = [
  row(0),
  row(1, { dataPart: Buffer.alloc(0) }),
  row(2, { dataPart: randomBytes(100), personalParts: [randomBytes(20)] }),
  row(3, { personalParts: [randomBytes(1), Buffer.alloc(0), randomBytes(300)] }),
  row(4, { entryText: 'Zürich, 東京, \u0000, \u{10ffff}, \uD800' }),
  row(5, { entryText: LARGE, dataPart: randomBytes(65_000), personalParts: Array.from({ length: 16 }, (_, i) => randomBytes(4_000 + i)) }),
  ...Array.from({ length: 3_000 }, (_, i) => row(6 + i, { entryText: 'x'.repeat(i % 997), dataPart: i % 2 === 0 ? undefined : randomBytes(i % 300) })),
  row(2 ** 32 - 1),
  row(2 ** 32),
  row(2 ** 53 - 1),
];

const BUFFERS = new RowBuffers();

async function copyIn(rows: readonly EntryRow[]): Promise<number> {
  const stream = new EntryRows(LEDGER.ledgerId, BUFFERS);
  for (const one of rows) stream.add(one);
  const copied = await withClient(fixture.url('ledger_runtime'), (client) => copyBinary(client, ENTRIES_COPY_SQL, stream.finish()));
  // What the next rows are built in.
  stream.release();
  return copied;
}

describe('rows written by COPY', () => {
  it('are read back identical, by SQL and by the entry stream', async () => {
    expect(await copyIn(ROWS)).toBe(ROWS.length);
    const { rows } = await fixture.admin.query<Record<'leaf_index' | 'event_id', string> & { content_digest: Buffer; entry: Buffer; data_part: Buffer | null; personal_parts: Buffer[] | null }>(
      'SELECT * FROM entries WHERE ledger_id = $1 ORDER BY leaf_index',
      [LEDGER.ledgerId],
    );
    const stored = rows.map((r) => ({
      leafIndex: Number(r.leaf_index),
      eventId: r.event_id,
      contentDigest: r.content_digest.toString('hex'),
      entry: r.entry,
      dataPart: r.data_part,
      personalParts: r.personal_parts,
    }));
    const sent = ROWS.map(({ leafIndex, eventId, contentDigest, entryText, dataPart, personalParts }) => ({
      leafIndex,
      eventId,
      contentDigest,
      entry: Buffer.from(entryText),
      dataPart: dataPart ?? null,
      personalParts: personalParts.length === 0 ? null : personalParts,
    }));
    expect(stored.filter((one, i) => JSON.stringify(one) !== JSON.stringify(sent[i]))).toEqual([]);
    expect(stored).toHaveLength(sent.length);

    const streamed = await withClient(fixture.url('ledger_reader'), async (client) => {
      const all: StoredEntry[] = [];
      for await (const entries of streamEntries(client, LEDGER, 0, 2 ** 53)) {
        all.push(...entries);
      }
      return all;
    });
    const differs = streamed.filter(({ leafIndex, eventId, entry, data, personal }, i) => {
      const one = sent[i]!;
      const parts = { dataPart: data, personalParts: personal.length === 0 ? null : personal };
      return leafIndex !== one.leafIndex || eventId !== one.eventId || !one.entry.equals(entry) || JSON.stringify(parts) !== JSON.stringify({ dataPart: one.dataPart, personalParts: one.personalParts });
    });
    expect(differs).toEqual([]);
    expect(streamed).toHaveLength(sent.length);
  });

  it('are none when there are none', async () => {
    const stream = new EntryRows(1, BUFFERS);
    expect(stream.rowCount).toBe(0);
    expect(await withClient(fixture.url('ledger_runtime'), (client) => copyBinary(client, ENTRIES_COPY_SQL, stream.finish()))).toBe(0);
  });
});

const SET: Readonly<Record<string, string>> = {
  entries: 'data_part = NULL',
  tiles: 'root = root',
  checkpoints: 'note = note',
  ledgers: 'tenant = tenant',
  verifications: 'verdict = verdict',
  quarantine: 'code = code',
};

const WRITES: ReadonlyArray<readonly [statement: string, sql: string]> = [
  ...Object.entries(SET).flatMap(([table, set]) => [
    [`UPDATE ${table}`, `UPDATE ${table} SET ${set}`] as const,
    [`DELETE FROM ${table}`, `DELETE FROM ${table}`] as const,
    [`TRUNCATE ${table}`, `TRUNCATE ${table}`] as const,
  ]),
  ['DELETE FROM heads', 'DELETE FROM heads'],
  ['TRUNCATE heads', 'TRUNCATE heads'],
  ['DROP TABLE entries', 'DROP TABLE entries'],
  ['DISABLE TRIGGER', 'ALTER TABLE entries DISABLE TRIGGER ALL'],
  ['session_replication_role', 'SET session_replication_role = replica'],
  ['CREATE TABLE', 'CREATE TABLE loot (id int)'],
  ['UPDATE parked_messages', 'UPDATE parked_messages SET subject = subject'],
  ['schema_migrations', 'DELETE FROM schema_migrations'],
];

const TABLES = ['ledgers', 'heads', 'entries', 'tiles', 'checkpoints', 'quarantine', 'parked_messages', 'verifications', 'event_index', 'index_cursors', 'producers'];

/** SQLSTATE of what the role gets for a statement; undefined when it is let through. */
async function refusal(role: 'ledger_runtime' | 'ledger_reader' | 'ledger_eraser', sql: string, values: unknown[] = []): Promise<string | undefined> {
  return withClient(fixture.url(role), async (client) => {
    await client.query('BEGIN');
    try {
      await client.query(sql, values);
      return undefined;
    } catch (error) {
      return (error as { code?: string }).code;
    } finally {
      await client.query('ROLLBACK');
    }
  });
}

const INSUFFICIENT_PRIVILEGE = '42501';

describe('the role of the running service', () => {
  it.each(WRITES)('may not %s', async (_statement, sql) => {
    expect(await refusal('ledger_runtime', sql)).toBe(INSUFFICIENT_PRIVILEGE);
  });
});

describe('the role of readers and of verification', () => {
  it.each(TABLES)('reads %s and writes nothing there', async (table) => {
    const codes = {
      select: await refusal('ledger_reader', `SELECT * FROM ${table} LIMIT 1`),
      insert: await refusal('ledger_reader', `INSERT INTO ${table} DEFAULT VALUES`),
      delete: await refusal('ledger_reader', `DELETE FROM ${table}`),
      truncate: await refusal('ledger_reader', `TRUNCATE ${table}`),
    };
    expect(codes).toEqual({ select: undefined, insert: INSUFFICIENT_PRIVILEGE, delete: INSUFFICIENT_PRIVILEGE, truncate: INSUFFICIENT_PRIVILEGE });
  });

  it('cannot update the head or an entry', async () => {
    expect(await refusal('ledger_reader', 'UPDATE heads SET tree_size = 0')).toBe(INSUFFICIENT_PRIVILEGE);
    expect(await refusal('ledger_reader', 'UPDATE entries SET data_part = NULL')).toBe(INSUFFICIENT_PRIVILEGE);
  });
});

describe('the role of the eraser', () => {
  const only = 'WHERE ledger_id = $1 AND leaf_index = 0';
  let ledgerId: number;
  beforeAll(async () => {
    const ledger = await fixture.ledger('erased');
    ledgerId = ledger.ledgerId;
    const personal = [
      { subject: 's-1', data: { ip: '10.0.0.1' } },
      { subject: 's-2', data: { ip: '10.0.0.2' } },
    ];
    await ledger.append(makeEvents('erased', 1, () => ({ data: { n: 1 }, personal })));
  });

  it.each([
    ['the data part', 'data_part = NULL'],
    ['every personal part', 'personal_parts = NULL'],
    ['one personal part of two', 'personal_parts = ARRAY[personal_parts[1], NULL]'],
    ['all of it', 'data_part = NULL, personal_parts = NULL, content_digest = NULL'],
  ])('may destroy %s', async (_what, set) => {
    expect(await refusal('ledger_eraser', `UPDATE entries SET ${set} ${only}`, [ledgerId])).toBe(undefined);
  });

  it.each([
    ['change the data part', "data_part = '\\x00'"],
    ['change a personal part', "personal_parts = ARRAY['\\x00'::bytea, personal_parts[2]]"],
    ['swap personal parts', 'personal_parts = ARRAY[personal_parts[2], personal_parts[1]]'],
    ['add a personal part', "personal_parts = personal_parts || '\\x00'::bytea"],
    ['put a part where none is', "data_part = NULL, personal_parts = ARRAY[NULL, NULL, NULL]::bytea[]"],
    ['change the content digest', "content_digest = '\\x00'"],
    ['change the entry', "entry = '\\x00'"],
    ['move the entry', 'leaf_index = 5'],
    ['rename the event', 'event_id = gen_random_uuid()'],
  ])('may not %s', async (_what, set) => {
    expect(await refusal('ledger_eraser', `UPDATE entries SET ${set} ${only}`, [ledgerId])).toBe(INSUFFICIENT_PRIVILEGE);
  });

  it('may not put back what was destroyed', async () => {
    await withClient(fixture.url('ledger_eraser'), (client) => client.query(`UPDATE entries SET data_part = NULL ${only}`, [ledgerId]));
    expect(await refusal('ledger_eraser', `UPDATE entries SET data_part = '\\x00' ${only}`, [ledgerId])).toBe(INSUFFICIENT_PRIVILEGE);
  });

  it.each(['DELETE FROM entries', 'TRUNCATE entries', "INSERT INTO entries VALUES (1, 1, gen_random_uuid(), NULL, '\\x00')", 'SELECT entry FROM entries', 'DELETE FROM tiles', 'UPDATE heads SET tree_size = 0'])(
    'may not %s',
    async (sql) => {
      expect(await refusal('ledger_eraser', sql)).toBe(INSUFFICIENT_PRIVILEGE);
    },
  );

  it('cannot be walked past by the owner of the tables either', async () => {
    await expect(fixture.admin.query(`UPDATE entries SET entry = '\\x00' ${only}`, [ledgerId])).rejects.toMatchObject({ code: INSUFFICIENT_PRIVILEGE });
  });
});
