import { withTransaction, type Pool, type PoolClient } from '@countersign/postgres';
import type { FairShare } from './fair-share.js';

/** Held by orders together, and by the moving of rows alone: neither waits for rows of the other. */
export const ENTRIES_LOCK = 0x65_6e_74_72;
/** A vacuum reads every page that has changed: not for every order. */
const DEAD_ROWS_MIN = 40_000;
/** Of all rows: when the parts of so many are gone, the file is worth being made smaller. */
const GONE_SHARE_MIN = 0.05;
/** Pages, of 8 KiB, that are emptied at once: some hundred rows, some ten milliseconds. */
const WINDOW_PAGES = 64;
/** Between two vacuums, which give back what was emptied. */
const MOVING_MS_MAX = 15_000;
/** Rows that find room on their own page are written again, until it is full. */
const REWRITES_MAX = 24;
/** So that other work is served meanwhile: a pause for about every MiB of pages written. */
const VACUUM_COST_DELAY_MS = 2;
const VACUUM_COST_LIMIT = 2_000;

export interface ReclaimingOptions {
  /** As the eraser, which may vacuum the table. */
  readonly eraser: Pool;
  readonly share: FairShare;
  /** Of how many entries parts went since the last call. */
  readonly takeDestroyed: () => number;
}

/** What a round has done (`waiting`: for an order that is at work), and how large the table was before and after it, in pages. */
export interface Reclaimed {
  readonly done: 'nothing' | 'vacuumed' | 'waiting' | 'moved';
  readonly before?: number;
  readonly after?: number;
}

/**
 * Gives the space of destroyed parts back. A smaller version of a row leaves its old place free for others, which VACUUM finds; the file ends where
 * the last row is. So rows of its last pages are written anew, unchanged, which puts them into free space, and VACUUM cuts off what is empty then.
 * After a restart it goes on with what is destroyed next.
 */
export class Reclaiming {
  #gone = 0;
  /** Since parts went last: free space is known. */
  #isVacuumed = true;
  #isStopped = false;
  #vacuuming: PoolClient | undefined;

  constructor(private readonly options: ReclaimingOptions) {}

  /** To be called again and again. */
  async round(): Promise<Reclaimed> {
    const destroyed = this.options.takeDestroyed();
    this.#gone += destroyed;
    this.#isVacuumed &&= destroyed === 0;
    if (this.#gone === 0) return NOTHING;
    const { pages: before, rows, dead } = await this.#table();
    // While more goes, more becomes free: the end comes last.
    if (destroyed > 0 ? dead >= DEAD_ROWS_MIN : !this.#isVacuumed) {
      await this.#vacuum('AUTO');
      this.#isVacuumed = true;
      return { done: 'vacuumed', before, after: (await this.#table()).pages };
    }
    if (destroyed > 0 || this.#gone < rows * GONE_SHARE_MIN) return NOTHING;
    const { windows, isMore } = await this.#moveTail(before);
    if (!isMore) this.#gone = 0;
    if (windows === 0) return { done: isMore ? 'waiting' : 'nothing' };
    // A page is empty when no index points to it any more.
    await this.#vacuum('ON');
    return { done: 'moved', before, after: (await this.#table()).pages };
  }

  /** Ends a round that is under way after its next step; a vacuum is left to the server. */
  stop(): void {
    this.#isStopped = true;
    this.#vacuuming?.release(new Error('stopping'));
    this.#vacuuming = undefined;
  }

  async #table(): Promise<{ readonly pages: number; readonly rows: number; readonly dead: number }> {
    const { rows } = await this.options.eraser.query<Record<'pages' | 'rows' | 'dead', string>>(
      `SELECT pg_relation_size(oid) / current_setting('block_size')::int AS pages, reltuples AS rows, coalesce(pg_stat_get_dead_tuples(oid), 0) AS dead FROM pg_class WHERE oid = 'entries'::regclass`,
    );
    const found = rows[0]!;
    return { pages: Number(found.pages), rows: Number(found.rows), dead: Number(found.dead) };
  }

  /** Takes no lock that appends or readers wait for; for cutting off the end it waits until nobody holds the table, and gives up when somebody comes. */
  async #vacuum(indexes: 'AUTO' | 'ON'): Promise<void> {
    if (this.#isStopped) return;
    const client = await this.options.eraser.connect();
    const onError = (): void => undefined;
    client.on('error', onError);
    this.#vacuuming = client;
    let failed: Error | undefined;
    try {
      await client.query(`SET vacuum_cost_delay = ${String(VACUUM_COST_DELAY_MS)}; SET vacuum_cost_limit = ${String(VACUUM_COST_LIMIT)}`);
      await client.query(`VACUUM (INDEX_CLEANUP ${indexes}, TRUNCATE ON, SKIP_LOCKED) entries`);
      await client.query('RESET vacuum_cost_delay; RESET vacuum_cost_limit');
    } catch (error) {
      failed = error as Error;
      if (!this.#isStopped) throw error;
    } finally {
      client.removeListener('error', onError);
      // Released already by whoever stopped it.
      if (this.#vacuuming !== undefined) client.release(failed);
      this.#vacuuming = undefined;
    }
  }

  /** How many windows at the end it has emptied, and whether there may be more. */
  async #moveTail(pages: number): Promise<{ readonly windows: number; readonly isMore: boolean }> {
    const { share } = this.options;
    const endMs = performance.now() + MOVING_MS_MAX;
    let windows = 0;
    for (let from = pages - WINDOW_PAGES; from > 0; from -= WINDOW_PAGES) {
      if (this.#isStopped || performance.now() > endMs) return { windows, isMore: true };
      await share.turn();
      const window = await share.work(() => this.#moveWindow(from, pages));
      if (window !== 'emptied') return { windows, isMore: window === 'locked' };
      windows += 1;
    }
    return { windows, isMore: false };
  }

  /** Empties the pages [from, pages), or does nothing: there is no room before them, or an order is at work, or another instance. */
  async #moveWindow(from: number, pages: number): Promise<'emptied' | 'full' | 'locked'> {
    try {
      return await withTransaction(this.options.eraser, async (client) => {
        const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS locked', [ENTRIES_LOCK]);
        if (rows[0]?.locked !== true) return 'locked';
        // Nothing is lost that anybody was promised.
        await client.query('SET LOCAL synchronous_commit = off');
        for (let left = REWRITES_MAX; ; left--) {
          const places = await rewrite(client, from, pages);
          if (places.length === 0) return 'emptied';
          // The table has grown instead.
          if (left === 0 || places.some((page) => page >= pages)) throw new NoRoom();
        }
      });
    } catch (error) {
      if (error instanceof NoRoom) return 'full';
      throw error;
    }
  }
}

const NOTHING: Reclaimed = { done: 'nothing' };

class NoRoom extends Error {}

/** Writes the rows of the pages [from, end) anew, unchanged; on which pages they are now, as far as those are not before `from`. */
async function rewrite(client: PoolClient, from: number, end: number): Promise<number[]> {
  const { rows } = await client.query<{ page: string }>(
    `WITH moved AS (UPDATE entries SET data_part = data_part WHERE ctid >= $1::tid AND ctid < $2::tid RETURNING (ctid::text::point)[0]::bigint AS page)
     SELECT page FROM moved WHERE page >= $3`,
    [`(${String(from)},0)`, `(${String(end)},0)`, from],
  );
  return rows.map(({ page }) => Number(page));
}
