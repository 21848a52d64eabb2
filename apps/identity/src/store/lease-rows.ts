import type { Pool } from '@countersign/postgres';

export interface EdgeLease {
  readonly edgeId: string;
  readonly lease: string;
}

/**
 * Leases of edges. Rows hold no time: who waits for a lease to end counts from when it was fenced, by its own clock, so that no
 * two clocks are ever compared (ADR 0023).
 */
export class LeaseRows {
  constructor(readonly pool: Pool) {}

  async add({ edgeId, lease }: EdgeLease): Promise<void> {
    await this.pool.query('INSERT INTO edge_leases (edge_id, lease) VALUES ($1, $2)', [edgeId, lease]);
  }

  /** Whether the lease goes on: there is such a one and it is not fenced. */
  async isLive({ edgeId, lease }: EdgeLease): Promise<boolean> {
    return (await this.pool.query('SELECT FROM edge_leases WHERE lease = $2 AND edge_id = $1 AND NOT is_fenced', [edgeId, lease])).rowCount === 1;
  }

  /** All that were not released, fenced ones too: whoever fenced one may still be waiting for its end. */
  async all(): Promise<EdgeLease[]> {
    const { rows } = await this.pool.query<{ edge_id: string; lease: string }>('SELECT edge_id, lease FROM edge_leases');
    return rows.map(({ edge_id, lease }) => ({ edgeId: edge_id, lease }));
  }

  /** Once this has returned none of them is renewed. */
  async fence(leases: readonly string[]): Promise<void> {
    await this.pool.query('UPDATE edge_leases SET is_fenced = true WHERE lease = ANY($1)', [leases]);
  }

  /** With `edgeId` only its own. */
  async remove(leases: readonly string[], edgeId?: string): Promise<void> {
    await this.pool.query('DELETE FROM edge_leases WHERE lease = ANY($1) AND ($2::text IS NULL OR edge_id = $2)', [leases, edgeId ?? null]);
  }
}
