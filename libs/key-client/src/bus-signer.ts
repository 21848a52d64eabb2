import { parseVkey, type NoteSignature, type TreeHead, type Vkey } from '@countersign/chain';
import { KeyClientError } from './key-client-error.js';
import type { KeyClient } from './key-client.js';

/** Consistency proof from the tree of `oldSize` leaves, which is not empty, to the larger one being signed (RFC 6962 §2.1.2). */
export type Prove = (oldSize: number) => Promise<readonly Uint8Array[]>;

/** A tree that was signed. */
export interface SignedTree {
  readonly treeSize: number;
  readonly root: Buffer;
}

interface Known {
  readonly vkeys: readonly Vkey[];
  /** Size of the tree that the key service signed last. */
  signedSize: number;
}

/**
 * Has checkpoints signed by the key service, which refuses a tree that does not extend the one it signed last: a second
 * lock against a fork, in another process and another database.
 */
export class BusSigner {
  readonly #logs = new Map<string, Promise<Known>>();

  constructor(private readonly client: KeyClient) {}

  /** Public keys of a log, Ed25519 first, then ML-DSA-44; made on first use. Durable on return. Throws KeyClientError. */
  async vkeys(origin: string): Promise<readonly Vkey[]> {
    return (await this.#known(origin)).vkeys;
  }

  /** Size of the tree that the key service signed last, as far as this process knows; 0 before the first. Throws KeyClientError. */
  async signedSize(origin: string): Promise<number> {
    return (await this.#known(origin)).signedSize;
  }

  /** The tree that the key service signed last, asked for now; undefined before the first. Throws KeyClientError. */
  async lastSigned(origin: string): Promise<SignedTree | undefined> {
    const { signedSize, signedRoot } = (await this.client.ask('vkeys', { origin })).result;
    return signedRoot === undefined ? undefined : { treeSize: signedSize, root: Buffer.from(signedRoot, 'base64') };
  }

  /**
   * One signature line for each of {@link vkeys}, in that order. `prove` is asked for the proof from the tree signed last.
   * Throws KeyClientError, CHECKPOINT_INCONSISTENT above all.
   */
  async sign(head: TreeHead, timestampSeconds: number, prove: Prove): Promise<readonly NoteSignature[]> {
    const known = await this.#known(head.origin);
    try {
      return await this.#ask(known, head, timestampSeconds, prove);
    } catch (error) {
      // Another instance has signed, or an answer was lost after the signature: go on from there.
      const moved = error instanceof KeyClientError && error.code === 'CHECKPOINT_BASE_MOVED' ? error.detail.signedSize : undefined;
      if (moved === undefined || moved > head.treeSize) throw error;
      known.signedSize = moved;
      return this.#ask(known, head, timestampSeconds, prove);
    }
  }

  async #ask(known: Known, head: TreeHead, timestampSeconds: number, prove: Prove): Promise<readonly NoteSignature[]> {
    const { origin, treeSize, root } = head;
    const oldSize = known.signedSize;
    const proof = oldSize === 0 || oldSize >= treeSize ? [] : await prove(oldSize);
    const { result } = await this.client.ask('sign-checkpoint', {
      origin,
      treeSize,
      root: root.toString('base64'),
      timestampSeconds,
      oldSize,
      proof: proof.map((hash) => Buffer.from(hash).toString('base64')),
    });
    known.signedSize = treeSize;
    return result.signatures.map(({ name, keyId, signature }) => ({ name, keyId, signature: Buffer.from(signature, 'base64') }));
  }

  #known(origin: string): Promise<Known> {
    let known = this.#logs.get(origin);
    if (known === undefined) {
      known = this.client.ask('vkeys', { origin }).then(({ result }) => ({ vkeys: result.vkeys.map(parseVkey), signedSize: result.signedSize }));
      known.catch(() => this.#logs.delete(origin));
      this.#logs.set(origin, known);
    }
    return known;
  }
}
