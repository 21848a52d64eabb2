import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { decodeBase64, encodeBase64 } from './base64.js';
import { ChainFault } from './fault.js';
import { sha256 } from './hash.js';

/** Verifier keys: a name, a signature type and a public key in one line of text (C2SP signed-note, "Verifier keys"). */

export const SIGNATURE_TYPE = {
  /** Ed25519 over the note text (signed-note). */
  ed25519: 0x01,
  /** Timestamped Ed25519 cosignature (tlog-cosignature). */
  ed25519Cosignature: 0x04,
  /** Timestamped ML-DSA-44 cosignature (tlog-cosignature). */
  mlDsa44Cosignature: 0x06,
} as const;

export type SignatureType = (typeof SIGNATURE_TYPE)[keyof typeof SIGNATURE_TYPE];

export interface Vkey {
  readonly name: string;
  /** Unsigned 32-bit number; a label, not a cryptographically strong hash. */
  readonly keyId: number;
  readonly type: SignatureType;
  /** Raw public key: 32 bytes for Ed25519 (RFC 8032), 1,312 for ML-DSA-44 (FIPS 204). */
  readonly publicKey: Buffer;
}

export const ED25519_PUBLIC_KEY_BYTES = 32;
export const ML_DSA_44_PUBLIC_KEY_BYTES = 1312;
/** A cosigned message gives the name's length in one byte (tlog-cosignature). */
export const KEY_NAME_BYTES_MAX = 255;
const VKEY_CHARS_MAX = 4096;

// SubjectPublicKeyInfo up to the raw key: RFC 8410 §4, RFC 9881 §4.
const SPKI_PREFIX_ED25519 = Buffer.from('302a300506032b6570032100', 'hex');
const SPKI_PREFIX_ML_DSA_44 = Buffer.from('30820532300b06096086480165030403110382052100', 'hex');

const ALGORITHM = {
  [SIGNATURE_TYPE.ed25519]: { keyType: 'ed25519', bytes: ED25519_PUBLIC_KEY_BYTES, spkiPrefix: SPKI_PREFIX_ED25519 },
  [SIGNATURE_TYPE.ed25519Cosignature]: { keyType: 'ed25519', bytes: ED25519_PUBLIC_KEY_BYTES, spkiPrefix: SPKI_PREFIX_ED25519 },
  [SIGNATURE_TYPE.mlDsa44Cosignature]: { keyType: 'ml-dsa-44', bytes: ML_DSA_44_PUBLIC_KEY_BYTES, spkiPrefix: SPKI_PREFIX_ML_DSA_44 },
} as const;

// A space or a plus would end the name early; a control character cannot stand in a note (signed-note, "Format").
const NAME_FORBIDDEN = /[\p{White_Space}\p{Cc}+]/u;

/** Whether a key may have this name: not empty, no Unicode space, no plus, no control character, at most 255 bytes. */
export function isKeyName(name: string): boolean {
  return name !== '' && name.isWellFormed() && !NAME_FORBIDDEN.test(name) && Buffer.byteLength(name) <= KEY_NAME_BYTES_MAX;
}

/**
 * A verifier key from its parts; `publicKey` is a raw public key or a KeyObject, private ones giving their public half.
 * Throws VKEY_MALFORMED for a bad name, or a key that is not of the type.
 */
export function vkeyOf(name: string, type: SignatureType, publicKey: Uint8Array | KeyObject): Vkey {
  if (!isKeyName(name)) throw malformed('name');
  if (!(type in ALGORITHM)) throw malformed('type');
  const raw = publicKey instanceof Uint8Array ? Buffer.from(publicKey) : rawPublicKey(type, publicKey);
  if (raw.length !== ALGORITHM[type].bytes) throw malformed('public key');
  return { name, keyId: keyIdOf(name, type, raw), type, publicKey: raw };
}

/** Text of a verifier key, `<name>+<key id in hex>+<base64 of type and key>`. Throws as {@link vkeyOf} does. */
export function formatVkey(name: string, type: SignatureType, publicKey: Uint8Array | KeyObject): string {
  const vkey = vkeyOf(name, type, publicKey);
  return `${name}+${hexKeyId(vkey.keyId)}+${encodeBase64(Buffer.concat([Buffer.of(type), vkey.publicKey]))}`;
}

/** Reads a verifier key and recomputes its key id. Throws VKEY_MALFORMED for all but what {@link formatVkey} writes. */
export function parseVkey(text: string): Vkey {
  if (text.length > VKEY_CHARS_MAX) throw malformed('length');
  // Base64 may hold a plus, a name may not: only the first two separate.
  const nameEnd = text.indexOf('+');
  const idEnd = text.indexOf('+', nameEnd + 1);
  if (nameEnd < 0 || idEnd < 0) throw malformed('form');
  const material = decodeBase64(text.slice(idEnd + 1));
  if (material === undefined) throw malformed('base64');
  const type = material[0]!;
  if (!isSignatureType(type)) throw malformed('type');
  const vkey = vkeyOf(text.slice(0, nameEnd), type, material.subarray(1));
  if (text.slice(nameEnd + 1, idEnd) !== hexKeyId(vkey.keyId)) throw malformed('key id');
  return vkey;
}

/** The key as node:crypto takes it. Imported once for each Vkey object. */
export function publicKeyObject(vkey: Vkey): KeyObject {
  let key = imported.get(vkey);
  if (key === undefined) {
    const der = Buffer.concat([ALGORITHM[vkey.type].spkiPrefix, vkey.publicKey]);
    key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    imported.set(vkey, key);
  }
  return key;
}

const imported = new WeakMap<Vkey, KeyObject>();

/** SHA-256(name || 0x0A || type || public key), first four bytes (signed-note, "Signatures"). */
function keyIdOf(name: string, type: SignatureType, publicKey: Uint8Array): number {
  return sha256(Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(type), publicKey])).readUInt32BE(0);
}

function rawPublicKey(type: SignatureType, key: KeyObject): Buffer {
  const { keyType, spkiPrefix } = ALGORITHM[type];
  if ((key.asymmetricKeyType as string | undefined) !== keyType) throw malformed('public key');
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(spkiPrefix.length);
}

function isSignatureType(type: number): type is SignatureType {
  return type in ALGORITHM;
}

/** A key id as verifier keys and messages show it: 8 lower-case hex digits. */
export function hexKeyId(keyId: number): string {
  return keyId.toString(16).padStart(8, '0');
}

function malformed(what: string): ChainFault {
  return new ChainFault('VKEY_MALFORMED', `verifier key: ${what} is not valid`, { field: what });
}
