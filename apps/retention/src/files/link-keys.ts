import type { LinkKey } from '@countersign/files';
import { LeaseCache, type KeyClient } from '@countersign/key-client';

const PURPOSE = 'retention.file-link';
const KEYS_MAX = 16;

/** Keys that sign links, leased from the key service and cached. */
export class LinkKeys {
  readonly #cache = new LeaseCache<LinkKey>({ entriesMax: KEYS_MAX, monotonicMs: () => performance.now(), spent: () => 0, dropped: () => undefined });

  constructor(
    private readonly client: Pick<KeyClient, 'ask'>,
    private readonly tenant: string,
  ) {}

  /** Throws KeyClientError. */
  active(): Promise<LinkKey> {
    return this.#key(undefined);
  }

  /** Throws KeyClientError, KEY_UNKNOWN for a version that never was. */
  version(version: number): Promise<LinkKey> {
    return this.#key(version);
  }

  #key(version: number | undefined): Promise<LinkKey> {
    return this.#cache.get(`${version ?? 'active'}`, async () => {
      const { result, keys } = await this.client.ask('blind-index-key', { tenant: this.tenant, purpose: PURPOSE, ...(version === undefined ? {} : { version }) });
      return { value: { version: result.version, bytes: keys[0]! }, ttlMs: result.ttlMs };
    });
  }
}
