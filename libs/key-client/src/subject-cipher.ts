import { KEYS_BATCH_MAX } from '@countersign/contracts';
import { EnvelopeFault, fieldDigest, fieldKey, openField, parseField, sealField, sealFieldBytes, type FieldContext, type FieldKey } from '@countersign/envelope';
import type { FieldPlace, Leased } from './field-cipher.js';
import { isPassing, KeyClientError } from './key-client-error.js';
import type { KeyClient } from './key-client.js';
import { LeaseCache, type Lease } from './lease-cache.js';
import type { RefusalCounter } from './refusal-counter.js';
import type { UseCounter } from './use-counter.js';

/** A value that cannot be had, now or ever: the code says which. */
export interface ItemFault {
  readonly fault: string;
}

export interface SealItem {
  readonly tenant: string;
  readonly subject: string;
  readonly context: FieldPlace;
  readonly bytes: Uint8Array;
}

export interface OpenItem {
  readonly tenant: string;
  readonly context: FieldPlace;
  readonly text: string;
}

/** Keys of some subjects of one tenant, leased: seals without waiting. Use it for one batch and let it go. */
export class SubjectKeys {
  constructor(
    readonly tenant: string,
    private readonly keys: ReadonlyMap<string, FieldKey>,
    /** Subjects that have no key, and why: SUBJECT_ERASED above all. */
    readonly faults: ReadonlyMap<string, string>,
  ) {}

  /** Throws KeyClientError with the subject's fault, KEY_NOT_ENSURED, or LEASE_SPENT: then ensure it again; EnvelopeFault. */
  seal(subject: string, place: FieldPlace, bytes: Uint8Array): string {
    return sealField(this.#sealingKeyOf(subject), { tenant: this.tenant, ...place }, bytes);
  }

  /** The text's ASCII. Throws as {@link seal}. */
  sealBytes(subject: string, place: FieldPlace, bytes: Uint8Array): Buffer {
    return sealFieldBytes(this.#sealingKeyOf(subject), { tenant: this.tenant, ...place }, bytes);
  }

  /** Hex; tells the same value again for as long as the subject's key is there, and nothing of it afterwards. Throws as {@link seal}, never LEASE_SPENT. */
  digest(subject: string, place: FieldPlace, bytes: Uint8Array): string {
    return fieldDigest(this.#keyOf(subject), { tenant: this.tenant, ...place }, bytes);
  }

  #sealingKeyOf(subject: string): FieldKey {
    const key = this.#keyOf(subject);
    if (key.usesLeft === 0) throw new KeyClientError('LEASE_SPENT', 'the lease of this key has no use left');
    return key;
  }

  #keyOf(subject: string): FieldKey {
    const key = this.keys.get(subject);
    if (key === undefined) throw new KeyClientError((this.faults.get(subject) ?? 'KEY_NOT_ENSURED') as KeyClientError['code'], 'there is no key of this subject');
    return key;
  }
}

/** Keys of some subjects of one tenant that were leased when they were asked for. */
export interface LeasedSubjects {
  /** Seals and digests. Throws KeyClientError LEASE_SPENT when the key would have to be asked for after all; EnvelopeFault. */
  seal(subject: string, place: FieldPlace, bytes: Uint8Array): { readonly bytes: Buffer; readonly digest: string };
}

/** Encrypts facts about persons, each under the key of its subject. */
export class SubjectCipher {
  /** By tenant and subject, for encryption; by tenant and key id, for decryption. */
  readonly #sealing: LeaseCache<Leased>;
  readonly #opening: LeaseCache<Leased>;
  readonly #asking = new Map<string, Promise<unknown>>();

  constructor(
    private readonly client: KeyClient,
    private readonly uses: UseCounter,
    private readonly refusals: RefusalCounter,
    private readonly options: { readonly entriesMax: number; readonly monotonicMs: () => number },
  ) {
    const dropped = ({ tenant, key }: Leased): void => this.uses.count(tenant, key);
    this.#sealing = new LeaseCache<Leased>({ ...options, spent: ({ key }) => key.sealedCount / key.usesMax, dropped });
    this.#opening = new LeaseCache<Leased>({ ...options, spent: () => 0, dropped });
  }

  /** Keys of all these subjects, missing ones made, 500 a request. Throws KeyClientError when the service does not answer. */
  async ensure(tenant: string, subjects: readonly string[]): Promise<SubjectKeys> {
    const faults = new Map<string, string>();
    const { keys, missing } = this.#held(tenant, subjects);
    for (let at = 0; at < missing.length; at += KEYS_BATCH_MAX) await this.#fetch(tenant, missing.slice(at, at + KEYS_BATCH_MAX), keys, faults);
    return new SubjectKeys(tenant, keys, faults);
  }

