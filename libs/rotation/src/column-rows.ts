import { withTransaction, type Pool, type PoolClient } from '@countersign/postgres';
import { anyPieceSql, keyIdSql } from './column-sql.js';
import { checkColumn, type EncryptedColumn, type RowNames } from './encrypted-column.js';
import { reencrypt, type KeyPair } from './reencrypt.js';

const BATCH_ROWS_DEFAULT = 500;
/** Key ids told apart in one column. */
const KEY_IDS_MAX = 10_000;

/** How rows under a key are found: by the index, or by reading every row. */
export type Search = 'indexed' | 'exact';

export interface Batch {
  /** Rows read; 0 at the end. */
  readonly read: number;
  readonly written: number;
  /** Rows that stay as they are, by the code of their fault. */
  readonly faults: ReadonlyMap<string, number>;
  /** Key of the last row that was dealt with: the next batch begins behind it. */
  readonly last: readonly string[] | undefined;
  readonly isExhausted: boolean;
}

interface Row {
  readonly names: RowNames;
  readonly key: readonly string[];
  readonly texts: readonly string[];
}

/** The rows of one encrypted column. Every statement can be repeated: what is done is to be seen in the rows themselves. */
export class ColumnRows {
  readonly column: EncryptedColumn;

  constructor(
    private readonly pool: Pool,
    column: EncryptedColumn,
  ) {
    this.column = checkColumn(column);
  }

  /** Ids of all keys that rows lie under, as the index has them: one look into it for each. */
  async keyIds(): Promise<string[]> {
    const id = keyIdSql(this.column);
    const { table } = this.column;
    const { rows } = await this.pool.query<{ id: string }>(
      `WITH RECURSIVE ids AS (
         (SELECT ${id} AS id FROM ${table} ORDER BY 1 LIMIT 1)
         UNION ALL SELECT (SELECT ${id} FROM ${table} WHERE ${id} > ids.id ORDER BY 1 LIMIT 1) FROM ids WHERE ids.id IS NOT NULL
       ) SELECT id FROM ids WHERE id IS NOT NULL LIMIT ${KEY_IDS_MAX}`,
    );
    return rows.map((row) => row.id);
  }

  async count(keyId: string, search: Search): Promise<number> {
    return withTransaction(this.pool, async (client) => {
      await prepare(client, search);
      const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM ${this.column.table} WHERE ${this.#condition(search)}`, [keyId]);
      return Number(rows[0]!.count);
    }, { readOnly: true });
  }

  /**
   * Re-encrypts some rows behind `after`, in the order of their keys, in one transaction. Rows that somebody else holds are left
   * to him, and a text that is no longer the one that was read is not written over: a writer at the same time wins.
   */
  async reencrypt(keys: KeyPair, search: Search, after: readonly string[] | undefined): Promise<Batch> {
    return withTransaction(this.pool, async (client) => {
      await prepare(client, search);
      const rows = await this.#lock(client, keys.from.keyId, search, after);
      const fresh: { readonly row: Row; readonly texts: readonly string[] }[] = [];
      const faults = new Map<string, number>();
      let done = 0;
      for (const row of rows) {
        const result = reencrypt(this.column, row.names, row.texts, keys);
        if (result === 'exhausted') break;
        done++;
        if ('texts' in result) fresh.push({ row, texts: result.texts });
        else faults.set(result.fault, (faults.get(result.fault) ?? 0) + 1);
      }
      const written = fresh.length === 0 ? 0 : await this.#write(client, fresh);
      return { read: rows.length, written, faults, last: done === 0 ? after : rows[done - 1]!.key, isExhausted: done < rows.length };
    });
  }

  async #lock(client: PoolClient, keyId: string, search: Search, after: readonly string[] | undefined): Promise<Row[]> {
    const { table, column, key, names = [], type, batchRows = BATCH_ROWS_DEFAULT } = this.column;
    const keyColumns = key.map((each) => each.column).join(', ');
    const behind = after === undefined ? '' : `AND (${keyColumns}) > (${key.map((each, at) => `$${at + 2}::${each.type}`).join(', ')})`;
    const { rows } = await client.query<Record<string, unknown> & { row_key: string[]; row_texts: string[] }>(
      `SELECT ${[...new Set([...key.map((each) => each.column), ...names])].join(', ')},
         ARRAY[${key.map((each) => `${each.column}::text`).join(', ')}] AS row_key, ${type === 'text' ? `ARRAY[${column}]` : column} AS row_texts
       FROM ${table} WHERE ${this.#condition(search)} ${behind} ORDER BY ${keyColumns} LIMIT ${batchRows} FOR UPDATE SKIP LOCKED`,
      [keyId, ...(after ?? [])],
    );
    return rows.map((row) => ({ names: row, key: row.row_key, texts: row.row_texts }));
  }

  async #write(client: PoolClient, fresh: readonly { readonly row: Row; readonly texts: readonly string[] }[]): Promise<number> {
    const { table, column, key, type } = this.column;
    const stored = (texts: readonly string[]): string => (type === 'text' ? texts[0]! : arrayLiteral(texts));
    const at = key.length;
    const { rowCount } = await client.query(
      `UPDATE ${table} AS t SET ${column} = n.fresh::${type} FROM unnest(${key.map((each, i) => `$${i + 1}::${each.type}[]`).join(', ')}, $${at + 1}::text[], $${at + 2}::text[])
         AS n (${key.map((_, i) => `k${i}`).join(', ')}, old, fresh)
       WHERE ${key.map((each, i) => `t.${each.column} = n.k${i}`).join(' AND ')} AND t.${column} = n.old::${type}`,
      [...key.map((_, i) => fresh.map(({ row }) => row.key[i])), fresh.map(({ row }) => stored(row.texts)), fresh.map(({ texts }) => stored(texts))],
    );
    return rowCount ?? 0;
  }

  #condition(search: Search): string {
    return search === 'indexed' ? `${keyIdSql(this.column)} = $1` : anyPieceSql(this.column);
  }
}

/** A proof does not lean on an index: what that has lost would be taken for gone. */
async function prepare(client: PoolClient, search: Search): Promise<void> {
  if (search === 'exact') await client.query('SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_bitmapscan = off');
}

/** PostgreSQL's text form of an array: texts that were parsed as fields hold nothing that needs a quote. */
const arrayLiteral = (texts: readonly string[]): string => `{${texts.join(',')}}`;
