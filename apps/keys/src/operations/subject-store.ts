import { createHmac, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { KEYS_SYSTEM_TENANT, type KeysFaultCode } from '@countersign/contracts';
import type { FieldKey } from '@countersign/envelope';
import { withTransaction, type Pool, type PoolClient } from '@countersign/postgres';
import { keyIdOf } from '../domain/key-id.js';
import { activeVersion, SUBJECT_DIGESTS_PURPOSE } from '../domain/key.js';
import type { EpochFiles } from '../epoch/epoch-files.js';
import { unwrapInner, unwrapOuter, wrapInner, wrapOuter } from '../epoch/subject-wrap.js';
import { SELF, type KeyRing } from '../keyring/key-ring.js';
import { insertSubjects, readEpoch, readSubjects, reserveLeases, type NewSubject, type SubjectRow } from '../store/subject-rows.js';
import { LEASES_A_BLOCK, LeaseBlocks } from './lease-blocks.js';

const KEY_BYTES = 32;
const TRIES_MAX = 5;
const DEADLOCK = '40P01';
/** Between the reading of a row and its opening, a roll or a rotation may have ended and destroyed what it lay under. */
const MOVED: ReadonlySet<unknown> = new Set(['EPOCH_KEY_MISSING', 'KEY_DESTROYED']);

export type SubjectGrant = { readonly keyId: string; readonly bytes: Buffer } | { readonly fault: KeysFaultCode };

/** Keys that this request has made, by id: they need not be opened. */
const NONE_MADE: ReadonlyMap<string, Buffer> = new Map();

export interface SubjectStoreDependencies {
  readonly pool: Pool;
  readonly files: EpochFiles;
  readonly ring: KeyRing;
  /** Leases that one key may have over its life, so that all their uses stay below the algorithm's limit. */
  readonly leasesMax: number;
}

/** Subjects' keys, in a database of their own. */
export class SubjectStore {
  #digestKey: Promise<KeyObject> | undefined;
  readonly #blocks = new LeaseBlocks();

  constructor(private readonly deps: SubjectStoreDependencies) {}

  /** HMAC-SHA-256 of tenant and subject. */
  async digest(tenant: string, subject: string): Promise<Buffer> {
    return digestOf(await this.#loadedDigestKey(), tenant, subject);
  }

  /** For encryption: keys are made where there are none. In the order given; how many were made. */
  async lease(tenant: string, subjects: readonly string[]): Promise<{ readonly grants: SubjectGrant[]; readonly created: number }> {
    const digests = await this.#digests(tenant, subjects);
    const made = new Map<string, Buffer>();
    const { grants, rows } = await this.#whereverTheyLie(async () => {
      const known = await this.#read(tenant, digests);
      const missing = new Map(digests.filter((digest) => !known.has(nameOf({ digest }))).map((digest) => [nameOf({ digest }), digest]));
      if (missing.size > 0) for (const row of await this.#make(tenant, [...missing.values()], made)) missing.delete(addTo(known, row));
      // Somebody else was faster with these, to make or to erase.
      if (missing.size > 0) for (const row of (await this.#read(tenant, [...missing.values()])).values()) addTo(known, row);
      const inOrder = digests.map((digest) => known.get(nameOf({ digest })));
      return { rows: inOrder, grants: await this.#grants(tenant, inOrder, made) };
    });
    // After the keys were opened: what fails before has used up nothing.
    const exhausted = await this.#take(tenant, rows);
    return { grants: grants.map((grant, at) => (exhausted.has(at) ? refused(grant) : grant)), created: made.size };
  }

  /** For decryption, by subject: nothing is made. In the order given. */
  async find(tenant: string, subjects: readonly string[]): Promise<SubjectGrant[]> {
    const digests = await this.#digests(tenant, subjects);
    return this.#whereverTheyLie(async () => {
      const known = await this.#read(tenant, digests);
      return this.#grants(tenant, digests.map((digest) => known.get(nameOf({ digest }))));
    });
  }

  /** For decryption, by key id. In the order given. */
  findById(tenant: string, keyIds: readonly string[]): Promise<SubjectGrant[]> {
    return this.#whereverTheyLie(async () => {
      const byId = new Map((await readSubjects(this.deps.pool, tenant, 'key_id', keyIds)).map((row) => [row.keyId, row]));
      return this.#grants(tenant, keyIds.map((keyId) => byId.get(keyId)));
    });
  }

  async #read(tenant: string, digests: readonly Buffer[]): Promise<Map<string, SubjectRow>> {
    return new Map((await readSubjects(this.deps.pool, tenant, 'digest', digests)).map((row) => [nameOf(row), row]));
  }

  async #whereverTheyLie<T>(read: () => Promise<T>): Promise<T> {
    for (let tries = TRIES_MAX; ; tries--) {
      try {
        return await read();
      } catch (error) {
        if (tries <= 1 || !MOVED.has((error as { code?: unknown }).code)) throw error;
      }
    }
  }

  /** Makes keys of subjects that have none, and says which: somebody else may be faster. Their bytes are added to `made`. */
  async #make(tenant: string, digests: readonly Buffer[], made: Map<string, Buffer>): Promise<SubjectRow[]> {
    const tenantKey = await this.deps.ring.wrappingKey(tenant);
    for (let tries = TRIES_MAX; ; tries--) {
      try {
        const inserted = await withTransaction(this.deps.pool, (client) => this.#insert(client, tenant, digests, tenantKey));
        for (const { row, bytes } of inserted) {
          made.set(row.keyId, bytes);
          this.#blocks.add(row.keyId);
        }
        return inserted.map(({ row }) => row);
      } catch (error) {
        if (tries <= 1 || (error as { code?: unknown }).code !== DEADLOCK) throw error;
      }
    }
  }

  async #insert(client: PoolClient, tenant: string, digests: readonly Buffer[], tenantKey: FieldKey): Promise<{ readonly row: NewSubject; readonly bytes: Buffer }[]> {
    // Held to the end: the epoch whose key is used here is not over, and its key not destroyed, before these rows are committed.
    const { current } = await readEpoch(client, true);
    const epochKey = await this.deps.files.key(current);
    const fresh = digests.map((digest) => newSubject(tenant, digest, tenantKey, { epoch: current, epochKey }));
    const inserted = await insertSubjects(client, tenant, fresh.map(({ row }) => row), LEASES_A_BLOCK);
    return fresh.filter(({ row }) => inserted.has(row.keyId));
  }

  /** Takes a lease for each live row, out of blocks that the database counts as used up. Places of those that get none. */
  async #take(tenant: string, rows: readonly (SubjectRow | undefined)[]): Promise<ReadonlySet<number>> {
    const short = rows.flatMap((row, at) => (row === undefined || row.wrapped === null || this.#blocks.take(row.keyId) ? [] : [{ row, at }]));
    if (short.length === 0) return new Set();
    const reserved = await reserveLeases(this.deps.pool, tenant, short.map(({ row }) => row.digest), LEASES_A_BLOCK, this.deps.leasesMax);
    for (const keyId of reserved) this.#blocks.add(keyId);
    return new Set(short.flatMap(({ row, at }) => (this.#blocks.take(row.keyId) ? [] : [at])));
  }

  /** Keys above them are looked up once; what is left for each row is two decryptions. */
  async #grants(tenant: string, rows: readonly (SubjectRow | undefined)[], made: ReadonlyMap<string, Buffer> = NONE_MADE): Promise<SubjectGrant[]> {
    const epochKeys = new Map<number, FieldKey>();
    const tenantKeys = new Map<string, FieldKey>();
    for (const row of rows) {
      if (row === undefined || row.wrapped === null || made.has(row.keyId)) continue;
      if (!epochKeys.has(row.epoch!)) epochKeys.set(row.epoch!, await this.deps.files.key(row.epoch!));
      if (!tenantKeys.has(row.wrappedBy!)) tenantKeys.set(row.wrappedBy!, await this.deps.ring.unwrappingKey(row.wrappedBy!));
    }
    return rows.map((row): SubjectGrant => {
      if (row === undefined) return { fault: 'KEY_UNKNOWN' };
      if (row.wrapped === null) return { fault: 'SUBJECT_ERASED' };
      const { keyId, wrapped, wrappedBy, epoch } = row;
      const named = { tenant, keyId };
      return { keyId, bytes: made.get(keyId) ?? unwrapInner(tenantKeys.get(wrappedBy!)!, named, unwrapOuter(epochKeys.get(epoch!)!, named, wrapped)) };
    });
  }

  async #digests(tenant: string, subjects: readonly string[]): Promise<Buffer[]> {
    const key = await this.#loadedDigestKey();
    return subjects.map((subject) => digestOf(key, tenant, subject));
  }

  #loadedDigestKey(): Promise<KeyObject> {
    this.#digestKey ??= this.#loadDigestKey().catch((error: unknown) => {
      this.#digestKey = undefined;
      throw error;
    });
    return this.#digestKey;
  }

  async #loadDigestKey(): Promise<KeyObject> {
    const key = await this.deps.ring.ensure({ tenant: KEYS_SYSTEM_TENANT, purpose: SUBJECT_DIGESTS_PURPOSE }, 'index', SELF);
    const bytes = await this.deps.ring.bytes(activeVersion(key).keyId);
    // As a buffer it would cost each digest five times as much.
    const digestKey = createSecretKey(bytes);
    bytes.fill(0);
    return digestKey;
  }
}

function newSubject(tenant: string, digest: Buffer, tenantKey: FieldKey, { epoch, epochKey }: { readonly epoch: number; readonly epochKey: FieldKey }): { row: NewSubject; bytes: Buffer } {
  const keyId = keyIdOf('subject', randomBytes(16), 1);
  const bytes = randomBytes(KEY_BYTES);
  const named = { tenant, keyId };
  return { row: { digest, keyId, wrapped: wrapOuter(epochKey, named, wrapInner(tenantKey, named, bytes)), wrappedBy: tenantKey.keyId, epoch }, bytes };
}

/** The name that it was added by. */
function addTo(rows: Map<string, SubjectRow>, row: SubjectRow): string {
  rows.set(nameOf(row), row);
  return nameOf(row);
}

const nameOf = ({ digest }: Pick<SubjectRow, 'digest'>): string => digest.toString('latin1');

// A tenant holds no line feed: no two pairs give one text.
const digestOf = (key: KeyObject, tenant: string, subject: string): Buffer => createHmac('sha256', key).update(`${tenant}\n${subject}`).digest();

function refused(grant: SubjectGrant): SubjectGrant {
  if ('bytes' in grant) grant.bytes.fill(0);
  return { fault: 'KEY_EXHAUSTED' };
}
