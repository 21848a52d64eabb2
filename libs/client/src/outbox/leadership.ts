import type { Pool } from './rows.js';

/** The right to relay one outbox, held by a session-level advisory lock: it ends with the connection, however that ends. */
export interface Leadership {
  /** Aborted when the connection is lost. */
  readonly lost: AbortSignal;
  release(): void;
}

/**
 * Tries to become the one relay of an outbox. Returns undefined if another is. `wake` is called at every commit that
 * enqueued. Two relays for a moment do no harm: the ledger records an id once.
 */
export async function lead(pool: Pool, lockName: string, channel: string, wake: () => void): Promise<Leadership | undefined> {
  const client = await pool.connect();
  const lost = new AbortController();
  const onLost = (): void => lost.abort();
  client.on('error', onLost);
  client.on('end', onLost);
  client.on('notification', wake);
  // Closed, not returned to the pool: that ends lock and LISTEN for certain.
  const release = (): void => client.release(true);
  try {
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked', [lockName]);
    if (rows[0]?.locked !== true) {
      release();
      return undefined;
    }
    await client.query(`LISTEN "${channel}"`);
    return { lost: lost.signal, release };
  } catch (error) {
    release();
    throw error;
  }
}
