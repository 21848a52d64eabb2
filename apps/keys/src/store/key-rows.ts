import type { KeyView, KeyState } from '@countersign/contracts';
import type { RecordedEvent } from '@countersign/event-store';
import type { Pool, PoolClient } from '@countersign/postgres';
import type { Key, KeyKind, KeyName } from '../domain/key.js';

/** A key's bytes as they are stored: under `wrappedBy`, which is a tenant key's version or a root key's. */
export interface Material {
  readonly keyId: string;
  readonly wrapped: string;
  readonly wrappedBy: string;
}

export interface StoredMaterial extends Material {
  readonly tenant: string;
  readonly purpose: string;
  readonly version: number;
}

/** A key with the one version that was asked for, and what a lease of it needs to know. */
export interface Leasable {
  readonly key: Key;
  readonly usesLeased: number;
  /** Undefined without such a version, or once its bytes are destroyed. */
  readonly material: StoredMaterial | undefined;
}

interface LeasableRow extends Omit<KeyRow, 'tenant' | 'purpose' | 'destroy_at'>, Pick<VersionRow, 'state' | 'created_at' | 'uses_leased'> {
  readonly key_id: string | null;
  readonly version: number;
  readonly wrapped: string | null;
  readonly wrapped_by: string;
}

interface VersionRow {
  readonly key_id: string;
  readonly tenant: string;
  readonly purpose: string;
  readonly version: number;
  readonly state: KeyState;
  readonly created_at: Date;
  readonly uses_leased: string;
  readonly remaining: string | null;
  readonly remaining_at: Date | null;
}

interface KeyRow {
  readonly tenant: string;
  readonly purpose: string;
  readonly kind: KeyKind;
  readonly minimum_version: number;
  readonly rotate_after_days: number;
  readonly rotate_after_uses: string;
  readonly destroy_at: Date | null;
}

/** What the events of a key carry (domain/key-aggregate.ts); each event its own part of it. */
interface Facts extends KeyName {
  readonly kind: KeyKind;
  readonly version: number;
  readonly keyId: string;
  readonly rotateAfterDays: number;
  readonly rotateAfterUses: number;
  readonly destroyAt: string;
  readonly at: string;
}

const VERSION_COLUMNS = 'key_id, tenant, purpose, version, state, created_at, uses_leased, remaining, remaining_at';

// Keys of logs and of blind indexes are not rotated: what they have signed or indexed is looked up for ever.
const ROTATION_DUE = `k.kind IN ('tenant', 'data') AND EXISTS (
  SELECT FROM key_versions AS v WHERE v.tenant = k.tenant AND v.purpose = k.purpose AND v.state = 'active' AND (
    (k.rotate_after_days > 0 AND v.created_at <= $1::timestamptz - k.rotate_after_days * interval '1 day')
    OR (k.rotate_after_uses > 0 AND v.uses_leased >= k.rotate_after_uses)))`;

/** Read tables of the key aggregates, kept in the transactions that store their events. */
export class KeyRows {
  constructor(readonly pool: Pool) {}

  /** Projects a key's events; `material` is that of a version made by them. */
  project(material: Material | undefined): (client: PoolClient, events: readonly RecordedEvent[]) => Promise<void> {
    return async (client, events) => {
      for (const event of events) await projectEvent(client, event, material);
    };
  }

  /** Undefined when there is no such version, or its bytes are destroyed. */
  async material(keyId: string): Promise<StoredMaterial | undefined> {
    const { rows } = await this.pool.query<StoredMaterial>(
      `SELECT key_id AS "keyId", wrapped, wrapped_by AS "wrappedBy", tenant, purpose, version FROM key_versions WHERE key_id = $1 AND wrapped IS NOT NULL`,
      [keyId],
    );
    return rows[0];
  }

