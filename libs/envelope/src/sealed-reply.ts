import { createCipheriv, createDecipheriv, createPublicKey, diffieHellman, hkdfSync, type KeyObject } from 'node:crypto';
import { NAME_BYTES_MAX } from './context.js';
import { lengthPrefixed } from './length-prefixed.js';
import { MessageFault } from './message-fault.js';

/**
 * Key bytes on their way to one asker: X25519 (RFC 7748) with a fresh key on both sides, HKDF-SHA-256 (RFC 5869),
 * AES-256-GCM. Neither the bus nor a later theft of anybody's long-lived key reveals them.
 */

export const SEALED_KEY_BYTES = 32;
const LABEL = 'countersign.keys.sealed-reply.v1';
const CIPHER_KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const LENGTH_BYTES = 4;
// RFC 8410 §4, up to the 32 bytes of the key.
const X25519_SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

/** Which answer this is. A box made for one opens for no other. */
export interface ReplyContext {
  readonly nonce: string;
  readonly service: string;
  readonly operation: string;
}

export interface X25519Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export interface SealedReply {
  /** Raw X25519 public key of the key service for this answer, base64url. */
  readonly ephemeral: string;
  /** Ciphertext and tag, base64url. */
  readonly box: string;
}

export interface OpenedReply {
  readonly result: unknown;
  /** 32 bytes each. Whoever takes them zeroes them. */
  readonly keys: readonly Buffer[];
}

/** Raw X25519 public key, base64url. */
export function formatX25519(key: KeyObject): string {
  return key.export({ format: 'der', type: 'spki' }).subarray(X25519_SPKI_PREFIX.length).toString('base64url');
}

/**
 * Seals a result and the keys that belong to it to the asker's ephemeral key. `mine` must be fresh: key and IV follow from it.
 * The keys travel as bytes and never as text, so that no string of the process ever holds one. Throws SEAL_MALFORMED
 * for an ephemeral key that is none.
 */
export function sealReply(result: object, keys: readonly Uint8Array[], theirs: string, mine: X25519Pair, context: ReplyContext): SealedReply {
  const json = Buffer.from(JSON.stringify(result));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(json.length);
  const plain = Buffer.concat([length, json, ...keys]);
  const ephemeral = formatX25519(mine.publicKey);
  const { key, iv, aad } = derive(mine.privateKey, theirs, { asker: theirs, answerer: ephemeral }, context);
  try {
    const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
    cipher.setAAD(aad);
    return { ephemeral, box: Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64url') };
  } finally {
    plain.fill(0);
    key.fill(0);
  }
}

/** Throws SEAL_MALFORMED, SEAL_NOT_AUTHENTIC. */
export function openSealedReply(sealed: SealedReply, mine: X25519Pair, context: ReplyContext): OpenedReply {
  const box = Buffer.from(sealed.box, 'base64url');
  if (box.length < LENGTH_BYTES + TAG_BYTES || box.toString('base64url') !== sealed.box) throw malformed('box');
  const ephemeral = formatX25519(mine.publicKey);
  const { key, iv, aad } = derive(mine.privateKey, sealed.ephemeral, { asker: ephemeral, answerer: sealed.ephemeral }, context);
  const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(aad);
  decipher.setAuthTag(box.subarray(-TAG_BYTES));
  const plain = decipher.update(box.subarray(0, -TAG_BYTES));
  key.fill(0);
  try {
    decipher.final();
  } catch {
    plain.fill(0);
    throw new MessageFault('SEAL_NOT_AUTHENTIC', 'the sealed reply does not belong to this request, or was changed');
  }
  return split(plain);
}

function split(plain: Buffer): OpenedReply {
  const end = LENGTH_BYTES + plain.readUInt32BE(0);
  if (end > plain.length || (plain.length - end) % SEALED_KEY_BYTES !== 0) throw malformed('content');
  const result = JSON.parse(plain.toString('utf8', LENGTH_BYTES, end)) as unknown;
  const keys: Buffer[] = [];
  for (let at = end; at < plain.length; at += SEALED_KEY_BYTES) keys.push(Buffer.from(plain.subarray(at, at + SEALED_KEY_BYTES)));
  plain.fill(0);
  return { result, keys };
}

function derive(mine: KeyObject, theirs: string, ephemerals: { asker: string; answerer: string }, { nonce, service, operation }: ReplyContext) {
  const shared = agree(mine, theirs);
  const parts = [['nonce', nonce], ['service', service], ['operation', operation], ['asker', ephemerals.asker], ['answerer', ephemerals.answerer]] as const;
  const info = Buffer.from(lengthPrefixed(LABEL, parts.map(([name, value]) => [name, value, NAME_BYTES_MAX])));
  const okm = Buffer.from(hkdfSync('sha256', shared, Buffer.alloc(0), info, CIPHER_KEY_BYTES + IV_BYTES));
  shared.fill(0);
  return { key: okm.subarray(0, CIPHER_KEY_BYTES), iv: okm.subarray(CIPHER_KEY_BYTES), aad: info };
}

function agree(privateKey: KeyObject, theirs: string): Buffer {
  const raw = Buffer.from(theirs, 'base64url');
  if (raw.length !== 32 || raw.toString('base64url') !== theirs) throw malformed('ephemeral key');
  const publicKey = createPublicKey({ key: Buffer.concat([X25519_SPKI_PREFIX, raw]), format: 'der', type: 'spki' });
  try {
    return diffieHellman({ privateKey, publicKey });
  } catch {
    // A point of small order would make the secret known to all (RFC 7748 §6.1): OpenSSL refuses it.
    throw malformed('ephemeral key');
  }
}

const malformed = (what: string): MessageFault => new MessageFault('SEAL_MALFORMED', `sealed reply: ${what} is not valid`);
