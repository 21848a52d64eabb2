import { hkdfSync } from 'node:crypto';
import { fieldKey, KEY_BYTES, openField, sealField, type FieldKey } from '@countersign/envelope';
import type { FieldPlace } from '@countersign/key-client';
import { LRUCache } from 'lru-cache';
import type { FieldSealer } from '../append/body-sealer.js';

/** Names every local key in what it sealed. */
export const LOCAL_KEY_ID = 'local_1';
const LABEL = 'countersign.ledger.local-field.v1';
const KEYS_MAX = 1_000;

/**
 * Fields under keys derived from a secret of the ledger's sealed file, one for each tenant and purpose (HKDF-SHA-256,
 * RFC 5869): what a ledger has that is alone on its machine. They do not rotate.
 */
export class LocalFields implements FieldSealer {
  private readonly keys = new LRUCache<string, FieldKey>({ max: KEYS_MAX });

  constructor(private readonly secret: Buffer) {}

  /** Throws EnvelopeFault. */
  async seal(tenant: string, purpose: string, place: FieldPlace, bytes: Uint8Array): Promise<string> {
    return sealField(this.key(tenant, purpose), { tenant, ...place }, bytes);
  }

  /** Throws EnvelopeFault. */
  async open(tenant: string, purpose: string, place: FieldPlace, text: string): Promise<Buffer> {
    return openField(this.key(tenant, purpose), { tenant, ...place }, text);
  }

  private key(tenant: string, purpose: string): FieldKey {
    // Neither a tenant nor a purpose has a space.
    const name = `${tenant} ${purpose}`;
    let key = this.keys.get(name);
    if (key === undefined) {
      key = fieldKey({ keyId: LOCAL_KEY_ID, bytes: Buffer.from(hkdfSync('sha256', this.secret, '', `${LABEL} ${name}`, KEY_BYTES)) });
      this.keys.set(name, key);
    }
    return key;
  }
}
