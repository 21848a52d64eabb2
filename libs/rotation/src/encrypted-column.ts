import type { FieldPlace } from '@countersign/key-client';

const SQL_NAME = /^[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?$/;
const SQL_TYPES: ReadonlySet<string> = new Set(['bigint', 'integer', 'text', 'uuid']);

/** A row's key and whatever else its texts are bound to, as the driver reads them, by column. */
export type RowNames = Readonly<Record<string, unknown>>;

/**
 * A column of encrypted fields (docs/spec/envelope.md) under data keys of one purpose, as a service declares it for rotation.
 * Of each row the tenant follows from the key.
 */
export interface EncryptedColumn {
  readonly purpose: string;
  /** With its schema, where that is not on the search path. */
  readonly table: string;
  readonly column: string;
  /** `text[]`: a value in pieces, each a field of its own. */
  readonly type: 'text' | 'text[]';
  /** Columns of the primary key and their SQL types. */
  readonly key: readonly { readonly column: string; readonly type: 'bigint' | 'integer' | 'text' | 'uuid' }[];
  /** Other columns that {@link place} reads. */
  readonly names?: readonly string[];
  /** Where piece `piece` of `pieces` was sealed for. */
  place(row: RowNames, piece: number, pieces: number): FieldPlace;
  /** Rows that are locked, read and written at once. Default 500; fewer where values are large. */
  readonly batchRows?: number;
}

/** The column, whose names can stand in SQL as they are. Throws RangeError. */
export function checkColumn(declared: EncryptedColumn): EncryptedColumn {
  const { table, column, key, names = [], batchRows = 1 } = declared;
  for (const name of [table, column, ...key.map((each) => each.column), ...names]) {
    if (!SQL_NAME.test(name)) throw new RangeError(`${name} must be a lower-case SQL name`);
  }
  if (key.length === 0 || key.some(({ type }) => !SQL_TYPES.has(type))) throw new RangeError(`${table} must have a key of known types`);
  if (!Number.isInteger(batchRows) || batchRows < 1) throw new RangeError('batchRows must be a whole number of at least 1');
  return declared;
}
