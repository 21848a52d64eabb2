import { setTimeout as sleep } from 'node:timers/promises';
import { parseField, sealField, type FieldKey } from '@countersign/envelope';
import { KeyClientError, type FieldCipher, type FieldPlace } from '@countersign/key-client';
import type { FieldSealer } from '../append/body-sealer.js';
import { isKeysAway } from './keys-away.js';
import { LOCAL_KEY_ID, type LocalFields } from './local-fields.js';

/** As long as this a batch waits for the key of a refusal in it, once; a key service that does not answer must not hold up appends. */
const KEY_WAIT_MS_MAX = 250;

/** Fields under data keys of the key service, leased. Whoever seals waits a moment for the first key, and for none while the service is away. */
export class ServiceFields implements FieldSealer {
  private isAway = false;

  constructor(
    private readonly fields: Pick<FieldCipher, 'sealingKey' | 'open'>,
    /** Opens what the ledger sealed before it had a key service. */
    private readonly local: LocalFields,
  ) {}

  /** Throws KeyClientError, EnvelopeFault. */
  async seal(tenant: string, purpose: string, place: FieldPlace, bytes: Uint8Array): Promise<string> {
    const key = await this.keyAtHand(tenant, purpose);
    if (key.usesLeft === 0) throw new KeyClientError('LEASE_SPENT', `the lease of ${purpose} has no use left`);
    return sealField(key, { tenant, ...place }, bytes);
  }

  /** Throws KeyClientError, EnvelopeFault. */
  async open(tenant: string, purpose: string, place: FieldPlace, text: string): Promise<Buffer> {
    const { keyId } = parseField(text);
    return (keyId === LOCAL_KEY_ID ? this.local : this.fields).open(tenant, purpose, place, text);
  }

  private async keyAtHand(tenant: string, purpose: string): Promise<FieldKey> {
    // Asked in any case, one request at a time for a key: whoever comes later finds it.
    const asking = this.fields.sealingKey(tenant, purpose);
    asking.then(
      () => (this.isAway = false),
      (error: unknown) => (this.isAway = isKeysAway(error)),
    );
    const waited = new AbortController();
    const waiting = sleep(this.isAway ? 0 : KEY_WAIT_MS_MAX, undefined, { signal: waited.signal }).then(
      () => undefined,
      () => undefined,
    );
    try {
      const key = await Promise.race([asking, waiting]);
      if (key === undefined) throw new KeyClientError('KEYS_UNAVAILABLE', `the key of ${purpose} is not at hand`);
      return key;
    } finally {
      waited.abort();
    }
  }
}
