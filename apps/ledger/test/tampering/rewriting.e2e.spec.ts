import { randomUUID } from 'node:crypto';
import { formatCheckpoint, parseCheckpoint } from '@countersign/chain';
import { describeTampering } from '../fixture/tampering-cases.js';
import { SIGNED_SIZES, SIZE, type TamperingFixture } from '../fixture/tampering-fixture.js';
import type { EntryRow } from '../fixture/superuser.js';

const LAST = SIZE - 1;
const edit = (row: EntryRow, change: (text: string) => string): EntryRow => ({ ...row, entry: Buffer.from(change(row.entry.toString())) });
const otherActor = (text: string): string => text.replace('"id":"u-', '"id":"x-');

/** One entry edited, and all from it to below `until` linked anew. */
function rewritten({ superuser, entries }: TamperingFixture, from: number, until: number = SIZE, change = otherActor): EntryRow[] {
  return superuser.relink(entries.with(from, edit(entries[from]!, change)), from, until);
}

describeTampering('histories written anew', [
  {
    attack: 'history chained anew from the middle: entries, links, hashes, tiles, tile roots and head',
    tamper: (f) => f.superuser.putHistory(rewritten(f, 400)),
    code: 'HISTORY_REWRITTEN',
    firstIndex: 300,
    lastIndex: 511,
    inTail: true,
    stranger: ['ROOT_MISMATCH'],
  },
  {
    attack: 'history chained anew in the tail',
    tamper: (f) => f.superuser.putHistory(rewritten(f, 650)),
    code: 'HISTORY_REWRITTEN',
    firstIndex: 640,
    lastIndex: LAST,
    inTail: true,
    stranger: ['ROOT_MISMATCH'],
  },
  {
    attack: 'last entry edited, head made to fit',
    tamper: (f) => f.superuser.putHistory(rewritten(f, LAST)),
    code: 'HISTORY_REWRITTEN',
    firstIndex: 640,
    lastIndex: LAST,
    inTail: true,
    stranger: ['ROOT_MISMATCH'],
  },
  {
    attack: 'history chained anew, tiles left as they were',
    tamper: async (f) => {
      const rows = rewritten(f, 400);
      await f.superuser.putEntries(rows);
    },
    code: 'HISTORY_REWRITTEN',
    firstIndex: 400,
    lastIndex: 511,
    inTail: true,
    stranger: ['ROOT_MISMATCH'],
  },
  {
    attack: 'some entries chained anew, the next one left as it was',
    tamper: (f) => f.superuser.putEntries(rewritten(f, 400, 420)),
    code: 'HISTORY_REWRITTEN',
    firstIndex: 400,
    lastIndex: 419,
    inTail: false,
    stranger: ['ENTRY_ALTERED', 419],
  },
  {
    attack: 'some entries chained anew, tiles made to fit, the next entry left as it was',
    tamper: async (f) => {
      const rows = rewritten(f, 400, 420);
      await f.superuser.putHistory(rows);
    },
    code: 'HISTORY_REWRITTEN',
    firstIndex: 300,
    lastIndex: 419,
    inTail: false,
    stranger: ['ENTRY_ALTERED', 419],
  },
  {
    attack: 'entry and its link in the next one edited',
    tamper: (f) => f.superuser.putEntries(rewritten(f, 400, 402)),
    code: 'HISTORY_REWRITTEN',
    firstIndex: 400,
    lastIndex: 401,
    inTail: false,
    stranger: ['ENTRY_ALTERED', 401],
  },
  {
    attack: 'everything chained anew, checkpoints deleted',
    tamper: async (f) => {
      await f.superuser.putHistory(rewritten(f, 0));
      await f.superuser.sql('DELETE FROM checkpoints WHERE ledger_id = $1', []);
    },
    code: 'HISTORY_REWRITTEN',
    firstIndex: 0,
    lastIndex: 99,
    inTail: true,
    stranger: ['NOTHING_TO_EXPORT'],
  },
  {
    attack: 'everything chained anew, checkpoints made to fit with their old signatures',
    tamper: async (f) => {
      await f.superuser.putHistory(rewritten(f, 0));
      await refit(f);
    },
    code: 'HISTORY_REWRITTEN',
    firstIndex: 0,
    lastIndex: 99,
    inTail: true,
    stranger: ['CHECKPOINT_SIGNATURE_INVALID'],
  },
  {
    attack: 'history chained anew between two archived checkpoints, those in the database between them deleted',
    tamper: async (f) => {
      await f.superuser.putHistory(rewritten(f, 400));
      await f.superuser.sql('DELETE FROM checkpoints WHERE ledger_id = $1 AND tree_size IN (256, 300)', []);
    },
    code: 'HISTORY_REWRITTEN',
    firstIndex: 100,
    lastIndex: 511,
    inTail: true,
    stranger: ['ROOT_MISMATCH'],
  },
  {
    attack: 'entry recorded earlier, everything after it chained anew',
    tamper: (f) => f.superuser.putHistory(rewritten(f, 400, SIZE, (text) => text.replace(/("recordedAt":")\d{4}/, '$12001'))),
    code: 'RECORDED_AT_DECREASES',
    firstIndex: 400,
    inTail: true,
    stranger: ['RECORDED_AT_DECREASES', 400],
  },
  {
    attack: 'entry inserted, everything after it chained anew, tiles and head too',
    tamper: (f) => {
      const rows = f.entries.toSpliced(400, 0, { ...f.entries[400]!, eventId: randomUUID() });
      const own = rows.map((row, i) => (i === 400 ? edit(row, (text) => text.replace(f.entries[400]!.eventId, row.eventId)) : row));
      return f.superuser.putHistory(f.superuser.relink(own, 400));
    },
    code: 'HISTORY_REWRITTEN',
    firstIndex: 300,
    lastIndex: 511,
    inTail: true,
    stranger: ['ROOT_MISMATCH'],
  },
  {
    attack: 'entry deleted, everything after it chained anew, tiles and head too',
    tamper: (f) => f.superuser.putHistory(f.superuser.relink(f.entries.toSpliced(400, 1), 400)),
    code: 'HISTORY_REWRITTEN',
    firstIndex: 300,
    lastIndex: 511,
    inTail: true,
    stranger: ['EXPORT_TRUNCATED', LAST],
  },
  {
    attack: 'history of another ledger put in its place',
    tamper: async ({ superuser, other }) => {
      for (const table of ['heads', 'entries', 'tiles', 'checkpoints']) {
        await superuser.sql(`DELETE FROM ${table} WHERE ledger_id = $1`, []);
        await superuser.sql(`UPDATE ${table} SET ledger_id = $1 WHERE ledger_id = $2`, [other.ledgerId]);
      }
    },
    code: 'ENTRY_TENANT_MISMATCH',
    firstIndex: 0,
    inTail: true,
    stranger: ['ENTRY_TENANT_MISMATCH', 0],
  },
]);

/** Notes that state the new roots, under the signatures of the old ones. */
async function refit({ superuser, victim }: TamperingFixture): Promise<void> {
  const rows = await superuser.entries();
  const checkpoints = await superuser.checkpoints();
  for (const [i, treeSize] of SIGNED_SIZES.entries()) {
    const root = superuser.rootOf(rows.slice(0, treeSize));
    const note = formatCheckpoint({ origin: victim.origin, treeSize, root }, parseCheckpoint(checkpoints[i]!.note).signatures);
    await superuser.sql('UPDATE checkpoints SET root_hash = $3, note = $4 WHERE ledger_id = $1 AND tree_size = $2', [treeSize, root, note]);
  }
}
