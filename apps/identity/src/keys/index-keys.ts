import { blindIndex, blindIndexKey } from '@countersign/envelope';
import { LeaseCache, type KeyClient } from '@countersign/key-client';

/** Purposes of the keys with which identity computes and encrypts nothing. */
const EMAIL_PURPOSE = 'identity.email';
const PEPPER_PURPOSE = 'identity.pepper';
const API_KEY_PURPOSE = 'identity.api-key';
const KEYS_MAX = 64;

export interface VersionedKey {
  readonly version: number;
  /** 32 bytes; not to be changed. */
  readonly bytes: Buffer;
}

/** Keys of HMACs, leased from the key service and cached: by them addresses are found and passwords peppered. */
export class IndexKeys {
  readonly #cache: LeaseCache<VersionedKey>;

  constructor(
    private readonly client: Pick<KeyClient, 'ask'>,
    private readonly tenant: string,
    monotonicMs: () => number = () => performance.now(),
  ) {
    this.#cache = new LeaseCache<VersionedKey>({ entriesMax: KEYS_MAX, monotonicMs, spent: () => 0, dropped: () => undefined });
  }

  /** The active pepper, or the one of that version. Throws KeyClientError. */
  async pepper(version?: number): Promise<VersionedKey> {
    return this.#key(PEPPER_PURPOSE, version);
  }

  /** Under which API keys are kept: the active one, or the one of that version. Throws KeyClientError. */
  async apiKeyKey(version?: number): Promise<VersionedKey> {
    return this.#key(API_KEY_PURPOSE, version);
  }

  /**
   * Blind indexes of an address in lower case: the first is what a new row gets; a row may still have one of the others.
   * Throws KeyClientError.
   */
  async emailIndexes(email: string): Promise<readonly [string, ...string[]]> {
    const active = await this.#key(EMAIL_PURPOSE, undefined);
    const older = await Promise.all(Array.from({ length: active.version - 1 }, (_, at) => this.#key(EMAIL_PURPOSE, active.version - 1 - at)));
    const index = (key: VersionedKey): string => blindIndex(blindIndexKey(key), { tenant: this.tenant, table: 'users', column: 'email' }, Buffer.from(email));
    return [index(active), ...older.map(index)];
  }

  /** Names a network in places where its address has no business. Throws KeyClientError. */
  async networkIndex(network: string): Promise<string> {
    const key = await this.#key(EMAIL_PURPOSE, undefined);
    return blindIndex(blindIndexKey(key), { tenant: this.tenant, table: 'attempts', column: 'network' }, Buffer.from(network));
  }

  /** Counts messages to one number. Throws KeyClientError. */
  async phoneIndex(phone: string): Promise<string> {
    const key = await this.#key(EMAIL_PURPOSE, undefined);
    return blindIndex(blindIndexKey(key), { tenant: this.tenant, table: 'phones', column: 'number' }, Buffer.from(phone));
  }

  #key(purpose: string, version: number | undefined): Promise<VersionedKey> {
    return this.#cache.get(`${purpose} ${version ?? 'active'}`, async () => {
      const { result, keys } = await this.client.ask('blind-index-key', { tenant: this.tenant, purpose, version });
      return { value: { version: result.version, bytes: keys[0]! }, ttlMs: result.ttlMs };
    });
  }
}
