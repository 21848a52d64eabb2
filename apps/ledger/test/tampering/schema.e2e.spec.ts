import { describeTampering, type Tampering } from '../fixture/tampering-cases.js';
import type { TamperingFixture } from '../fixture/tampering-fixture.js';

// Constraints are in the way of an honest mistake only: their owner drops them first.
type Stated = Pick<Tampering, 'attack' | 'code' | 'firstIndex' | 'lastIndex' | 'inTail' | 'stranger'>;

function tampering(stated: Stated, ...statements: readonly string[]): Tampering {
  const tamper = async ({ superuser }: TamperingFixture): Promise<void> => {
    for (const statement of statements) await superuser.sql(statement, statement.includes('$1') ? [] : undefined);
  };
  return { ...stated, tamper };
}

const bytes = (count: number): string => `decode(repeat('00', ${count}), 'hex')`;

describeTampering('rows that the schema forbids', [
  tampering(
    { attack: 'entry set to NULL', code: 'ENTRY_MALFORMED', firstIndex: 400, inTail: false, stranger: ['EXPORT_TRUNCATED', 256] },
    'ALTER TABLE entries ALTER COLUMN entry DROP NOT NULL',
    'UPDATE entries SET entry = NULL WHERE ledger_id = $1 AND leaf_index = 400',
  ),
  tampering(
    { attack: 'event id set to NULL', code: 'EVENT_ID_MISMATCH', firstIndex: 400, inTail: false, stranger: 'intact' },
    'ALTER TABLE entries ALTER COLUMN event_id DROP NOT NULL',
    'UPDATE entries SET event_id = NULL WHERE ledger_id = $1 AND leaf_index = 400',
  ),
  tampering(
    { attack: 'second entry under the same index', code: 'ENTRY_INDEX_MISMATCH', firstIndex: 401, inTail: false, stranger: ['EXPORT_TRUNCATED', 402] },
    'ALTER TABLE entries DROP CONSTRAINT IF EXISTS entries_pkey, DROP CONSTRAINT IF EXISTS entries_event_id_key',
    'INSERT INTO entries SELECT * FROM entries WHERE ledger_id = $1 AND leaf_index = 401',
  ),
  tampering(
    { attack: 'personal parts nested in one another', code: 'PART_ALTERED', firstIndex: 400, inTail: false, stranger: ['EXPORT_TRUNCATED', 256] },
    'UPDATE entries SET personal_parts = ARRAY[personal_parts, personal_parts] WHERE ledger_id = $1 AND leaf_index = 400',
  ),
  tampering(
    { attack: 'tile cut short', code: 'TILE_MALFORMED', firstIndex: 256, lastIndex: 511, inTail: false, stranger: 'intact' },
    'ALTER TABLE tiles DROP CONSTRAINT IF EXISTS tiles_hashes_check',
    `UPDATE tiles SET hashes = ${bytes(8160)} WHERE ledger_id = $1 AND level = 0 AND tile_index = 1`,
  ),
  tampering(
    { attack: 'tile root cut short', code: 'TILE_ROOT_ALTERED', firstIndex: 0, lastIndex: 255, inTail: true, stranger: 'intact' },
    'ALTER TABLE tiles DROP CONSTRAINT IF EXISTS tiles_root_check',
    `UPDATE tiles SET root = ${bytes(31)} WHERE ledger_id = $1 AND level = 0 AND tile_index = 0`,
  ),
  tampering(
    { attack: 'second head row', code: 'HEAD_SIZE_MISMATCH', firstIndex: 699, inTail: true, stranger: 'intact' },
    'ALTER TABLE heads DROP CONSTRAINT IF EXISTS heads_pkey',
    'INSERT INTO heads SELECT ledger_id, 600, root_hash, last_event_hash, last_recorded_at FROM heads WHERE ledger_id = $1',
  ),
  tampering(
    { attack: 'entry hidden by a row security policy', code: 'ENTRY_MISSING', firstIndex: 400, inTail: false, stranger: ['EXPORT_TRUNCATED', 400] },
    'DROP POLICY IF EXISTS hide ON entries',
    'CREATE POLICY hide ON entries USING (leaf_index <> 400)',
    'ALTER TABLE entries ENABLE ROW LEVEL SECURITY',
  ),
]);
