import { describeTampering, type Tampering } from '../fixture/tampering-cases.js';
import { SIZE, type TamperingFixture } from '../fixture/tampering-fixture.js';

// An export does not hold the head row: whoever verifies one does not depend on it.
const LAST = SIZE - 1;

function tampering(attack: string, code: Tampering['code'], [firstIndex, lastIndex]: readonly [number, number?], set: string): Tampering {
  const tamper = ({ superuser }: TamperingFixture) => superuser.sql(`UPDATE heads SET ${set} WHERE ledger_id = $1`, []);
  return { attack, code, firstIndex, lastIndex, inTail: true, stranger: 'intact', tamper };
}

describeTampering('the head row', [
  tampering('head moved forward', 'HEAD_SIZE_MISMATCH', [SIZE, SIZE + 9], 'tree_size = tree_size + 10'),
  tampering('head moved back', 'HEAD_SIZE_MISMATCH', [690, LAST], 'tree_size = tree_size - 10'),
  tampering('head moved back to the beginning', 'HEAD_SIZE_MISMATCH', [0, LAST], 'tree_size = 0'),
  tampering('head root edited', 'HEAD_ROOT_MISMATCH', [LAST], 'root_hash = sha256(root_hash)'),
  tampering('head link edited', 'HEAD_LINK_MISMATCH', [LAST], 'last_event_hash = sha256(last_event_hash)'),
  tampering('head time edited', 'HEAD_TIME_MISMATCH', [LAST], `last_recorded_at = '2101-01-01T00:00:00.000Z'`),
  {
    attack: 'head row deleted',
    tamper: ({ superuser }) => superuser.sql('DELETE FROM heads WHERE ledger_id = $1', []),
    code: 'HEAD_MISSING',
    firstIndex: LAST,
    inTail: true,
    stranger: 'intact',
  },
]);

describeTampering('the tail', [
  {
    attack: 'tail cut off',
    tamper: ({ superuser }) => superuser.sql('DELETE FROM entries WHERE ledger_id = $1 AND leaf_index >= 695', []),
    code: 'TAIL_MISSING',
    firstIndex: 695,
    lastIndex: LAST,
    inTail: true,
    stranger: ['EXPORT_TRUNCATED', 695],
  },
  {
    attack: 'tail cut off, head moved back to fit',
    tamper: ({ superuser, entries }) => superuser.putHistory(entries.slice(0, 695)),
    code: 'TAIL_MISSING',
    firstIndex: 695,
    lastIndex: LAST,
    inTail: true,
    stranger: ['EXPORT_TRUNCATED', 695],
  },
  {
    attack: 'tail cut off, head and checkpoints moved back to fit',
    tamper: async ({ superuser, entries }) => {
      await superuser.putHistory(entries.slice(0, 640));
      await superuser.sql('DELETE FROM checkpoints WHERE ledger_id = $1 AND tree_size > 640', []);
    },
    code: 'LEDGER_ROLLED_BACK',
    firstIndex: 640,
    lastIndex: LAST,
    inTail: true,
    stranger: 'intact',
    returning: ['LEDGER_ROLLED_BACK'],
  },
  {
    attack: 'older backup of every table restored',
    tamper: ({ superuser }) => superuser.restore('backup'),
    code: 'LEDGER_ROLLED_BACK',
    firstIndex: 300,
    lastIndex: LAST,
    inTail: true,
    stranger: 'intact',
    returning: ['LEDGER_ROLLED_BACK'],
  },
  {
    attack: 'every row of the ledger deleted',
    tamper: async ({ superuser }) => {
      for (const table of ['heads', 'entries', 'tiles', 'checkpoints']) await superuser.sql(`DELETE FROM ${table} WHERE ledger_id = $1`, []);
    },
    code: 'LEDGER_ROLLED_BACK',
    firstIndex: 0,
    lastIndex: LAST,
    inTail: true,
    stranger: ['NOTHING_TO_EXPORT'],
  },
]);
