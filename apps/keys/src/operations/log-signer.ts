import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { ed25519NoteSignature, formatCheckpointBody, mlDsa44Cosignature, sha256Hex, SIGNATURE_TYPE, vkeyOf, type NoteSignature, type TreeHead, type Vkey } from '@countersign/chain';
import { KEYS_SYSTEM_TENANT } from '@countersign/contracts';
import type { Cause } from '@countersign/event-store';
import { LRUCache } from 'lru-cache';
import { activeVersion } from '../domain/key.js';
import { TENANT_KEY_CACHE_MS, type KeyRing } from '../keyring/key-ring.js';

/** Both private halves follow from their seeds: RFC 8410 §7 and, for ML-DSA-44, the seed form of RFC 9881 §6. */
const ED25519_PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const ML_DSA_44_PKCS8 = Buffer.from('3034020100300b060960864801650304031104228020', 'hex');
const SEED_BYTES = 32;
const NAME_CHARS = 32;

/** Logs whose keys are held open. */
const LOGS_MAX = 10_000;

export interface LogKeys {
  readonly ed25519: KeyObject;
  readonly mlDsa44: KeyObject;
  readonly vkeys: readonly Vkey[];
}

/** Purpose under which the keys of a log lie: an origin may hold what a purpose may not. */
export const signingPurpose = (origin: string): string => `signing.${sha256Hex(origin).slice(0, NAME_CHARS)}`;

/** Signs for logs, with keys that are made on first use and never leave this process. */
export class LogSigner {
  readonly #logs: LRUCache<string, Promise<LogKeys>>;

  /** @param ttlMs a key that was destroyed signs no longer than this */
  constructor(private readonly ring: KeyRing, ttlMs = TENANT_KEY_CACHE_MS) {
    this.#logs = new LRUCache({ max: LOGS_MAX, ttl: ttlMs });
  }

  /** Ed25519 first, then ML-DSA-44. Durable on return. */
  async vkeys(origin: string, cause: Cause): Promise<readonly Vkey[]> {
    return (await this.#keysOf(origin, cause)).vkeys;
  }

  async signTree(head: TreeHead, timestampSeconds: number, cause: Cause): Promise<readonly NoteSignature[]> {
    const { ed25519, mlDsa44 } = await this.#keysOf(head.origin, cause);
    return [ed25519NoteSignature(head.origin, ed25519, formatCheckpointBody(head)), mlDsa44Cosignature(head.origin, mlDsa44, head, timestampSeconds)];
  }

  /** Ed25519 over a note's text, which is no checkpoint. */
  async signText(name: string, text: string, cause: Cause): Promise<NoteSignature> {
    return ed25519NoteSignature(name, (await this.#keysOf(name, cause)).ed25519, text);
  }

  #keysOf(origin: string, cause: Cause): Promise<LogKeys> {
    let keys = this.#logs.get(origin);
    if (keys === undefined) {
      keys = this.#open(origin, cause);
      keys.catch(() => this.#logs.delete(origin));
      this.#logs.set(origin, keys);
    }
    return keys;
  }

  async #open(origin: string, cause: Cause): Promise<LogKeys> {
    const key = await this.ring.ensure({ tenant: KEYS_SYSTEM_TENANT, purpose: signingPurpose(origin) }, 'signing', cause);
    const seeds = await this.ring.bytes(activeVersion(key).keyId);
    try {
      return logKeysOf(origin, seeds);
    } finally {
      seeds.fill(0);
    }
  }
}

/** The keys of a log that follow from their two seeds. */
export function logKeysOf(origin: string, seeds: Buffer): LogKeys {
  const ed25519 = privateKey(ED25519_PKCS8, seeds.subarray(0, SEED_BYTES));
  const mlDsa44 = privateKey(ML_DSA_44_PKCS8, seeds.subarray(SEED_BYTES));
  const vkeys = [vkeyOf(origin, SIGNATURE_TYPE.ed25519, createPublicKey(ed25519)), vkeyOf(origin, SIGNATURE_TYPE.mlDsa44Cosignature, createPublicKey(mlDsa44))];
  return { ed25519, mlDsa44, vkeys };
}

function privateKey(prefix: Buffer, seed: Buffer): KeyObject {
  const der = Buffer.concat([prefix, seed]);
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } finally {
    der.fill(0);
  }
}
