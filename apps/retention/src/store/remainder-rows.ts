import type { HeldKey } from '@countersign/contracts';
import type { Pool, PoolClient } from '@countersign/postgres';
import type { PersonsKind } from '@countersign/retention-rules';

/** Holds do not end often, and what they covered is still announced for days then. */
const PAUSE_MS = 600_000;

/** What holds keep of somebody who is to be erased. */
export interface Remainder {
  readonly kinds: readonly PersonsKind[];
  readonly keys: readonly HeldKey[];
}

interface Row extends Remainder {
  readonly request_id: string;
}

/** What erasures have left because of holds. */
export class RemainderRows {
  constructor(readonly pool: Pool) {}

  /** Those that nobody has looked at for some time; meanwhile nobody else does. */
  async take(limit: number): Promise<Row[]> {
    const { rows } = await this.pool.query<Row>(
      `UPDATE erasure_remainders SET next_at = now() + $1 * interval '1 millisecond' WHERE request_id IN
       (SELECT request_id FROM erasure_remainders WHERE next_at <= now() ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED) RETURNING request_id, kinds, keys`,
      [PAUSE_MS, limit],
    );
    return rows;
  }

  async remove(requestId: string): Promise<void> {
    await removeRemainder(this.pool, requestId);
  }
}

export async function removeRemainder(client: Pick<PoolClient, 'query'>, requestId: string): Promise<void> {
  await client.query('DELETE FROM erasure_remainders WHERE request_id = $1', [requestId]);
}

export async function storeRemainder(client: Pick<PoolClient, 'query'>, requestId: string, { kinds, keys }: Remainder): Promise<void> {
  await client.query(
    `INSERT INTO erasure_remainders (request_id, kinds, keys) VALUES ($1, $2, $3) ON CONFLICT (request_id) DO UPDATE SET (kinds, keys, next_at) = ROW (excluded.kinds, excluded.keys, now())`,
    [requestId, JSON.stringify(kinds), JSON.stringify(keys)],
  );
}