  /** What {@link ensure} would yield, if all these keys are leased; undefined when somebody would have to be asked first. */
  atHand(tenant: string, subjects: readonly string[]): SubjectKeys | undefined {
    const { keys, missing } = this.#held(tenant, subjects);
    return missing.length === 0 ? new SubjectKeys(tenant, keys, new Map()) : undefined;
  }

  /** Keys of all of them, any named as often as it may be, for who cannot wait, under leases that are not about to end; undefined when one would have to be asked for. */
  leased(tenant: string, subjects: Iterable<string>): LeasedSubjects | undefined {
    const leases = new Map<string, Lease<Leased>>();
    for (const subject of subjects) {
      if (leases.has(subject)) continue;
      const lease = this.#sealing.freshLease(`${tenant} ${subject}`);
      if (lease === undefined) return undefined;
      leases.set(subject, lease);
    }
    return { seal: (subject, { table, column, row }, bytes) => sealNow(this.#servingKey(tenant, subject, leases.get(subject)), { tenant, table, column, row }, bytes) };
  }

  /** The key of a lease, or of the one that has come after it. Throws KeyClientError LEASE_SPENT. */
  #servingKey(tenant: string, subject: string, lease: Lease<Leased> | undefined): FieldKey {
    const key = lease !== undefined && this.#sealing.serves(lease) ? lease.value.key : this.#sealing.peek(`${tenant} ${subject}`)?.key;
    if (key === undefined || key.usesLeft === 0) throw new KeyClientError('LEASE_SPENT', 'the lease of this key has ended, or has no use left');
    return key;
  }

  /** Keys that are leased, and whose are not. Those whose lease is about to end are asked for again, and waited for by nobody. */
  #held(tenant: string, subjects: readonly string[]): { readonly keys: Map<string, FieldKey>; readonly missing: string[] } {
    const keys = new Map<string, FieldKey>();
    const missing: string[] = [];
    const stale: string[] = [];
    for (const subject of new Set(subjects)) {
      const name = `${tenant} ${subject}`;
      const fresh = this.#sealing.fresh(name);
      const known = fresh ?? this.#sealing.peek(name);
      if (known === undefined) missing.push(subject);
      else {
        keys.set(subject, known.key);
        if (fresh === undefined) stale.push(subject);
      }
    }
    if (stale.length > 0) this.#once(`refresh ${tenant}`, () => this.#fetch(tenant, stale, new Map(), new Map())).catch((error: unknown) => this.#afterRefusal(tenant, stale, error));
    return { keys, missing };
  }

  /** In the order of `items`. A fault is for good; rejects with KeyClientError when trying again may help. */
  async sealAll(items: readonly SealItem[]): Promise<({ readonly text: string } | ItemFault)[]> {
    const sealed: ({ readonly text: string } | ItemFault)[] = [];
    for (const tenant of new Set(items.map((item) => item.tenant))) {
      let rest = [...items.keys()].filter((at) => items[at]!.tenant === tenant);
      while (rest.length > 0) {
        const keys = await this.ensure(tenant, rest.map((at) => items[at]!.subject));
        // A lease may end with its last use in the middle; the next one is then asked for.
        const left = rest.filter((at) => {
          const result = sealWith(keys, items[at]!);
          if (result !== undefined) sealed[at] = result;
          return result === undefined;
        });
        if (left.length === rest.length) throw new KeyClientError('LEASE_SPENT', 'leases of these keys are used up as fast as they come');
        rest = left;
      }
    }
    return sealed;
  }

