import type { Pool, PoolClient } from '@countersign/postgres';

/** A subject's row. Without `wrapped`: erased. */
export interface SubjectRow {
  readonly digest: Buffer;
  readonly keyId: string;
  readonly wrapped: string | null;
  readonly wrappedBy: string | null;
  readonly epoch: number | null;
}

export interface LiveRow extends SubjectRow {
  readonly tenant: string;
  readonly wrapped: string;
  readonly wrappedBy: string;
  readonly epoch: number;
}

export interface NewSubject {
  readonly digest: Buffer;
  readonly keyId: string;
  readonly wrapped: string;
  readonly wrappedBy: string;
  readonly epoch: number;
}

export interface Epoch {
  readonly current: number;
  readonly rolledAt: Date;
}

const COLUMNS = 'digest, key_id AS "keyId", wrapped, wrapped_by AS "wrappedBy", epoch';

/** The epoch that new rows belong to. With `hold`, it stays so until the transaction ends. */
export async function readEpoch(client: Pick<PoolClient, 'query'>, hold = false): Promise<Epoch> {
  const { rows } = await client.query<{ current: number; rolled_at: Date }>(`SELECT current, rolled_at FROM epoch${hold ? ' FOR SHARE' : ''}`);
  return { current: rows[0]!.current, rolledAt: rows[0]!.rolled_at };
}

export async function readSubjects(client: Pick<PoolClient, 'query'>, tenant: string, by: 'digest' | 'key_id', values: readonly (Buffer | string)[]): Promise<SubjectRow[]> {
  const { rows } = await client.query<SubjectRow>(`SELECT ${COLUMNS} FROM subject_keys WHERE tenant = $1 AND ${by} = ANY ($2)`, [tenant, values]);
  return rows;
}

/** Inserts what is not there yet and says which: of two who make a key for one subject, one wins, and against an erasure none. */
export async function insertSubjects(client: PoolClient, tenant: string, fresh: readonly NewSubject[], leases: number): Promise<Set<string>> {
  const sorted = fresh.toSorted((a, b) => Buffer.compare(a.digest, b.digest));
  const { rows } = await client.query<{ key_id: string }>(
    `INSERT INTO subject_keys (tenant, digest, key_id, wrapped, wrapped_by, epoch, leases)
     SELECT $1, digest, key_id, wrapped, wrapped_by, $2, $7 FROM unnest($3::bytea[], $4::text[], $5::text[], $6::text[]) AS n (digest, key_id, wrapped, wrapped_by)
     ON CONFLICT (tenant, digest) DO NOTHING RETURNING key_id`,
    [tenant, sorted[0]?.epoch, sorted.map(({ digest }) => digest), sorted.map(({ keyId }) => keyId), sorted.map(({ wrapped }) => wrapped), sorted.map(({ wrappedBy }) => wrappedBy), leases],
  );
  return new Set(rows.map(({ key_id }) => key_id));
}

/** Counts `leases` more as handed out for each key that then has `leasesMax` at most. Ids of these keys. */
export async function reserveLeases(client: Pick<PoolClient, 'query'>, tenant: string, digests: readonly Buffer[], leases: number, leasesMax: number): Promise<string[]> {
  // Locked in one order everywhere, so that no two batches wait for each other.
  const { rows } = await client.query<{ key_id: string }>(
    `WITH locked AS (SELECT digest FROM subject_keys WHERE tenant = $1 AND digest = ANY ($2) AND leases + $3 <= $4 ORDER BY digest FOR UPDATE)
     UPDATE subject_keys AS s SET leases = leases + $3 FROM locked WHERE s.tenant = $1 AND s.digest = locked.digest RETURNING key_id`,
    [tenant, digests, leases, leasesMax],
  );
  return rows.map(({ key_id }) => key_id);
}

/** A subject to erase: `keyId` names the tombstone of one that never had a key. */
export interface Erasable {
  readonly tenant: string;
  readonly digest: Buffer;
  readonly keyId: string;
  readonly at: Date;
}

/**
 * Destroys the subject's key, or makes sure that none is ever made. The id of the key that it had, if it had one.
 * `keyId` names the tombstone of a subject that never had a key. Repeating it changes nothing.
 */
