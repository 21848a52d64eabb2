import type { SearchPage, SearchQuery } from '@countersign/contracts';
import { withTransaction } from '@countersign/postgres';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';
import type { PgReadStore } from '../store/pg-read-store.js';
import { decodeCursor, encodeCursor } from './cursor.js';
import type { EventFilters } from './event-filters.js';
import type { PartOpener } from './open-parts.js';
import { recordedEvents } from './recorded-event.js';
import { searchSql, stretchesOf, stretchesSql, type Stretch } from './search-sql.js';

/** A question that no index answers well is given up, before it takes the machine from everybody else. */
export const SEARCH_TIMEOUT_MS = 5_000;

/** Searches a ledger's events, newest first, over a pool of the role `ledger_reader`. */
export class Searcher {
  constructor(
    private readonly pool: pg.Pool,
    private readonly store: PgReadStore,
    private readonly opener: PartOpener,
  ) {}

  /** One page. Throws CURSOR_MALFORMED or CURSOR_OF_OTHER_QUERY; rejects with SQLSTATE 57014 when it takes too long. */
  async search(ledger: Ledger, query: SearchQuery): Promise<SearchPage> {
    const { cursor, limit, ...filters } = query;
    const belowIndex = cursor === undefined ? Number.MAX_SAFE_INTEGER : decodeCursor(ledger.tenant, filters, cursor);
    // Read first: what is indexed meanwhile may be in the answer, but nothing that is said to be indexed may lack.
    const { indexedSize } = await this.store.sizes(ledger);
    // One more than asked for tells whether there is a next page.
    const rows = await this.matches(ledger, filters, belowIndex, limit + 1);
    const indexes = rows.slice(0, limit).map((row) => Number(row.leaf_index));
    const records = await this.store.entriesAt(ledger, indexes);
    const events = await recordedEvents(ledger, records, this.opener);
    if (rows.length <= limit) return { events, indexedSize };
    return { events, indexedSize, next: encodeCursor(ledger.tenant, filters, indexes.at(-1)!) };
  }

  private matches({ ledgerId }: Ledger, filters: EventFilters, belowIndex: number, limit: number): Promise<{ leaf_index: string }[]> {
    return withTransaction(
      this.pool,
      async (client) => {
        await client.query(`SET LOCAL statement_timeout = ${SEARCH_TIMEOUT_MS}`);
        let stretches: readonly Stretch[] = [{ lo: 0, hi: belowIndex }];
        if (filters.from !== undefined || filters.to !== undefined) {
          const asked = stretchesSql(ledgerId, filters, belowIndex);
          stretches = stretchesOf((await client.query<{ lo: string; hi: string }>(asked.text, asked.values)).rows);
        }
        const { text, values } = searchSql(ledgerId, filters, stretches, belowIndex, limit);
        return (await client.query<{ leaf_index: string }>(text, values)).rows;
      },
      { readOnly: true },
    );
  }
}
