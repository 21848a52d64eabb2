import { sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { NoteSignature } from './note.js';
import { SIGNATURE_TYPE, publicKeyObject, vkeyOf } from './vkey.js';
import type { Vkey } from './vkey.js';

/** Plain Ed25519 note signatures, type 0x01 (C2SP signed-note, "Ed25519 signatures"). */

const ED25519_SIGNATURE_BYTES = 64;

/** Signs a note's text, newline included, with an Ed25519 private key. Throws VKEY_MALFORMED for a bad name or key. */
export function ed25519NoteSignature(name: string, privateKey: KeyObject, text: string): NoteSignature {
  const { keyId } = vkeyOf(name, SIGNATURE_TYPE.ed25519, privateKey);
  return { name, keyId, signature: sign(null, Buffer.from(text), privateKey) };
}

/** Whether a type 0x01 signature over a note's text is valid. False for every other key type. */
export function isNoteSignatureValid(vkey: Vkey, text: string, signature: Uint8Array): boolean {
  if (vkey.type !== SIGNATURE_TYPE.ed25519 || signature.length !== ED25519_SIGNATURE_BYTES) return false;
  return verify(null, Buffer.from(text), publicKeyObject(vkey), signature);
}
