import { EnvelopeFault } from './fault.js';
import { isKeyId } from './key-id.js';
import { lengthPrefixed } from './length-prefixed.js';

export const NAME_BYTES_MAX = 128;
export const ROW_BYTES_MAX = 1024;

/** Where a column lies. Each name is 1 to 128 bytes of UTF-8, compared byte by byte. */
export interface ColumnContext {
  readonly tenant: string;
  readonly table: string;
  readonly column: string;
}

/** The one place in the world where a value may be opened. `row` is 1 to 1,024 bytes and must never change for the row. */
export interface FieldContext extends ColumnContext {
  readonly row: string;
}

/** What a wrapped key is for: opened for another tenant, purpose or key id, it does not verify. */
export interface WrapContext {
  readonly tenant: string;
  readonly purpose: string;
  /** Id of the key inside. */
  readonly keyId: string;
}

// The labels keep the three uses apart even where somebody gives them one key.
const FIELD_LABEL = 'countersign.envelope.v2';
const WRAP_LABEL = 'countersign.envelope.v2.wrap';
const INDEX_LABEL = 'countersign.blind-index.v1';
const DIGEST_LABEL = 'countersign.field-digest.v1';

/** Additional data of a field. A view: valid until the next encoding. Throws CONTEXT_MALFORMED. */
export function fieldAad(keyId: string, context: FieldContext): Uint8Array {
  const { tenant, table, column, row } = checked(context);
  return lengthPrefixed(FIELD_LABEL, [
    ['key id', keyId, NAME_BYTES_MAX],
    ['tenant', tenant, NAME_BYTES_MAX],
    ['table', table, NAME_BYTES_MAX],
    ['column', column, NAME_BYTES_MAX],
    ['row', row, ROW_BYTES_MAX],
  ]);
}

/** Additional data of a wrapped key; `kekId` wraps `context.keyId`. A view: valid until the next encoding. Throws CONTEXT_MALFORMED. */
export function wrapAad(kekId: string, context: WrapContext): Uint8Array {
  const { tenant, purpose, keyId } = checked(context);
  if (!isKeyId(keyId)) throw new EnvelopeFault('CONTEXT_MALFORMED', "the context's key id is not 1 to 64 of A-Z a-z 0-9 _ -");
  return lengthPrefixed(WRAP_LABEL, [
    ['key id', kekId, NAME_BYTES_MAX],
    ['tenant', tenant, NAME_BYTES_MAX],
    ['purpose', purpose, NAME_BYTES_MAX],
    ['wrapped key id', keyId, NAME_BYTES_MAX],
  ]);
}

/** What precedes the value under a field digest's HMAC. A view: valid until the next encoding. Throws CONTEXT_MALFORMED. */
export function digestPrefix(context: FieldContext): Uint8Array {
  const { tenant, table, column, row } = checked(context);
  return lengthPrefixed(DIGEST_LABEL, [
    ['tenant', tenant, NAME_BYTES_MAX],
    ['table', table, NAME_BYTES_MAX],
    ['column', column, NAME_BYTES_MAX],
    ['row', row, ROW_BYTES_MAX],
  ]);
}

/** What precedes the value under a blind index's HMAC. A view: valid until the next encoding. Throws CONTEXT_MALFORMED. */
export function indexPrefix(context: ColumnContext): Uint8Array {
  const { tenant, table, column } = checked(context);
  return lengthPrefixed(INDEX_LABEL, [
    ['tenant', tenant, NAME_BYTES_MAX],
    ['table', table, NAME_BYTES_MAX],
    ['column', column, NAME_BYTES_MAX],
  ]);
}

function checked<Context>(context: Context): Context {
  if (typeof context !== 'object' || context === null) throw new EnvelopeFault('CONTEXT_MALFORMED', 'there is no context');
  return context;
}
