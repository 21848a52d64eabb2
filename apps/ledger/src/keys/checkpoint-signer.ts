import type { NoteSignature, TreeHead, Vkey } from '@countersign/chain';

/** Consistency proof from the tree of `oldSize` leaves to the one being signed (RFC 6962 §2.1.2). */
export type Prove = (oldSize: number) => Promise<readonly Uint8Array[]>;

/** A tree that was signed. */
export interface SignedTree {
  readonly treeSize: number;
  readonly root: Buffer;
}

/**
 * Signs checkpoints. Private halves never pass this interface, so that the key service stands behind it.
 * Nothing else signs: when the signer is away, checkpoints wait.
 */
export interface CheckpointSigner {
  /** Public keys of a log, Ed25519 first, then ML-DSA-44; made on first use. Durable on return. */
  vkeys(origin: string): Promise<readonly Vkey[]>;
  /**
   * One signature line for each of {@link vkeys}, in that order. A signer that remembers what it signed last asks for a proof,
   * and throws ChainFault LEDGER_ROLLED_BACK or HISTORY_REWRITTEN when the tree does not extend it.
   */
  sign(head: TreeHead, timestampSeconds: number, prove: Prove): Promise<readonly NoteSignature[]>;
  /**
   * The last tree that it signed, as it remembers it itself; undefined when it remembers none, or cannot be asked now. Throws
   * KeyClientError in that case when the answer `isNeeded`.
   */
  lastSigned(origin: string, isNeeded?: boolean): Promise<SignedTree | undefined>;
}
