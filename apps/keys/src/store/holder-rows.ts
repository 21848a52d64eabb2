import type { KeyState } from '@countersign/contracts';
import type { Pool, PoolClient } from '@countersign/postgres';
import { LRUCache } from 'lru-cache';
import { provenRemaining, type Holding } from '../domain/holding.js';
import type { KeyName } from '../domain/key.js';

/** Holders that this process knows to be on record. */
const KNOWN_MAX = 10_000;

/** A version that a service has encrypted under. */
export interface HeldVersion extends KeyName {
  readonly keyId: string;
  readonly version: number;
  readonly state: KeyState;
  /** Null once the whole key is destroyed. */
  readonly activeKeyId: string | null;
  /** Nobody encrypts under it any more. */
  readonly isSettled: boolean;
}

/** What of a version one scan has found. */
export interface Count extends KeyName {
  readonly version: number;
  readonly remaining: number;
}

const HELD = `SELECT v.tenant, v.purpose, v.key_id AS "keyId", v.version, v.state, active.key_id AS "activeKeyId",
    coalesce(next.created_at + $1::bigint * interval '1 millisecond' <= $2::timestamptz, false) AS "isSettled"
  FROM key_holders AS h JOIN key_versions AS v ON v.key_id = h.key_id JOIN keys AS k ON k.tenant = v.tenant AND k.purpose = v.purpose AND k.kind = 'data'
  LEFT JOIN key_versions AS active ON active.tenant = v.tenant AND active.purpose = v.purpose AND active.state = 'active'
  LEFT JOIN key_versions AS next ON next.tenant = v.tenant AND next.purpose = v.purpose AND next.version = v.version + 1`;

/** Which services may hold something under which versions, and what their scans have found. */
export class HolderRows {
  readonly #known = new LRUCache<string, true>({ max: KNOWN_MAX });

  constructor(
    readonly pool: Pool,
    /** From a rotation until the last lease of the older version has ended, and what was written under it is stored. */
    readonly settleMs: number,
  ) {}

  /** Puts on record that the service may encrypt under the version. Durable on return; to be called before it is handed out. */
  async ensure(service: string, keyId: string): Promise<void> {
    if (this.#known.has(`${service} ${keyId}`)) return;
    await this.pool.query('INSERT INTO key_holders (service, key_id) VALUES ($1, $2) ON CONFLICT DO NOTHING', [service, keyId]);
    this.#known.set(`${service} ${keyId}`, true);
  }

  /** Old versions that the service has encrypted under, without a scan that proves them empty; in order of their ids, behind `after`. */
  async unproven(service: string, after: string, limit: number, now: Date): Promise<HeldVersion[]> {
    const { rows } = await this.pool.query<HeldVersion>(
      `${HELD} WHERE h.service = $3 AND h.key_id > $4 AND v.state = 'decrypt-only'
         AND (h.remaining = 0 AND h.scanned_at >= next.created_at + $1::bigint * interval '1 millisecond') IS NOT TRUE
       ORDER BY h.key_id LIMIT $5`,
      [this.settleMs, now, service, after, limit],
    );
    return rows;
  }

  /** Of these ids, those of versions that the service has encrypted under, in whatever state. */
  async named(service: string, keyIds: readonly string[], now: Date): Promise<HeldVersion[]> {
    const { rows } = await this.pool.query<HeldVersion>(`${HELD} WHERE h.service = $3 AND h.key_id = ANY ($4)`, [this.settleMs, now, service, keyIds]);
    return rows;
  }

  /** Stores what a scan that began at `scannedAt` has found, and the sum over all holders. An older scan never undoes a newer one. */
  async report(client: Pick<PoolClient, 'query'>, service: string, counts: readonly Count[], scannedAt: Date): Promise<void> {
    for (const { tenant, purpose, version, remaining } of counts) {
      await client.query(
        `INSERT INTO key_holders AS h (service, key_id, remaining, scanned_at)
         SELECT $1, key_id, $5::bigint, $6::timestamptz FROM key_versions WHERE tenant = $2 AND purpose = $3 AND version = $4
         ON CONFLICT (service, key_id) DO UPDATE SET remaining = excluded.remaining, scanned_at = excluded.scanned_at
         WHERE h.scanned_at IS NULL OR h.scanned_at <= excluded.scanned_at`,
        [service, tenant, purpose, version, remaining, scannedAt],
      );
      await client.query(
        `UPDATE key_versions AS v SET remaining = h.remaining, remaining_at = h.scanned_at
         FROM (SELECT sum(each.remaining) AS remaining, min(each.scanned_at) AS scanned_at FROM key_holders AS each JOIN key_versions USING (key_id)
               WHERE tenant = $1 AND purpose = $2 AND version = $3) AS h
         WHERE v.tenant = $1 AND v.purpose = $2 AND v.version = $3`,
        [tenant, purpose, version],
      );
    }
  }

  /** See {@link provenRemaining}. Undefined as well for a version that was handed out to nobody knows whom. */
  async provenRemaining({ tenant, purpose }: KeyName, version: number): Promise<number | undefined> {
    const { rows } = await this.pool.query<{ service: string | null; remaining: string | null; scanned_at: Date | null; uses_leased: string; kind: string; next_at: Date | null }>(
      `SELECT h.service, h.remaining, h.scanned_at, v.uses_leased, k.kind, next.created_at AS next_at FROM key_versions AS v
       JOIN keys AS k ON k.tenant = v.tenant AND k.purpose = v.purpose
       LEFT JOIN key_versions AS next ON next.tenant = v.tenant AND next.purpose = v.purpose AND next.version = v.version + 1
       LEFT JOIN key_holders AS h ON h.key_id = v.key_id WHERE v.tenant = $1 AND v.purpose = $2 AND v.version = $3`,
      [tenant, purpose, version],
    );
    const [first] = rows;
    if (first === undefined || first.next_at === null) return undefined;
    const holdings = rows.flatMap(({ service, remaining, scanned_at }): Holding[] =>
      service === null ? [] : [{ service, remaining: remaining === null ? undefined : Number(remaining), scannedAtMs: scanned_at?.getTime() }],
    );
    if (holdings.length === 0 && (first.kind !== 'data' || Number(first.uses_leased) > 0)) return undefined;
    return provenRemaining(holdings, first.next_at.getTime() + this.settleMs);
  }

  /** Old versions of data keys that ceased to encrypt before `before` and that every holder has shown to be empty; at most `limit`. */
  async retirable(before: Date, limit: number): Promise<(KeyName & { readonly version: number })[]> {
    const { rows } = await this.pool.query<KeyName & { version: number }>(
      `SELECT v.tenant, v.purpose, v.version FROM key_versions AS v JOIN keys AS k ON k.tenant = v.tenant AND k.purpose = v.purpose AND k.kind = 'data'
       JOIN key_versions AS next ON next.tenant = v.tenant AND next.purpose = v.purpose AND next.version = v.version + 1
       WHERE v.state = 'decrypt-only' AND next.created_at < $1 AND (v.remaining = 0 OR v.uses_leased = 0) AND NOT EXISTS (
         SELECT FROM key_holders AS h WHERE h.key_id = v.key_id
           AND (h.remaining = 0 AND h.scanned_at >= next.created_at + $2::bigint * interval '1 millisecond') IS NOT TRUE)
       ORDER BY next.created_at LIMIT $3`,
      [before, this.settleMs, limit],
    );
    return rows;
  }
}