  /** In one reading; the active version unless `keyId` names another. Undefined when there is no such key. */
  async leasable(name: KeyName, keyId?: string): Promise<Leasable | undefined> {
    const { rows } = await this.pool.query<LeasableRow>({
      name: 'leasable',
      text: `SELECT k.kind, k.minimum_version, k.rotate_after_days, k.rotate_after_uses, v.key_id, v.version, v.state, v.created_at, v.uses_leased, v.wrapped, v.wrapped_by
        FROM keys AS k LEFT JOIN key_versions AS v ON v.tenant = k.tenant AND v.purpose = k.purpose AND CASE WHEN $3::text IS NULL THEN v.state = 'active' ELSE v.key_id = $3 END
        WHERE k.tenant = $1 AND k.purpose = $2`,
      values: [name.tenant, name.purpose, keyId ?? null],
    });
    return rows[0] && leasableOf(name, rows[0]);
  }

  async list(after: string | undefined, tenant: string | undefined, limit: number): Promise<KeyView[]> {
    const { rows } = await this.pool.query<KeyRow>(
      `SELECT * FROM keys WHERE ($1::text IS NULL OR tenant || '/' || purpose > $1) AND ($2::text IS NULL OR tenant = $2)
       ORDER BY tenant || '/' || purpose LIMIT $3`,
      [after ?? null, tenant ?? null, limit],
    );
    return this.#views(rows);
  }

  async show({ tenant, purpose }: KeyName): Promise<KeyView | undefined> {
    const { rows } = await this.pool.query<KeyRow>('SELECT * FROM keys WHERE tenant = $1 AND purpose = $2', [tenant, purpose]);
    return (await this.#views(rows))[0];
  }

  /** Keys whose rotation or destruction is due by `now`, with the active version that is: ends first, at most `limit`. */
  async due(now: Date, limit: number): Promise<{ readonly name: KeyName; readonly active: string | undefined }[]> {
    const { rows } = await this.pool.query<{ tenant: string; purpose: string; active: string | null }>(
      `SELECT k.tenant, k.purpose, (SELECT v.key_id FROM key_versions AS v WHERE v.tenant = k.tenant AND v.purpose = k.purpose AND v.state = 'active') AS active
         FROM keys AS k WHERE k.destroy_at <= $1 OR ${ROTATION_DUE} ORDER BY k.destroy_at NULLS LAST LIMIT $2`,
      [now, limit],
    );
    return rows.map(({ tenant, purpose, active }) => ({ name: { tenant, purpose }, active: active ?? undefined }));
  }

  /** How many keys should have been rotated by `now` and are not. */
  async countRotationDue(now: Date): Promise<number> {
    const { rows } = await this.pool.query<{ count: string }>(`SELECT count(*) FROM keys AS k WHERE ${ROTATION_DUE}`, [now]);
    return Number(rows[0]!.count);
  }

  async #views(keys: readonly KeyRow[]): Promise<KeyView[]> {
    const { rows } = await this.pool.query<VersionRow>(
      `SELECT ${VERSION_COLUMNS} FROM key_versions JOIN unnest($1::text[], $2::text[]) AS n (tenant, purpose) USING (tenant, purpose) ORDER BY version`,
      [keys.map(({ tenant }) => tenant), keys.map(({ purpose }) => purpose)],
    );
    return keys.map((key) => view(key, rows.filter((row) => row.tenant === key.tenant && row.purpose === key.purpose)));
  }
}

