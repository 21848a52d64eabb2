import { randomUUID } from 'node:crypto';
import { describeTampering, type Tampering } from '../fixture/tampering-cases.js';
import { SIZE, type Found, type TamperingFixture } from '../fixture/tampering-fixture.js';
import type { EntryRow } from '../fixture/superuser.js';

const LAST = SIZE - 1;
const otherActor = (text: string): string => text.replace('"id":"u-', '"id":"x-');

function edited(place: string, leafIndex: number, inTail: boolean, stranger: Found = ['ENTRY_ALTERED', leafIndex]): Tampering {
  return {
    attack: `entry edited: ${place}`,
    tamper: ({ superuser }) => superuser.edit(leafIndex, otherActor),
    code: 'ENTRY_ALTERED',
    firstIndex: leafIndex,
    inTail,
    stranger,
  };
}

/** An entry of its own, in place of the one that stands at `leafIndex`. */
function forgedAt({ superuser }: TamperingFixture, rows: readonly EntryRow[], leafIndex: number): EntryRow {
  const eventId = randomUUID();
  const model = rows[Math.min(leafIndex, rows.length - 1)]!;
  const entry = Buffer.from(model.entry.toString().replace(model.eventId, eventId).replace(/"parts":\[.*?\],"prev/, '"parts":[],"prev'));
  const forged: EntryRow = { leafIndex, eventId, entry, data: null, personal: null };
  return superuser.relink([...rows.slice(0, leafIndex), forged], leafIndex)[leafIndex]!;
}

/** Puts a forged entry at `leafIndex` and moves all later rows up by one. */
async function insertBefore(fixture: TamperingFixture, leafIndex: number): Promise<EntryRow[]> {
  const rows = await fixture.superuser.entries();
  const later = rows.slice(leafIndex).map((row) => ({ ...row, leafIndex: row.leafIndex + 1 }));
  const all = [...rows.slice(0, leafIndex), forgedAt(fixture, rows, leafIndex), ...later];
  await fixture.superuser.putEntries(all);
  return all;
}

async function swapRows({ superuser }: TamperingFixture, a: number, b: number): Promise<void> {
  const rows = await superuser.entries();
  await superuser.putEntries(rows.with(a, { ...rows[b]!, leafIndex: a }).with(b, { ...rows[a]!, leafIndex: b }));
}

describeTampering('entries edited', [
  edited('first', 0, false),
  edited('second', 1, false),
  edited('middle', 400, false),
  edited('last of a tile', 255, false),
  edited('first of a tile', 256, false),
  edited('last before a signed size', 299, false),
  edited('in the tail', 650, true),
  edited('last but one', LAST - 1, true),
  edited('last', LAST, true, ['ROOT_MISMATCH']),
  {
    attack: 'entry edited: its link',
    tamper: ({ superuser }) => superuser.edit(400, (text) => text.replace(/("previousEventHash":")(.)/, (_, name: string, digit: string) => `${name}${digit === 'f' ? '0' : 'f'}`)),
    code: 'ENTRY_ALTERED',
    firstIndex: 400,
    inTail: false,
    stranger: ['ENTRY_ALTERED', 400],
  },
  {
    attack: 'entry edited: its index',
    tamper: ({ superuser }) => superuser.edit(400, (text) => text.replace('"index":400', '"index":410')),
    code: 'ENTRY_INDEX_MISMATCH',
    firstIndex: 400,
    inTail: false,
    stranger: ['ENTRY_INDEX_MISMATCH', 400],
  },
  {
    attack: 'entry edited: recorded earlier',
    tamper: ({ superuser }) => superuser.edit(400, (text) => text.replace(/("recordedAt":")\d{4}/, '$12001')),
    code: 'RECORDED_AT_DECREASES',
    firstIndex: 400,
    inTail: false,
    stranger: ['RECORDED_AT_DECREASES', 400],
  },
  {
    attack: 'entry edited: recorded later',
    tamper: ({ superuser }) => superuser.edit(400, (text) => text.replace(/("recordedAt":")\d{4}/, '$12101')),
    code: 'ENTRY_ALTERED',
    firstIndex: 400,
    inTail: false,
    stranger: ['ENTRY_ALTERED', 400],
  },
  {
    attack: 'entry edited: white space, the same JSON',
    tamper: ({ superuser }) => superuser.edit(400, (text) => text.replace('{"actor":', '{ "actor":')),
    code: 'ENTRY_MALFORMED',
    firstIndex: 400,
    inTail: false,
    stranger: ['EXPORT_MALFORMED', 400],
  },
  {
    attack: 'entry emptied',
    tamper: ({ superuser }) => superuser.edit(400, () => ''),
    code: 'ENTRY_MALFORMED',
    firstIndex: 400,
    inTail: false,
    stranger: ['EXPORT_MALFORMED', 400],
  },
  {
    attack: 'entry stored under another event id',
    tamper: ({ superuser }) => superuser.sql('UPDATE entries SET event_id = $2 WHERE ledger_id = $1 AND leaf_index = 400', [randomUUID()]),
    code: 'EVENT_ID_MISMATCH',
    firstIndex: 400,
    inTail: false,
    stranger: 'intact',
  },
]);

describeTampering('entries deleted, inserted and moved', [
  {
    attack: 'entry deleted: first',
    tamper: ({ superuser }) => superuser.sql('DELETE FROM entries WHERE ledger_id = $1 AND leaf_index = 0', []),
    code: 'ENTRY_MISSING',
    firstIndex: 0,
    inTail: false,
    stranger: ['EXPORT_TRUNCATED', 0],
  },
  {
    attack: 'entry deleted: middle',
    tamper: ({ superuser }) => superuser.sql('DELETE FROM entries WHERE ledger_id = $1 AND leaf_index = 400', []),
    code: 'ENTRY_MISSING',
    firstIndex: 400,
    inTail: false,
    stranger: ['EXPORT_TRUNCATED', 400],
  },
  {
    attack: 'run of entries deleted, across the border of a tile',
    tamper: ({ superuser }) => superuser.sql('DELETE FROM entries WHERE ledger_id = $1 AND leaf_index BETWEEN 500 AND 529', []),
    code: 'ENTRY_MISSING',
    firstIndex: 500,
    lastIndex: 529,
    inTail: true,
    stranger: ['EXPORT_TRUNCATED', 500],
  },
  {
    attack: 'entry deleted, later rows moved down',
    tamper: async ({ superuser }) => {
      const rows = await superuser.entries();
      await superuser.putEntries([...rows.slice(0, 400), ...rows.slice(401).map((row) => ({ ...row, leafIndex: row.leafIndex - 1 }))]);
    },
    code: 'ENTRY_INDEX_MISMATCH',
    firstIndex: 400,
    inTail: true,
    stranger: ['ENTRY_INDEX_MISMATCH', 400],
  },
  {
    attack: 'entry inserted beyond the head',
    tamper: async (fixture) => {
      const rows = await fixture.superuser.entries();
      await fixture.superuser.putEntries([...rows, forgedAt(fixture, rows, SIZE)]);
    },
    code: 'ENTRY_BEYOND_HEAD',
    firstIndex: SIZE,
    inTail: true,
    stranger: 'intact',
  },
  {
    attack: 'entry stored outside the tree, under index -1',
    tamper: async (fixture) => {
      const row = forgedAt(fixture, await fixture.superuser.entries(), SIZE);
      await fixture.superuser.sql('ALTER TABLE entries DROP CONSTRAINT IF EXISTS entries_leaf_index_check');
      await fixture.superuser.sql('INSERT INTO entries (ledger_id, leaf_index, event_id, entry) VALUES ($1, -1, $2, $3)', [row.eventId, row.entry]);
    },
    code: 'ENTRY_INDEX_MISMATCH',
    firstIndex: 0,
    inTail: true,
    stranger: 'intact',
  },
  {
    attack: 'entry inserted in the middle, later rows moved up',
    tamper: (fixture) => insertBefore(fixture, 400),
    code: 'ENTRY_INSERTED',
    firstIndex: 400,
    inTail: true,
    stranger: ['ENTRY_INSERTED', 400],
  },
  {
    attack: 'entry inserted in the middle, later rows moved up, tiles and head made to fit',
    tamper: async (fixture) => {
      const rows = await insertBefore(fixture, 400);
      const { edge } = await fixture.superuser.putTiles(rows);
      await fixture.superuser.putHead(rows, edge);
    },
    code: 'ENTRY_INSERTED',
    firstIndex: 400,
    inTail: true,
    stranger: ['ENTRY_INSERTED', 400],
  },
  {
    attack: 'entry inserted at the border of a tile, later rows moved up',
    tamper: (fixture) => insertBefore(fixture, 255),
    code: 'ENTRY_INSERTED',
    firstIndex: 255,
    inTail: true,
    stranger: ['ENTRY_INSERTED', 255],
  },
  {
    attack: 'two neighbouring entries swapped',
    tamper: (fixture) => swapRows(fixture, 400, 401),
    code: 'ENTRY_INDEX_MISMATCH',
    firstIndex: 400,
    inTail: false,
    stranger: ['ENTRY_INDEX_MISMATCH', 400],
  },
  {
    attack: 'two distant entries swapped',
    tamper: (fixture) => swapRows(fixture, 10, 600),
    code: 'ENTRY_INDEX_MISMATCH',
    firstIndex: 10,
    inTail: true,
    stranger: ['ENTRY_INDEX_MISMATCH', 10],
  },
  {
    attack: 'two entries swapped, their indexes rewritten to fit',
    tamper: async ({ superuser }) => {
      const rows = await superuser.entries();
      const at = (row: EntryRow, leafIndex: number): EntryRow => ({ ...row, leafIndex, entry: Buffer.from(row.entry.toString().replace(/"index":\d+/, `"index":${leafIndex}`)) });
      await superuser.putEntries(rows.with(400, at(rows[401]!, 400)).with(401, at(rows[400]!, 401)));
    },
    code: 'ENTRY_ALTERED',
    firstIndex: 400,
    inTail: false,
    stranger: ['ENTRY_ALTERED', 400],
  },
  {
    attack: 'entry replaced by one of another ledger',
    tamper: async ({ superuser, other }) => {
      await superuser.sql('DELETE FROM entries WHERE ledger_id = $1 AND leaf_index = 10', []);
      await superuser.sql('UPDATE entries SET ledger_id = $1 WHERE ledger_id = $2 AND leaf_index = 10', [other.ledgerId]);
    },
    code: 'ENTRY_TENANT_MISMATCH',
    firstIndex: 10,
    inTail: false,
    stranger: ['ENTRY_TENANT_MISMATCH', 10],
  },
  {
    attack: 'entry moved to another ledger',
    tamper: ({ superuser, other }) => superuser.sql('UPDATE entries SET ledger_id = $2 WHERE ledger_id = $1 AND leaf_index = 400', [other.ledgerId]),
    code: 'ENTRY_MISSING',
    firstIndex: 400,
    inTail: false,
    stranger: ['EXPORT_TRUNCATED', 400],
  },
]);
