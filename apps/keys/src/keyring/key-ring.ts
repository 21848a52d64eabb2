import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { KEY_USES_MAX, KEYS_SYSTEM_TENANT, SIGNING_SEEDS_BYTES, TENANT_KEY_PURPOSE } from '@countersign/contracts';
import { EnvelopeFault, fieldKey, unwrapKey, wrapKey, type FieldKey } from '@countersign/envelope';
import { EventStoreFault, type Cause, type EventStore } from '@countersign/event-store';
import type { PoolClient } from '@countersign/postgres';
import { LRUCache } from 'lru-cache';
import { keyIdOf, nextKeyId } from '../domain/key-id.js';
import { activeVersion, type Key, type KeyCommand, type KeyKind, type KeyName, type RotationPolicy } from '../domain/key.js';
import { keyAggregate, keyStreamId } from '../domain/key-aggregate.js';
import { KeysFault } from '../domain/keys-fault.js';
import type { RootKeyProvider } from '../root/root-key-provider.js';
import { leaseUses, type KeyRows, type Material, type StoredMaterial } from '../store/key-rows.js';
import { rootFault } from './root-fault.js';

const KEY_BYTES = 32;
/** Wraps that one process may make under a tenant key before it takes another lease. */
export const WRAP_LEASE_USES = 2 ** 20;
const TENANT_KEYS_MAX = 10_000;
/** A tenant key is not used longer than this without asking the database whether it still may be. */
export const TENANT_KEY_CACHE_MS = 60_000;
/** Left in a lease when the next is taken, so that no batch under way ends in the middle. */
const WRAPS_AT_ONCE_MAX = 2 ** 17;
const CONFLICTS_MAX = 20;
const ROTATE_TRIES_MAX = 30;
const ROTATE_PAUSE_MS_MAX = 20;
const UNIQUE_VIOLATION = '23505';

export interface KeyRingDependencies {
  readonly store: EventStore;
  readonly rows: KeyRows;
  readonly root: RootKeyProvider;
  readonly policy: RotationPolicy;
  readonly now: () => number;
  readonly tenantKeyCacheMs?: number;
}

/** A tenant's active key with what is left of its lease. */
interface Wrapping {
  readonly key: FieldKey;
  /** When the database was last asked whether it still is the active one; monotonic. */
  readonly askedMs: number;
}

/** Somebody asks for it; or a version, named by its key id, was found due. */
type WhyRotate = { readonly reason: 'asked'; readonly commandId?: string | undefined } | { readonly reason: 'age' | 'uses'; readonly due: string };

interface Carrying {
  readonly material?: Material | undefined;
  readonly commandId?: string | undefined;
  /** Stored in the same transaction. */
  readonly besides?: ((client: PoolClient) => Promise<void>) | undefined;
  readonly retriesMax: number;
}

/** What the service itself does. */
export const SELF: Cause = { actor: { type: 'service', id: 'keys' } };

/** Keys as this process holds them: makes them, wraps them, opens them. */
export class KeyRing {
  readonly #opened: LRUCache<string, FieldKey>;
  readonly #wrapping = new LRUCache<string, Wrapping>({ max: TENANT_KEYS_MAX });
  /** Under way, once for all who wait: each asking that finds nothing takes a lease. */
  readonly #asking = new Map<string, Promise<FieldKey>>();
  readonly #ttlMs: number;

  constructor(private readonly deps: KeyRingDependencies) {
    this.#ttlMs = deps.tenantKeyCacheMs ?? TENANT_KEY_CACHE_MS;
    this.#opened = new LRUCache({ max: TENANT_KEYS_MAX, ttl: this.#ttlMs });
  }

  /** Undefined when there is none. */
  async load(name: KeyName): Promise<Key | undefined> {
    return (await this.deps.store.load(keyAggregate, KEYS_SYSTEM_TENANT, keyStreamId(name))).state;
  }

