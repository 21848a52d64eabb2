import { EnvelopeFault, openField, parseField, sealField, type FieldKey } from '@countersign/envelope';
import type { EncryptedColumn, RowNames } from './encrypted-column.js';

export interface KeyPair {
  readonly tenant: string;
  readonly from: FieldKey;
  readonly to: FieldKey;
}

/** A row's texts afterwards; or why they stay as they are; or that the lease of the new key has no use left for them. */
export type Reencrypted = { readonly texts: readonly string[] } | { readonly fault: string } | 'exhausted';

/** The same values under the new key: pieces under `from` are opened and sealed, others left alone. Pure but for the IVs. */
export function reencrypt(column: Pick<EncryptedColumn, 'place'>, row: RowNames, texts: readonly string[], { tenant, from, to }: KeyPair): Reencrypted {
  if (to.usesLeft < texts.length) return 'exhausted';
  try {
    return {
      texts: texts.map((text, piece) => {
        const field = parseField(text);
        if (field.keyId !== from.keyId) return text;
        const context = { tenant, ...column.place(row, piece, texts.length) };
        const bytes = openField(from, context, field);
        try {
          return sealField(to, context, bytes);
        } finally {
          bytes.fill(0);
        }
      }),
    };
  } catch (error) {
    // A row that somebody has changed, or moved, must not hold up the others.
    if (error instanceof EnvelopeFault) return { fault: error.code };
    throw error;
  }
}
