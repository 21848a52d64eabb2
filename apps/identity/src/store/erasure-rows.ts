import type { Pool } from '@countersign/postgres';

/** Which erasures this database knows of. */
export class ErasureRows {
  constructor(readonly pool: Pool) {}

  /** Behind how many of retention's list it is; 0: it knows none. */
  async place(): Promise<number> {
    const { rows } = await this.pool.query<{ place: string }>('SELECT place FROM erasures_known');
    return Number(rows[0]?.place ?? 0);
  }

  async setPlace(place: number): Promise<void> {
    await this.pool.query('INSERT INTO erasures_known (place) VALUES ($1) ON CONFLICT (one) DO UPDATE SET place = EXCLUDED.place WHERE erasures_known.place <> EXCLUDED.place', [place]);
  }

  /** Of these requests, those whose erasure is not on record here although the account is. */
  async forgotten(erasures: readonly { readonly requestId: string; readonly subject: string }[]): Promise<{ readonly requestId: string; readonly subject: string }[]> {
    const { rows } = await this.pool.query<{ request_id: string; user_id: string }>(
      `SELECT e.request_id, e.user_id FROM unnest($1::text[], $2::text[]) AS e(request_id, user_id) JOIN users u ON u.user_id = e.user_id
       WHERE NOT EXISTS (SELECT FROM subject_scrubs s WHERE s.request_id = e.request_id)`,
      [erasures.map(({ requestId }) => requestId), erasures.map(({ subject }) => subject)],
    );
    return rows.map(({ request_id, user_id }) => ({ requestId: request_id, subject: user_id }));
  }

  /** Those that were done again, and retention does not know it. */
  async untold(): Promise<string[]> {
    return (await this.pool.query<{ request_id: string }>('SELECT request_id FROM subject_scrubs WHERE is_untold')).rows.map(({ request_id }) => request_id);
  }

  async told(requestId: string): Promise<void> {
    await this.pool.query('UPDATE subject_scrubs SET is_untold = false WHERE request_id = $1', [requestId]);
  }
}