async function projectEvent(client: PoolClient, { type, data }: RecordedEvent, material: Material | undefined): Promise<void> {
  const facts = data as unknown as Facts;
  const { tenant, purpose, version, at } = facts;
  switch (type.slice(type.lastIndexOf('.') + 1)) {
    case 'created':
    case 'imported':
      await client.query('INSERT INTO keys (tenant, purpose, kind, minimum_version, rotate_after_days, rotate_after_uses) VALUES ($1, $2, $3, 1, $4, $5)', [
        tenant, purpose, facts.kind, facts.rotateAfterDays, facts.rotateAfterUses,
      ]);
      return insertVersion(client, { tenant, purpose, version: 1, at }, material);
    case 'rotated':
      await client.query(`UPDATE key_versions SET state = 'decrypt-only' WHERE tenant = $1 AND purpose = $2 AND state = 'active'`, [tenant, purpose]);
      return insertVersion(client, { tenant, purpose, version, at }, material);
    case 'minimum-raised':
      await client.query('UPDATE keys SET minimum_version = $3 WHERE tenant = $1 AND purpose = $2', [tenant, purpose, version]);
      return;
    case 'version-retired':
      await client.query(`UPDATE key_versions SET state = 'destroyed', wrapped = NULL, wrapped_by = NULL WHERE key_id = $1`, [facts.keyId]);
      return;
    case 'destruction-scheduled':
      await client.query('UPDATE keys SET destroy_at = $3 WHERE tenant = $1 AND purpose = $2', [tenant, purpose, facts.destroyAt]);
      return;
    case 'destruction-cancelled':
      await client.query('UPDATE keys SET destroy_at = NULL WHERE tenant = $1 AND purpose = $2', [tenant, purpose]);
      return;
    case 'destroyed':
      await client.query('UPDATE keys SET destroy_at = NULL WHERE tenant = $1 AND purpose = $2', [tenant, purpose]);
      await client.query(`UPDATE key_versions SET state = 'destroyed', wrapped = NULL, wrapped_by = NULL WHERE tenant = $1 AND purpose = $2`, [tenant, purpose]);
  }
}

async function insertVersion(client: PoolClient, row: KeyName & { readonly version: number; readonly at: string }, material: Material | undefined): Promise<void> {
  if (material === undefined) throw new Error('a key version without material cannot be stored');
  await client.query(
    `INSERT INTO key_versions (key_id, tenant, purpose, version, state, created_at, wrapped, wrapped_by) VALUES ($1, $2, $3, $4, 'active', $5, $6, $7)`,
    [material.keyId, row.tenant, row.purpose, row.version, row.at, material.wrapped, material.wrappedBy],
  );
}

function leasableOf(name: KeyName, row: LeasableRow): Leasable {
  const { kind, version, state, wrapped, wrapped_by: wrappedBy } = row;
  const base = { name, kind, minimumVersion: row.minimum_version, policy: { days: row.rotate_after_days, uses: Number(row.rotate_after_uses) }, destroyAtMs: undefined };
  if (row.key_id === null) return { key: { ...base, versions: [] }, usesLeased: 0, material: undefined };
  const keyId = row.key_id;
  return {
    key: { ...base, versions: [{ version, keyId, state, createdAtMs: row.created_at.getTime() }] },
    usesLeased: Number(row.uses_leased),
    material: wrapped === null ? undefined : { ...name, keyId, version, wrapped, wrappedBy },
  };
}

function view(key: KeyRow, versions: readonly VersionRow[]): KeyView {
  return {
    tenant: key.tenant,
    purpose: key.purpose,
    kind: key.kind,
    minimumVersion: key.minimum_version,
    rotateAfterDays: key.rotate_after_days,
    rotateAfterUses: Number(key.rotate_after_uses),
    ...(key.destroy_at === null ? {} : { destroyAt: key.destroy_at.toISOString() }),
    versions: versions.map((row) => ({
      version: row.version,
      keyId: row.key_id,
      state: row.state,
      createdAt: row.created_at.toISOString(),
      usesLeased: Number(row.uses_leased),
      ...(row.remaining === null || row.remaining_at === null ? {} : { remaining: Number(row.remaining), remainingAt: row.remaining_at.toISOString() }),
    })),
  };
}

/**
 * Takes `uses` encryptions of a version, in the transaction of the event that says so. False when that would make more
 * than the algorithm allows over all leases.
 */
export async function leaseUses(client: Pick<PoolClient, 'query'>, keyId: string, uses: number, usesMax: number): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE key_versions SET uses_leased = uses_leased + $2 WHERE key_id = $1 AND state = 'active' AND uses_leased + $2 < $3`,
    [keyId, uses, usesMax],
  );
  return rowCount === 1;
}