  /** In the order of `items`. A fault is for good; rejects with KeyClientError when trying again may help. */
  async openAll(items: readonly OpenItem[]): Promise<({ readonly bytes: Buffer } | ItemFault)[]> {
    const ids = items.map(({ tenant, text }) => this.#locally(tenant, undefined, () => parseField(text).keyId));
    const byTenant = new Map<string, ReadonlyMap<string, FieldKey | string>>();
    for (const tenant of new Set(items.map((item) => item.tenant))) {
      byTenant.set(tenant, await this.#openingKeys(tenant, ids.filter((id, at): id is string => typeof id === 'string' && items[at]!.tenant === tenant)));
    }
    return items.map((item, at) => {
      const id = ids[at]!;
      if (typeof id !== 'string') return id;
      const key = byTenant.get(item.tenant)!.get(id) ?? 'KEY_UNKNOWN';
      if (typeof key === 'string') return { fault: key };
      return this.#locally(item.tenant, id, () => ({ bytes: openField(key, { tenant: item.tenant, ...item.context }, item.text) }));
    });
  }

  /** What this process refuses itself is counted: the key service would not hear of it otherwise. */
  #locally<T>(tenant: string, keyId: string | undefined, work: () => T): T | ItemFault {
    try {
      return work();
    } catch (error) {
      this.refusals.count(error, tenant, keyId);
      if (error instanceof EnvelopeFault) return { fault: error.code };
      throw error;
    }
  }

  /** Forgets the subject's key now: it was destroyed. */
  drop(tenant: string, subject: string, keyId: string | undefined): void {
    this.#sealing.drop(`${tenant} ${subject}`);
    if (keyId !== undefined) this.#opening.drop(`${tenant} ${keyId}`);
  }

  live(): [string, FieldKey][] {
    return [...this.#sealing.values(), ...this.#opening.values()].map(({ tenant, key }) => [tenant, key]);
  }

  clear(): void {
    this.#sealing.clear();
    this.#opening.clear();
  }

  async #fetch(tenant: string, subjects: readonly string[], keys: Map<string, FieldKey>, faults: Map<string, string>): Promise<void> {
    const askedAtMs = this.options.monotonicMs();
    const { result, keys: bytes } = await this.client.ask('subject-keys', { tenant, subjects: subjects.slice(0, KEYS_BATCH_MAX), mode: 'encrypt' });
    const fresh = bytes.values();
    for (const grant of result.grants) {
      if ('fault' in grant) {
        faults.set(grant.subject, grant.fault);
        this.#sealing.drop(`${tenant} ${grant.subject}`);
        continue;
      }
      const key = take(grant.keyId, fresh.next().value, result.usesMax);
      this.#sealing.put(`${tenant} ${grant.subject}`, { tenant, key }, askedAtMs, result.ttlMs);
      keys.set(grant.subject, key);
    }
  }

  /** Keys by their ids; a text is the code of a fault. */
  async #openingKeys(tenant: string, keyIds: readonly string[]): Promise<Map<string, FieldKey | string>> {
    const found = new Map<string, FieldKey | string>();
    const missing = [...new Set(keyIds)].filter((id) => {
      const known = this.#opening.peek(`${tenant} ${id}`);
      if (known !== undefined) found.set(id, known.key);
      return known === undefined;
    });
    for (let at = 0; at < missing.length; at += KEYS_BATCH_MAX) {
      const askedAtMs = this.options.monotonicMs();
      const { result, keys } = await this.client.ask('subject-keys-by-id', { tenant, keyIds: missing.slice(at, at + KEYS_BATCH_MAX) });
      const fresh = keys.values();
      for (const grant of result.grants) {
        if ('fault' in grant) found.set(grant.keyId, grant.fault);
        else {
          const key = take(grant.keyId, fresh.next().value, 0);
          this.#opening.put(`${tenant} ${grant.keyId}`, { tenant, key }, askedAtMs, result.ttlMs);
          found.set(grant.keyId, key);
        }
      }
    }
    return found;
  }

  /** What is refused for good must not be served until its lease ends. */
  #afterRefusal(tenant: string, subjects: readonly string[], error: unknown): void {
    if (error instanceof KeyClientError && !isPassing(error.code)) for (const subject of subjects) this.#sealing.drop(`${tenant} ${subject}`);
  }

  #once(name: string, work: () => Promise<unknown>): Promise<unknown> {
    let running = this.#asking.get(name);
    if (running === undefined) {
      running = work().finally(() => this.#asking.delete(name));
      this.#asking.set(name, running);
    }
    return running;
  }
}

const sealNow = (key: FieldKey, context: FieldContext, bytes: Uint8Array): ReturnType<LeasedSubjects['seal']> => ({ bytes: sealFieldBytes(key, context, bytes), digest: fieldDigest(key, context, bytes) });

/** Undefined: the lease of its key has no use left. */
function sealWith(keys: SubjectKeys, { subject, context, bytes }: SealItem): { readonly text: string } | ItemFault | undefined {
  const fault = keys.faults.get(subject);
  if (fault !== undefined) return { fault };
  try {
    return { text: keys.seal(subject, context, bytes) };
  } catch (error) {
    if (error instanceof KeyClientError && error.code === 'LEASE_SPENT') return undefined;
    throw error;
  }
}

/** The key service promises one key for each grant; a reply that keeps less is refused as a whole. */
function take(keyId: string, bytes: Buffer | undefined, usesMax: number): FieldKey {
  if (bytes === undefined) throw new KeyClientError('KEYS_REPLY_INVALID', 'a granted key is missing from the answer');
  const key = fieldKey({ keyId, bytes, usesMax });
  bytes.fill(0);
  return key;
}

