import { formatCheckpointBody, parseCheckpointBody } from './checkpoint-body.js';
import type { TreeHead } from './checkpoint-body.js';
import { isCosignatureType, verifyCosignature } from './cosignature.js';
import type { CosignedCheckpoint } from './cosignature.js';
import { ChainFault } from './fault.js';
import { isNoteSignatureValid } from './note-signature.js';
import { formatNote, parseNote } from './note.js';
import type { NoteSignature } from './note.js';
import { SIGNATURE_TYPE, hexKeyId } from './vkey.js';
import type { SignatureType, Vkey } from './vkey.js';

/** Checkpoints: signed notes that state a tree head (C2SP tlog-checkpoint). */

/** A checkpoint that was read but not verified: nothing of it may be believed yet. */
export interface Checkpoint extends CosignedCheckpoint {
  readonly extensions: readonly string[];
  readonly signatures: readonly NoteSignature[];
}

/** A key that signed, and when it says it did. */
export interface VerifiedBy {
  readonly name: string;
  readonly keyId: number;
  readonly type: SignatureType;
  /** POSIX seconds; absent for keys of type 0x01, which sign no time, and where the cosigner stated none. */
  readonly timestampSeconds?: number;
}

export interface VerifiedCheckpoint extends TreeHead {
  /** One item for each key given, in the order given. */
  readonly verifiedBy: readonly VerifiedBy[];
  /** Earliest time that a signature states, POSIX seconds; absent when none states any. */
  readonly timestampSeconds?: number;
}

/** The signed note of a tree head. Throws CHECKPOINT_MALFORMED, or NOTE_MALFORMED without a signature. */
export function formatCheckpoint(head: TreeHead, signatures: readonly NoteSignature[]): string {
  return formatNote(formatCheckpointBody(head), signatures);
}

/** Reads a checkpoint without verifying it. Throws NOTE_MALFORMED or CHECKPOINT_MALFORMED. */
export function parseCheckpoint(note: string | Uint8Array): Checkpoint {
  const { text, signatures } = parseNote(note);
  return { ...parseCheckpointBody(text), text, signatures };
}

/**
 * Verifies a log's own checkpoint: it names this origin and carries a valid signature by every key given. Signatures by
 * other keys are ignored, as signed-note demands. Throws NOTE_MALFORMED, CHECKPOINT_MALFORMED, CHECKPOINT_ORIGIN_MISMATCH,
 * CHECKPOINT_SIGNATURE_MISSING (also when no key is given) or CHECKPOINT_SIGNATURE_INVALID.
 */
export function verifyCheckpoint(
  note: string | Uint8Array,
  { origin, vkeys }: { readonly origin: string; readonly vkeys: readonly Vkey[] },
): VerifiedCheckpoint {
  const checkpoint = parseCheckpoint(note);
  if (checkpoint.origin !== origin) {
    throw new ChainFault('CHECKPOINT_ORIGIN_MISMATCH', 'the checkpoint is another log’s', { field: 'origin' });
  }
  // An ML-DSA-44 cosignature does not cover extension lines: with that key alone anybody could add some.
  if (checkpoint.extensions.length > 0) {
    throw new ChainFault('CHECKPOINT_MALFORMED', 'the checkpoint has extension lines', { field: 'extension line' });
  }
  if (vkeys.length === 0) throw new ChainFault('CHECKPOINT_SIGNATURE_MISSING', 'no key was given to verify the checkpoint');
  const verifiedBy = vkeys.map((vkey) => verifyBy(vkey, checkpoint));
  const times = verifiedBy.flatMap(({ timestampSeconds }) => timestampSeconds ?? []);
  const head = { origin, treeSize: checkpoint.treeSize, root: checkpoint.root, verifiedBy };
  return times.length === 0 ? head : { ...head, timestampSeconds: Math.min(...times) };
}

/**
 * Verifies the cosignatures of known witnesses on a checkpoint whose own signature is already verified. Returns the
 * witnesses that signed, in the order given; how many are enough is the caller's policy. Throws COSIGNATURE_MALFORMED or
 * COSIGNATURE_INVALID when a known witness's line does not hold: one false line condemns the note (signed-note).
 */
export function verifyCosignatures(checkpoint: Checkpoint, witnesses: readonly Vkey[]): VerifiedBy[] {
  return witnesses.flatMap((vkey) => {
    const times = signaturesBy(vkey, checkpoint).map(({ signature }) => verifyCosignature(vkey, checkpoint, signature));
    return times.length === 0 ? [] : [verified(vkey, Math.max(...times))];
  });
}

function verifyBy(vkey: Vkey, checkpoint: Checkpoint): VerifiedBy {
  const signatures = signaturesBy(vkey, checkpoint);
  if (signatures.length === 0) {
    throw new ChainFault('CHECKPOINT_SIGNATURE_MISSING', `no signature by ${vkey.name}+${hexKeyId(vkey.keyId)}`, { field: 'signature' });
  }
  // Every line that names a known key must hold (signed-note, "Signatures").
  const times = signatures.map(({ signature }) => signedAt(vkey, checkpoint, signature));
  return verified(vkey, Math.min(...times));
}

function signedAt(vkey: Vkey, checkpoint: Checkpoint, signature: Buffer): number {
  if (vkey.type === SIGNATURE_TYPE.ed25519) {
    if (!isNoteSignatureValid(vkey, checkpoint.text, signature)) throw invalid(vkey);
    return 0;
  }
  try {
    return verifyCosignature(vkey, checkpoint, signature);
  } catch (fault) {
    if (fault instanceof ChainFault) throw invalid(vkey);
    throw fault;
  }
}

function signaturesBy({ name, keyId }: Vkey, checkpoint: Checkpoint): NoteSignature[] {
  return checkpoint.signatures.filter((signature) => signature.name === name && signature.keyId === keyId);
}

function verified({ name, keyId, type }: Vkey, timestampSeconds: number): VerifiedBy {
  return isCosignatureType(type) && timestampSeconds > 0 ? { name, keyId, type, timestampSeconds } : { name, keyId, type };
}

function invalid({ name, keyId }: Vkey): ChainFault {
  return new ChainFault('CHECKPOINT_SIGNATURE_INVALID', `the signature by ${name}+${hexKeyId(keyId)} is not valid`, { field: 'signature' });
}
