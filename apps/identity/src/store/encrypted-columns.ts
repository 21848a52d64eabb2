import type { EncryptedColumn } from '@countersign/rotation';
import { MFA_PURPOSE, totpPlace } from '../sign-in/second-factor.js';

/** Columns under data keys: their rows follow when a key is rotated. Those under subjects' keys do not rotate. */
export const ENCRYPTED_COLUMNS: readonly EncryptedColumn[] = [
  {
    purpose: MFA_PURPOSE,
    table: 'users',
    column: 'totp',
    type: 'text',
    key: [{ column: 'user_id', type: 'text' }],
    place: (row) => totpPlace(row['user_id'] as string),
  },
];
