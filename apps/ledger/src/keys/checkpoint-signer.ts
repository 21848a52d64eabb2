import type { NoteSignature, TreeHead, Vkey } from '@countersign/chain';

/**
 * Signs checkpoints. Private halves never pass this interface, so that the key service can stand behind it.
 * Nothing else signs: when the signer is away, checkpoints wait.
 */
export interface CheckpointSigner {
  /** Public keys of a log, Ed25519 first, then ML-DSA-44; made on first use. Durable on return. */
  vkeys(origin: string): Promise<readonly Vkey[]>;
  /** One signature line for each of {@link vkeys}, in that order. */
  sign(head: TreeHead, timestampSeconds: number): Promise<readonly NoteSignature[]>;
}