  /** The key, made if there is none. Throws KEY_PURPOSE_FORBIDDEN when the purpose is taken by another kind. */
  async ensure(name: KeyName, kind: KeyKind, cause: Cause): Promise<Key> {
    const known = (await this.load(name)) ?? (await this.#create(name, kind, cause));
    if (known.kind !== kind) throw new KeysFault('KEY_PURPOSE_FORBIDDEN', `this purpose belongs to a ${known.kind} key`, { field: 'purpose' });
    return known;
  }

  /**
   * A new version becomes the active one; the older ones only decrypt from then on. Of several who ask for one at once each
   * gets his own; who rotates for age or uses names the version that he found due, and is content with that of whoever was faster.
   * Throws KEYS_OVERLOADED.
   */
  async rotate(name: KeyName, kind: KeyKind, why: WhyRotate, cause: Cause): Promise<Key> {
    const { reason } = why;
    const commandId = why.reason === 'asked' ? why.commandId : undefined;
    for (let triesLeft = ROTATE_TRIES_MAX; ; triesLeft--) {
      const key = await this.load(name);
      const active = activeVersion(key);
      if (why.reason !== 'asked' && active.keyId !== why.due) {
        if (kind === 'tenant') this.#forget(name.tenant);
        return key!;
      }
      const keyId = nextKeyId(active.keyId, active.version + 1);
      const material = await this.#make(name, kind, keyId);
      try {
        // The rotation names the version that it makes: decided again on a newer state it would name one that is taken.
        return await this.#executeOnce(name, { type: 'rotate', keyId, reason, atMs: this.deps.now() }, cause, { material, commandId, retriesMax: 0 });
      } catch (error) {
        if (!isConflict(error)) throw error;
        if (kind === 'tenant') this.#forget(name.tenant);
        if (reason !== 'asked') return (await this.load(name)) ?? key!;
        if (triesLeft <= 1) throw overloaded();
        await sleep(Math.random() * ROTATE_PAUSE_MS_MAX);
      }
    }
  }

  /** A key that was made elsewhere, of which the caller zeroes the bytes. Throws KEY_EXISTS, and as `execute` does. */
  async import(name: KeyName, kind: KeyKind, bytes: Uint8Array, cause: Cause, options: Pick<Carrying, 'commandId' | 'besides'>): Promise<Key> {
    const keyId = keyIdOf(kind, randomBytes(16), 1);
    const material = await this.#wrapped(name, kind, keyId, bytes);
    return this.execute(name, { type: 'import', name, kind, policy: this.deps.policy, keyId, atMs: this.deps.now() }, cause, { ...options, material });
  }

  /** Carries a command out on a key. Throws KeysFault; REQUEST_REPLAYED for a command id that was used, KEYS_OVERLOADED. */
  async execute(name: KeyName, command: Exclude<KeyCommand, { type: 'rotate' }>, cause: Cause, options: Omit<Carrying, 'retriesMax'> = {}): Promise<Key> {
    try {
      return await this.#executeOnce(name, command, cause, { ...options, retriesMax: CONFLICTS_MAX });
    } catch (error) {
      throw isConflict(error) ? overloaded() : error;
    }
  }

  async #executeOnce(name: KeyName, command: KeyCommand, cause: Cause, { material, commandId, besides, retriesMax }: Carrying): Promise<Key> {
    const project = this.deps.rows.project(material);
    const { repeated, state } = await this.deps.store.execute(keyAggregate, {
      tenant: KEYS_SYSTEM_TENANT,
      id: keyStreamId(name),
      command,
      ...cause,
      ...(commandId === undefined ? {} : { commandId }),
      retriesMax,
      project: async (client, events) => {
        await project(client, events);
        await besides?.(client);
      },
    });
    if (repeated) throw new KeysFault('REQUEST_REPLAYED', 'this request was carried out before', { field: 'nonce' });
    // What becomes of a tenant's other keys changes nothing of the one that wraps them.
    if (name.purpose === TENANT_KEY_PURPOSE && command.type !== 'create' && command.type !== 'import') this.#forget(name.tenant);
    if (state === undefined) throw new KeysFault('KEY_UNKNOWN', 'there is no such key');
    return state;
  }

  /** The tenant's active key, leased for wrapping; made if there is none. Throws KEY_DESTROYED. */
  async wrappingKey(tenant: string): Promise<FieldKey> {
    const known = this.#wrapping.get(tenant);
    if (known !== undefined && performance.now() - known.askedMs < this.#ttlMs && hasRoom(known.key)) return known.key;
    let asking = this.#asking.get(tenant);
    if (asking === undefined) {
      asking = this.#askWrappingKey(tenant, known?.key);
      this.#asking.set(tenant, asking);
      this.#keepWhenAsked(tenant, asking, performance.now());
    }
    return asking;
  }

  #keepWhenAsked(tenant: string, asking: Promise<FieldKey>, askedMs: number): void {
    // What was asked before a rotation is not what holds after it.
    const isCurrent = (): boolean => this.#asking.get(tenant) === asking;
    asking.then((key) => {
      if (isCurrent()) this.#wrapping.set(tenant, { key, askedMs });
    }).catch(() => undefined).finally(() => {
      if (isCurrent()) this.#asking.delete(tenant);
    });
  }

