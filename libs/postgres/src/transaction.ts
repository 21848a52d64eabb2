import type pg from 'pg';

export type IsolationLevel = 'READ COMMITTED' | 'REPEATABLE READ' | 'SERIALIZABLE';

export interface TransactionOptions {
  /** Default READ COMMITTED. */
  readonly isolation?: IsolationLevel;
  readonly readOnly?: boolean;
}

/**
 * Runs `work` in one transaction on one connection: committed when it resolves, rolled back when it rejects.
 * When COMMIT itself fails its outcome is unknown to the caller: the connection is thrown away and the error passed on.
 */
export async function withTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  const onError = (error: Error): void => {
    broken = error;
  };
  client.on('error', onError);
  try {
    return await inTransaction(client, work, options);
  } catch (error) {
    if (error instanceof TransactionBroken) {
      broken = error;
      throw error.cause;
    }
    throw error;
  } finally {
    client.removeListener('error', onError);
    client.release(broken);
  }
}

class TransactionBroken extends Error {}

/** The same on a connection that the caller holds. A rejection whose connection is unusable has ended the session. */
async function inTransaction<T>(client: pg.PoolClient, work: (client: pg.PoolClient) => Promise<T>, options: TransactionOptions): Promise<T> {
  await client.query(`BEGIN ISOLATION LEVEL ${options.isolation ?? 'READ COMMITTED'}${options.readOnly === true ? ' READ ONLY' : ''}`);
  let result: T;
  try {
    result = await work(client);
  } catch (error) {
    try {
      await client.query('ROLLBACK');
    } catch {
      throw new TransactionBroken('ROLLBACK failed', { cause: error });
    }
    throw error;
  }
  try {
    await client.query('COMMIT');
  } catch (error) {
    throw new TransactionBroken('COMMIT failed', { cause: error });
  }
  return result;
}
