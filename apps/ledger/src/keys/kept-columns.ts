import type { EncryptedColumn } from '@countersign/rotation';
import { keptPlace, KEPT, type KeptFor } from '../append/body-sealer.js';

/** A body may be as large as a message: few are held in memory at once. */
const BATCH_ROWS = 10;

/** What this ledger keeps under data keys. Entries are not among it: their bytes are what their leaves commit to. */
export const KEPT_COLUMNS: readonly EncryptedColumn[] = [column('quarantine', 'quarantine_id'), column('parked', 'parked_id')];

function column(keptFor: KeptFor, key: string): EncryptedColumn {
  return {
    ...KEPT[keptFor],
    column: 'sealed_body',
    type: 'text[]',
    key: [{ column: key, type: 'bigint' }],
    names: ['body_digest', 'is_masked'],
    place: ({ body_digest: digest, is_masked: isMasked }, piece, pieces) => keptPlace(keptFor, { digest: digest as Buffer, isMasked: isMasked === true }, piece, pieces),
    batchRows: BATCH_ROWS,
  };
}