  /** The lease at hand while it is one of the active version, else a new one. */
  async #askWrappingKey(tenant: string, known: FieldKey | undefined): Promise<FieldKey> {
    const name = { tenant, purpose: TENANT_KEY_PURPOSE };
    let active = activeVersion(await this.ensure(name, 'tenant', SELF));
    if (known?.keyId === active.keyId && hasRoom(known)) return known;
    if (!(await leaseUses(this.deps.rows.pool, active.keyId, WRAP_LEASE_USES, KEY_USES_MAX))) {
      active = activeVersion(await this.rotate(name, 'tenant', { reason: 'uses', due: active.keyId }, SELF));
      if (!(await leaseUses(this.deps.rows.pool, active.keyId, WRAP_LEASE_USES, KEY_USES_MAX))) throw new KeysFault('KEY_EXHAUSTED', 'the tenant key has no use left');
    }
    const bytes = await this.bytes(active.keyId);
    const key = fieldKey({ keyId: active.keyId, bytes, usesMax: WRAP_LEASE_USES });
    bytes.fill(0);
    return key;
  }

  /** A tenant key's version for unwrapping. Throws KEY_DESTROYED. */
  async unwrappingKey(keyId: string): Promise<FieldKey> {
    const known = this.#opened.get(keyId);
    if (known !== undefined) return known;
    const bytes = await this.bytes(keyId);
    const key = fieldKey({ keyId, bytes, usesMax: 0 });
    bytes.fill(0);
    this.#opened.set(keyId, key);
    return key;
  }

  /** A key's bytes, which the caller zeroes. Throws KEY_DESTROYED, ROOT_KEY_UNAVAILABLE. */
  async bytes(keyId: string): Promise<Buffer> {
    const found = await this.deps.rows.material(keyId);
    if (found === undefined) throw new KeysFault('KEY_DESTROYED', 'this key was destroyed', { field: 'keyId' });
    return this.open(found);
  }

  /** The bytes of what was read just now, which the caller zeroes. Throws KEY_DESTROYED, ROOT_KEY_UNAVAILABLE. */
  async open({ tenant, purpose, keyId, wrapped, wrappedBy }: StoredMaterial): Promise<Buffer> {
    if (purpose === TENANT_KEY_PURPOSE) return rootFault(this.deps.root.unwrap({ use: 'tenant-key', owner: tenant, keyId }, wrapped));
    return unwrapKey(await this.unwrappingKey(wrappedBy), { tenant, purpose, keyId }, wrapped);
  }

  /** The same key under the tenant's active key. */
  async rewrapped(keyId: string): Promise<Material> {
    const found = await this.deps.rows.material(keyId);
    if (found === undefined) throw new KeysFault('KEY_DESTROYED', 'this key was destroyed', { field: 'keyId' });
    const bytes = await this.bytes(keyId);
    try {
      const by = await this.wrappingKey(found.tenant);
      return { keyId, wrapped: wrapKey(by, { tenant: found.tenant, purpose: found.purpose, keyId }, bytes), wrappedBy: by.keyId };
    } finally {
      bytes.fill(0);
    }
  }

  /** The tenant's key has changed: which versions wrap and unwrap is read again at the next use. */
  #forget(tenant: string): void {
    this.#wrapping.delete(tenant);
    this.#asking.delete(tenant);
    this.#opened.clear();
  }

  async #create(name: KeyName, kind: KeyKind, cause: Cause): Promise<Key> {
    const keyId = keyIdOf(kind, randomBytes(16), 1);
    const material = await this.#make(name, kind, keyId);
    return this.execute(name, { type: 'create', name, kind, policy: this.deps.policy, keyId, atMs: this.deps.now() }, cause, { material });
  }

  async #make(name: KeyName, kind: KeyKind, keyId: string): Promise<Material> {
    const bytes = randomBytes(kind === 'signing' ? SIGNING_SEEDS_BYTES : KEY_BYTES);
    try {
      return await this.#wrapped(name, kind, keyId, bytes);
    } finally {
      bytes.fill(0);
    }
  }

  async #wrapped(name: KeyName, kind: KeyKind, keyId: string, bytes: Uint8Array): Promise<Material> {
    try {
      if (kind === 'tenant') {
        const wrapped = await rootFault(this.deps.root.wrap({ use: 'tenant-key', owner: name.tenant, keyId }, bytes));
        return { keyId, wrapped, wrappedBy: this.deps.root.rootKeyOf(wrapped) };
      }
      const by = await this.wrappingKey(name.tenant);
      return { keyId, wrapped: wrapKey(by, { ...name, keyId }, bytes), wrappedBy: by.keyId };
    } catch (error) {
      if (error instanceof EnvelopeFault && error.code === 'KEY_EXHAUSTED') this.#wrapping.delete(name.tenant);
      throw error;
    }
  }
}

const hasRoom = (key: FieldKey): boolean => key.usesLeft > WRAPS_AT_ONCE_MAX;

/** Another was faster: before the key was read again, and then it made the version with this id, or after. */
function isConflict(error: unknown): boolean {
  if (error instanceof EventStoreFault) return error.code === 'STREAM_VERSION_CONFLICT';
  const { code, constraint } = error as { readonly code?: unknown; readonly constraint?: unknown };
  return code === UNIQUE_VIOLATION && constraint === 'key_versions_pkey';
}

const overloaded = (): KeysFault => new KeysFault('KEYS_OVERLOADED', 'too many change this key at once');
