import { fieldKey, openField, parseField, sealField, type FieldKey } from '@countersign/envelope';
import { KeyClientError } from './key-client-error.js';
import type { KeyClient } from './key-client.js';
import { LeaseCache } from './lease-cache.js';
import type { RefusalCounter } from './refusal-counter.js';
import type { UseCounter } from './use-counter.js';

/** Others may use up a lease before its asker has his turn. */
const LEASES_ASKED_MAX = 3;

/** Where a value lies, beside its tenant. */
export interface FieldPlace {
  readonly table: string;
  readonly column: string;
  readonly row: string;
}

export interface Leased {
  readonly tenant: string;
  readonly key: FieldKey;
}

/** Encrypts columns of one service, in this process, under data keys leased from the key service. */
export class FieldCipher {
  readonly #cache: LeaseCache<Leased>;

  constructor(
    private readonly client: KeyClient,
    private readonly uses: UseCounter,
    private readonly refusals: RefusalCounter,
    options: { readonly entriesMax: number; readonly monotonicMs: () => number },
  ) {
    this.#cache = new LeaseCache<Leased>({
      ...options,
      spent: ({ key }) => (key.usesMax === 0 ? 0 : key.sealedCount / key.usesMax),
      dropped: ({ tenant, key }) => this.uses.count(tenant, key),
    });
  }

  /** `v2:…` of the value. Throws KeyClientError, EnvelopeFault. */
  async seal(tenant: string, purpose: string, place: FieldPlace, bytes: Uint8Array): Promise<string> {
    const { table, column, row } = place;
    for (let asked = 0; asked < LEASES_ASKED_MAX; asked++) {
      const key = this.#cache.fresh(sealingName(tenant, purpose))?.key ?? (await this.sealingKey(tenant, purpose));
      if (key.usesLeft === 0) continue;
      try {
        return sealField(key, { tenant, table, column, row }, bytes);
      } catch (error) {
        this.refusals.count(error, tenant, key.keyId);
        throw error;
      }
    }
    throw new KeyClientError('LEASE_SPENT', `leases of ${purpose} are used up as fast as they come`);
  }

  /** Throws KeyClientError, EnvelopeFault. */
  async open(tenant: string, purpose: string, place: FieldPlace, text: string): Promise<Buffer> {
    const { table, column, row } = place;
    let keyId: string | undefined;
    try {
      const field = parseField(text);
      ({ keyId } = field);
      const key = this.#cache.fresh(openingName(tenant, purpose, keyId))?.key ?? (await this.openingKey(tenant, purpose, keyId));
      return openField(key, { tenant, table, column, row }, field);
    } catch (error) {
      this.refusals.count(error, tenant, keyId);
      throw error;
    }
  }

  /** The active key, for whoever seals many values in a row without waiting. Use it at once: its lease ends. */
  async sealingKey(tenant: string, purpose: string): Promise<FieldKey> {
    const { key } = await this.#cache.get(sealingName(tenant, purpose), () => this.#lease(tenant, purpose, undefined));
    return key;
  }

  async openingKey(tenant: string, purpose: string, keyId: string): Promise<FieldKey> {
    const { key } = await this.#cache.get(openingName(tenant, purpose, keyId), () => this.#lease(tenant, purpose, keyId));
    return key;
  }

  /** Takes the active key now, because a newer one is known to be there; whoever seals meanwhile does not wait. Throws KeyClientError. */
  async renew(tenant: string, purpose: string): Promise<void> {
    await this.#cache.renew(sealingName(tenant, purpose), () => this.#lease(tenant, purpose, undefined));
  }

  live(): [string, FieldKey][] {
    return this.#cache.values().map(({ tenant, key }) => [tenant, key]);
  }

  clear(): void {
    this.#cache.clear();
  }

  async #lease(tenant: string, purpose: string, keyId: string | undefined) {
    const { result, keys } = await this.client.ask('data-key', { tenant, purpose, keyId });
    const [bytes] = keys;
    const key = fieldKey({ keyId: result.keyId, bytes: bytes ?? Buffer.alloc(0), usesMax: result.usesMax });
    bytes?.fill(0);
    return { value: { tenant, key }, ttlMs: result.ttlMs };
  }
}

const sealingName = (tenant: string, purpose: string): string => `seal ${tenant} ${purpose}`;
const openingName = (tenant: string, purpose: string, keyId: string): string => `open ${tenant} ${purpose} ${keyId}`;
