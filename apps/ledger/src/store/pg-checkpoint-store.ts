import type { TreeHead } from '@countersign/chain';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';

/** Stored checkpoints and committed heads, as the role `ledger_runtime`. */
export class PgCheckpointStore {
  constructor(private readonly pool: pg.Pool) {}

  /** Durable on return; the same checkpoint again is fine. */
  async add(ledger: Ledger, head: TreeHead, note: string, signedAt: Date): Promise<void> {
    await this.pool.query(
      'INSERT INTO checkpoints (ledger_id, tree_size, root_hash, note, signed_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING',
      [ledger.ledgerId, head.treeSize, head.root, note, signedAt],
    );
  }

  /** Entries that the head row speaks of; 0 without one. */
  async committedSize(ledger: Ledger): Promise<number> {
    const { rows } = await this.pool.query<{ tree_size: string }>('SELECT tree_size FROM heads WHERE ledger_id = $1', [ledger.ledgerId]);
    return Number(rows[0]?.tree_size ?? 0);
  }

  /** Every ledger with its committed head. */
  async heads(): Promise<readonly { ledger: Ledger; head: TreeHead }[]> {
    const { rows } = await this.pool.query<{ ledger_id: number; tenant: string; origin: string; tree_size: string; root_hash: Buffer }>(
      'SELECT ledger_id, tenant, origin, tree_size, root_hash FROM ledgers JOIN heads USING (ledger_id) ORDER BY ledger_id',
    );
    return rows.map((row) => ({
      ledger: { ledgerId: row.ledger_id, tenant: row.tenant, origin: row.origin },
      head: { origin: row.origin, treeSize: Number(row.tree_size), root: row.root_hash },
    }));
  }
}
