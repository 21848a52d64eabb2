import { sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { TreeHead } from './checkpoint-body.js';
import { ChainFault } from './fault.js';
import type { NoteSignature } from './note.js';
import { SIGNATURE_TYPE, hexKeyId, publicKeyObject, vkeyOf } from './vkey.js';
import type { SignatureType, Vkey } from './vkey.js';

/** Timestamped cosignatures of checkpoints: Ed25519 (0x04) and ML-DSA-44 (0x06) (C2SP tlog-cosignature). */

export type CosignatureType = Exclude<SignatureType, typeof SIGNATURE_TYPE.ed25519>;

export interface Cosignature {
  /** POSIX seconds; 0 when an ML-DSA-44 cosigner says nothing about time. */
  readonly timestampSeconds: number;
  readonly signature: Buffer;
}

/** A checkpoint as cosigners sign it. */
export interface CosignedCheckpoint extends TreeHead {
  /** Note text, extension lines included. */
  readonly text: string;
}

const TIMESTAMP_BYTES = 8;
const SIGNATURE_BYTES = { [SIGNATURE_TYPE.ed25519Cosignature]: 64, [SIGNATURE_TYPE.mlDsa44Cosignature]: 2420 } as const;
const SUBTREE_LABEL = Buffer.from('subtree/v1\n\0');

/** Whether keys of this type make timestamped cosignatures. */
export function isCosignatureType(type: SignatureType): type is CosignatureType {
  return type in SIGNATURE_BYTES;
}

/** Splits a `timestamped_signature`: u64 timestamp, then the signature. Throws COSIGNATURE_MALFORMED. */
export function parseCosignature(type: CosignatureType, blob: Buffer): Cosignature {
  if (blob.length !== TIMESTAMP_BYTES + SIGNATURE_BYTES[type]) {
    throw new ChainFault('COSIGNATURE_MALFORMED', `a cosignature of type ${type} has ${blob.length} bytes`, { field: 'signature' });
  }
  const timestampSeconds = blob.readBigUInt64BE(0);
  // The specification allows up to 2^63 - 1; beyond 2^53 - 1 seconds no clock has a meaning, and numbers lose theirs.
  if (timestampSeconds > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new ChainFault('COSIGNATURE_MALFORMED', 'a cosignature has a timestamp out of range', { field: 'timestamp' });
  }
  return { timestampSeconds: Number(timestampSeconds), signature: blob.subarray(TIMESTAMP_BYTES) };
}

/** Message of a type 0x04 cosignature: header line, time line, note text. It does not name the cosigner. */
export function ed25519CosignedMessage(text: string, timestampSeconds: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${timestampSeconds}\n${text}`);
}

/** Message of a type 0x06 cosignature of a checkpoint: the `cosigned_message` structure over leaves 0 to its size. */
export function mlDsa44CosignedMessage(cosignerName: string, { origin, treeSize, root }: TreeHead, timestampSeconds: number): Buffer {
  const start = u64(0);
  return Buffer.concat([SUBTREE_LABEL, opaque(cosignerName), u64(timestampSeconds), opaque(origin), start, u64(treeSize), root]);
}

/** Cosigns a checkpoint's text as a witness does, type 0x04. Throws VKEY_MALFORMED for a bad name or key. */
export function ed25519Cosignature(name: string, privateKey: KeyObject, text: string, timestampSeconds: number): NoteSignature {
  const { keyId } = vkeyOf(name, SIGNATURE_TYPE.ed25519Cosignature, privateKey);
  const signature = sign(null, ed25519CosignedMessage(text, timestampSeconds), privateKey);
  return { name, keyId, signature: Buffer.concat([u64(timestampSeconds), signature]) };
}

/**
 * Signs a tree head with an ML-DSA-44 private key, type 0x06. `timestampSeconds` is POSIX time, or 0 to say nothing about
 * time. Throws VKEY_MALFORMED for a bad name or key, COSIGNATURE_MALFORMED for an origin or a time that does not fit.
 */
export function mlDsa44Cosignature(name: string, privateKey: KeyObject, head: TreeHead, timestampSeconds: number): NoteSignature {
  const { keyId } = vkeyOf(name, SIGNATURE_TYPE.mlDsa44Cosignature, privateKey);
  // No algorithm name: node:crypto then signs the message itself, with an empty context (FIPS 204 §5.2, pure ML-DSA).
  const signature = sign(null, mlDsa44CosignedMessage(name, head, timestampSeconds), privateKey);
  return { name, keyId, signature: Buffer.concat([u64(timestampSeconds), signature]) };
}

/**
 * Checks one cosignature by a known key and returns its timestamp in POSIX seconds. Throws COSIGNATURE_MALFORMED or
 * COSIGNATURE_INVALID. Whether the time is believable is for the caller, who has a clock.
 */
export function verifyCosignature(vkey: Vkey, checkpoint: CosignedCheckpoint, blob: Buffer): number {
  if (!isCosignatureType(vkey.type)) throw invalid(vkey);
  const { timestampSeconds, signature } = parseCosignature(vkey.type, blob);
  const message =
    vkey.type === SIGNATURE_TYPE.ed25519Cosignature
      ? ed25519CosignedMessage(checkpoint.text, timestampSeconds)
      : mlDsa44CosignedMessage(vkey.name, checkpoint, timestampSeconds);
  if (!verify(null, message, publicKeyObject(vkey), signature)) throw invalid(vkey);
  return timestampSeconds;
}

function u64(value: number): Buffer {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new ChainFault('COSIGNATURE_MALFORMED', `${value} is not an unsigned 64-bit number`, { field: 'timestamp' });
  }
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value), 0);
  return bytes;
}

/** `opaque name<1..2^8-1>` of RFC 8446 §3.4: one length byte, then the bytes. */
function opaque(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length < 1 || bytes.length > 255) {
    throw new ChainFault('COSIGNATURE_MALFORMED', 'a cosigner name or origin is not 1 to 255 bytes', { field: 'name' });
  }
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

function invalid({ name, keyId }: Vkey): ChainFault {
  return new ChainFault('COSIGNATURE_INVALID', `the cosignature by ${name}+${hexKeyId(keyId)} is not valid`, { field: 'signature' });
}
