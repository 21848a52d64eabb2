import { hash, hkdfSync, type KeyObject } from 'node:crypto';
import { digestPrefix, type FieldContext } from './context.js';
import { EnvelopeFault } from './fault.js';
import { digestPadsOf, type DigestPads, type FieldKey } from './field-key.js';
import { FIELD_BYTES_MAX } from './field-text.js';

/** 128 bits of the HMAC. */
export const FIELD_DIGEST_BYTES = 16;
/** HKDF (RFC 5869) info: the key that encrypts and the one that digests are two. */
const KEY_LABEL = 'countersign.field-digest.v1';
const BLOCK_BYTES = 64;
const HASH_BYTES = 32;

/** Holds what is hashed, and zeros afterwards; reused, as nothing waits. */
let scratch = Buffer.alloc(4096);

/**
 * Tells whether two values at one place are the same, without keeping anything that could be guessed from once the key is
 * destroyed: HMAC-SHA-256, under a key derived from `key`, of the place and the value, cut to 16 bytes, in hex.
 * Costs the key no use.
 * Throws CONTEXT_MALFORMED, FIELD_TOO_LARGE.
 */
export function fieldDigest(key: FieldKey, context: FieldContext, value: Uint8Array): string {
  if (value.length > FIELD_BYTES_MAX) throw new EnvelopeFault('FIELD_TOO_LARGE', `the value is over ${FIELD_BYTES_MAX} bytes`);
  const pads = digestPadsOf(key, padsFor);
  const prefix = digestPrefix(context);
  const length = BLOCK_BYTES + prefix.length + value.length;
  if (length > scratch.length) scratch = Buffer.alloc(length);
  pads.inner.copy(scratch);
  scratch.set(prefix, BLOCK_BYTES);
  scratch.set(value, BLOCK_BYTES + prefix.length);
  // A short string of bytes is made faster than a buffer.
  pads.outer.write(hash('sha256', scratch.subarray(0, length), 'binary'), BLOCK_BYTES, 'latin1');
  scratch.fill(0, 0, length);
  return hash('sha256', pads.outer, 'hex').slice(0, 2 * FIELD_DIGEST_BYTES);
}

/** HMAC-SHA-256 (RFC 2104) by hand: `createHmac` costs several times as much as the hash of a short value. */
function padsFor(secret: KeyObject): DigestPads {
  const derived = new Uint8Array(hkdfSync('sha256', secret, '', KEY_LABEL, HASH_BYTES));
  const inner = Buffer.alloc(BLOCK_BYTES, 0x36);
  const outer = Buffer.alloc(BLOCK_BYTES + HASH_BYTES, 0x5c);
  derived.forEach((byte, i) => {
    inner[i]! ^= byte;
    outer[i]! ^= byte;
  });
  derived.fill(0);
  return { inner, outer };
}
