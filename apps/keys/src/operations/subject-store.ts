import { createHmac, randomBytes } from 'node:crypto';
import { KEYS_SYSTEM_TENANT, type KeysFaultCode } from '@countersign/contracts';
import type { FieldKey } from '@countersign/envelope';
import { withTransaction, type Pool, type PoolClient } from '@countersign/postgres';
import { keyIdOf } from '../domain/key-id.js';
import { activeVersion } from '../domain/key.js';
import type { EpochFiles } from '../epoch/epoch-files.js';
import { unwrapInner, unwrapOuter, wrapInner, wrapOuter } from '../epoch/subject-wrap.js';
import { SELF, type KeyRing } from '../keyring/key-ring.js';
import { countLeases, insertSubjects, lockSubjects, readEpoch, readSubjects, type NewSubject, type SubjectRow } from '../store/subject-rows.js';

const KEY_BYTES = 32;
/** Purpose of the key under which subjects become digests. It is never rotated: a tombstone must be found for ever. */
const DIGEST_PURPOSE = 'keys.subject-digests';
/** Rounds in which another request may have made what this one wanted to make. */
const ROUNDS_MAX = 5;
const DEADLOCK = '40P01';

export type SubjectGrant = { readonly keyId: string; readonly bytes: Buffer } | { readonly fault: KeysFaultCode };

export interface SubjectStoreDependencies {
  readonly pool: Pool;
  readonly files: EpochFiles;
  readonly ring: KeyRing;
  /** Leases that one key may have over its life, so that all their uses stay below the algorithm's limit. */
  readonly leasesMax: number;
}

/** Subjects' keys, in a database of their own. */
export class SubjectStore {
  #digestKey: Promise<Buffer> | undefined;

  constructor(private readonly deps: SubjectStoreDependencies) {}

  /** HMAC-SHA-256 of tenant and subject. */
  async digest(tenant: string, subject: string): Promise<Buffer> {
    const key = await (this.#digestKey ??= this.#loadDigestKey().catch((error: unknown) => {
      this.#digestKey = undefined;
      throw error;
    }));
    // A tenant holds no line feed: no two pairs give one text.
    return createHmac('sha256', key).update(`${tenant}\n${subject}`).digest();
  }

  /** For encryption: one transaction for all, keys made where there are none. In the order given; how many were made. */
  async lease(tenant: string, subjects: readonly string[]): Promise<{ readonly grants: SubjectGrant[]; readonly created: number }> {
    const digests = await Promise.all(subjects.map((subject) => this.digest(tenant, subject)));
    const tenantKey = await this.deps.ring.wrappingKey(tenant);
    for (let tries = ROUNDS_MAX; ; tries--) {
      try {
        return await withTransaction(this.deps.pool, (client) => this.#leaseIn(client, tenant, digests, tenantKey));
      } catch (error) {
        if (tries <= 1 || (error as { code?: unknown }).code !== DEADLOCK) throw error;
      }
    }
  }

  /** For decryption, by subject: nothing is made. In the order given. */
  async find(tenant: string, subjects: readonly string[]): Promise<SubjectGrant[]> {
    const digests = await Promise.all(subjects.map((subject) => this.digest(tenant, subject)));
    const rows = await readSubjects(this.deps.pool, tenant, 'digest', digests);
    const byDigest = new Map(rows.map((row) => [row.digest.toString('hex'), row]));
    return this.#grants(tenant, digests.map((digest) => byDigest.get(digest.toString('hex'))));
  }

  /** For decryption, by key id. In the order given. */
  async findById(tenant: string, keyIds: readonly string[]): Promise<SubjectGrant[]> {
    const rows = await readSubjects(this.deps.pool, tenant, 'key_id', keyIds);
    const byId = new Map(rows.map((row) => [row.keyId, row]));
    return this.#grants(tenant, keyIds.map((keyId) => byId.get(keyId)));
  }

  async #leaseIn(client: PoolClient, tenant: string, digests: readonly Buffer[], tenantKey: FieldKey): Promise<{ grants: SubjectGrant[]; created: number }> {
    // Held to the end: the epoch whose key is used here is not over, and its key not destroyed, before these rows are committed.
    const { current } = await readEpoch(client, true);
    const epochKey = await this.deps.files.key(current);
    const made = new Map<string, Buffer>();
    let rows = new Map<string, SubjectRow>();
    for (let rounds = ROUNDS_MAX; rounds > 0; rounds--) {
      rows = new Map((await lockSubjects(client, tenant, digests)).map((row) => [row.digest.toString('hex'), row]));
      const missing = new Map(digests.filter((digest) => !rows.has(digest.toString('hex'))).map((digest) => [digest.toString('hex'), digest]));
      if (missing.size === 0) break;
      const fresh = [...missing.values()].map((digest) => newSubject(tenant, digest, tenantKey, epochKey, made));
      const inserted = await insertSubjects(client, tenant, current, fresh);
      for (const { keyId } of fresh.filter((each) => !inserted.has(each.keyId))) made.delete(keyId);
    }
    const grants = await this.#grants(tenant, digests.map((digest) => rows.get(digest.toString('hex'))), made, this.deps.leasesMax);
    await countLeases(client, grants.flatMap((grant) => ('keyId' in grant ? grant.keyId : [])));
    return { grants, created: made.size };
  }

  async #grants(tenant: string, rows: readonly (SubjectRow | undefined)[], made: ReadonlyMap<string, Buffer> = new Map(), leasesMax = Number.POSITIVE_INFINITY): Promise<SubjectGrant[]> {
    const grants: SubjectGrant[] = [];
    for (const row of rows) grants.push(await this.#grant(tenant, row, made, leasesMax));
    return grants;
  }

  async #grant(tenant: string, row: SubjectRow | undefined, made: ReadonlyMap<string, Buffer>, leasesMax: number): Promise<SubjectGrant> {
    if (row === undefined) return { fault: 'KEY_UNKNOWN' };
    if (row.wrapped === null || row.wrappedBy === null || row.epoch === null) return { fault: 'SUBJECT_ERASED' };
    if (row.leases >= leasesMax) return { fault: 'KEY_EXHAUSTED' };
    const named = { tenant, keyId: row.keyId };
    const known = made.get(row.keyId);
    if (known !== undefined) return { keyId: row.keyId, bytes: known };
    const inner = unwrapOuter(await this.deps.files.key(row.epoch), named, row.wrapped);
    return { keyId: row.keyId, bytes: unwrapInner(await this.deps.ring.unwrappingKey(row.wrappedBy), named, inner) };
  }

  async #loadDigestKey(): Promise<Buffer> {
    const key = await this.deps.ring.ensure({ tenant: KEYS_SYSTEM_TENANT, purpose: DIGEST_PURPOSE }, 'index', SELF);
    return this.deps.ring.bytes(activeVersion(key).keyId);
  }
}

function newSubject(tenant: string, digest: Buffer, tenantKey: FieldKey, epochKey: FieldKey, made: Map<string, Buffer>): NewSubject {
  const keyId = keyIdOf('subject', randomBytes(16), 1);
  const bytes = randomBytes(KEY_BYTES);
  made.set(keyId, bytes);
  const named = { tenant, keyId };
  return { digest, keyId, wrapped: wrapOuter(epochKey, named, wrapInner(tenantKey, named, bytes)), wrappedBy: tenantKey.keyId };
}