export async function eraseSubject(pool: Pool, tenant: string, digest: Buffer, keyId: string, at: Date): Promise<string | undefined> {
  const { rows } = await pool.query<{ key_id: string }>(
    `INSERT INTO subject_keys AS s (tenant, digest, key_id, erased_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (tenant, digest) DO UPDATE SET wrapped = NULL, wrapped_by = NULL, epoch = NULL, erased_at = coalesce(s.erased_at, excluded.erased_at)
     RETURNING key_id`,
    [tenant, digest, keyId, at],
  );
  const known = rows[0]!.key_id;
  return known === keyId ? undefined : known;
}

/** The same for many, each named once; rows that are tombstones already are not written again. */
export async function eraseSubjects(pool: Pool, subjects: readonly Erasable[]): Promise<void> {
  const sorted = subjects.toSorted((a, b) => (a.tenant === b.tenant ? Buffer.compare(a.digest, b.digest) : a.tenant < b.tenant ? -1 : 1));
  await pool.query(
    `INSERT INTO subject_keys AS s (tenant, digest, key_id, erased_at)
     SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[], $4::timestamptz[])
     ON CONFLICT (tenant, digest) DO UPDATE SET wrapped = NULL, wrapped_by = NULL, epoch = NULL, erased_at = excluded.erased_at WHERE s.erased_at IS NULL`,
    [sorted.map(({ tenant }) => tenant), sorted.map(({ digest }) => digest), sorted.map(({ keyId }) => keyId), sorted.map(({ at }) => at)],
  );
}

/** Begins the next epoch. Waits for every transaction that still makes rows of this one. False when another has begun it. */
export async function beginEpoch(pool: Pool, from: number, at: Date): Promise<boolean> {
  const { rowCount } = await pool.query('UPDATE epoch SET current = $1 + 1, rolled_at = $2 WHERE current = $1', [from, at]);
  return rowCount === 1;
}

/** Some rows of epochs before `epoch`, locked; those that somebody else holds are left to him. */
export async function lockOldRows(client: PoolClient, epoch: number, limit: number): Promise<LiveRow[]> {
  const { rows } = await client.query<LiveRow>(`SELECT tenant, ${COLUMNS} FROM subject_keys WHERE epoch < $1 ORDER BY epoch, tenant, digest LIMIT $2 FOR UPDATE SKIP LOCKED`, [epoch, limit]);
  return rows;
}

export async function countOldRows(client: Pick<PoolClient, 'query'>, epoch: number): Promise<number> {
  const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM subject_keys WHERE epoch < $1', [epoch]);
  return Number(rows[0]!.count);
}

/** Some of a tenant's rows that are under another of its keys than `active`, locked. */
export async function lockRowsUnder(client: PoolClient, tenant: string, wrappedBy: string, limit: number): Promise<LiveRow[]> {
  const { rows } = await client.query<LiveRow>(
    `SELECT tenant, ${COLUMNS} FROM subject_keys WHERE tenant = $1 AND wrapped_by = $2 ORDER BY digest LIMIT $3 FOR UPDATE SKIP LOCKED`,
    [tenant, wrappedBy, limit],
  );
  return rows;
}

export async function countRowsUnder(client: Pick<PoolClient, 'query'>, tenant: string, wrappedBy: string): Promise<number> {
  const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM subject_keys WHERE tenant = $1 AND wrapped_by = $2', [tenant, wrappedBy]);
  return Number(rows[0]!.count);
}

/** Replaces the wraps of rows that the caller has locked. */
export async function rewriteRows(client: PoolClient, epoch: number, rows: readonly Pick<LiveRow, 'keyId' | 'wrapped' | 'wrappedBy'>[]): Promise<void> {
  await client.query(
    `UPDATE subject_keys AS s SET wrapped = n.wrapped, wrapped_by = n.wrapped_by, epoch = $1
     FROM unnest($2::text[], $3::text[], $4::text[]) AS n (key_id, wrapped, wrapped_by) WHERE s.key_id = n.key_id`,
    [epoch, rows.map(({ keyId }) => keyId), rows.map(({ wrapped }) => wrapped), rows.map(({ wrappedBy }) => wrappedBy)],
  );
}
