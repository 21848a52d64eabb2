import { ChainFault, verifyCheckpoint } from '@countersign/chain';
import { LRUCache } from 'lru-cache';
import type { Ledger } from '../append/head.js';
import type { CheckpointSigner } from '../keys/checkpoint-signer.js';
import type { StoredCheckpoint } from '../store/pg-read-store.js';

const HEADS_CACHED_MAX = 10_000;

/** A checkpoint whose signatures were verified: what proofs lead to. */
export interface SignedHead {
  readonly treeSize: number;
  readonly root: Buffer;
  readonly note: string;
}

export interface SignedHeadDependencies {
  readonly latestCheckpoint: (ledger: Ledger) => Promise<StoredCheckpoint | undefined>;
  readonly signer: Pick<CheckpointSigner, 'vkeys'>;
}

/** The latest checkpoint of each ledger; each note is verified once. */
export class SignedHeads {
  private readonly verified = new LRUCache<number, SignedHead>({ max: HEADS_CACHED_MAX });

  constructor(private readonly deps: SignedHeadDependencies) {}

  /**
   * The ledger's latest checkpoint; undefined before the first. Throws NOTE_MALFORMED or CHECKPOINT_*: whoever can write
   * to the database cannot make this service hand out a head that the ledger's keys did not sign.
   */
  async latest(ledger: Ledger): Promise<SignedHead | undefined> {
    const stored = await this.deps.latestCheckpoint(ledger);
    if (stored === undefined) return undefined;
    const known = this.verified.get(ledger.ledgerId);
    if (known !== undefined && known.note === stored.note && known.treeSize === stored.treeSize) return known;
    const vkeys = await this.deps.signer.vkeys(ledger.origin);
    const { treeSize, root } = verifyCheckpoint(stored.note, { origin: ledger.origin, vkeys });
    if (treeSize !== stored.treeSize) {
      throw new ChainFault('CHECKPOINT_ALTERED', 'a checkpoint is stored under another size than it states', { treeSize });
    }
    const head = { treeSize, root, note: stored.note };
    this.verified.set(ledger.ledgerId, head);
    return head;
  }
}
