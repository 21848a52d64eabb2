import { ChainFault, verifyCheckpoint } from '@countersign/chain';
import { LRUCache } from 'lru-cache';
import type { Ledger } from '../append/head.js';
import type { CheckpointSigner } from '../keys/checkpoint-signer.js';
import type { StoredCheckpoint } from '../store/pg-read-store.js';

const HEADS_CACHED_MAX = 10_000;
/** How long a head serves proofs of what it covers before it is read again. */
const HEAD_FRESH_MS = 1_000;

/** A checkpoint whose signatures were verified: what proofs lead to. */
export interface SignedHead {
  readonly treeSize: number;
  readonly root: Buffer;
  readonly note: string;
}

export interface SignedHeadDependencies {
  readonly latestCheckpoint: (ledger: Ledger) => Promise<StoredCheckpoint | undefined>;
  readonly signer: Pick<CheckpointSigner, 'vkeys'>;
  /** A clock that never goes back, in milliseconds. */
  readonly nowMs: () => number;
}

/** The latest checkpoint of each ledger; each note is verified once. */
export class SignedHeads {
  private readonly verified = new LRUCache<number, SignedHead & { readonly readAtMs: number }>({ max: HEADS_CACHED_MAX });

  constructor(private readonly deps: SignedHeadDependencies) {}

  /**
   * The ledger's latest checkpoint; undefined before the first. Throws NOTE_MALFORMED or CHECKPOINT_*: whoever can write
   * to the database cannot make this service hand out a head that the ledger's keys did not sign.
   */
  async latest(ledger: Ledger): Promise<SignedHead | undefined> {
    const stored = await this.deps.latestCheckpoint(ledger);
    if (stored === undefined) return undefined;
    const known = this.verified.get(ledger.ledgerId);
    if (known !== undefined && known.note === stored.note && known.treeSize === stored.treeSize) return this.keep(ledger, known);
    const vkeys = await this.deps.signer.vkeys(ledger.origin);
    const { treeSize, root } = verifyCheckpoint(stored.note, { origin: ledger.origin, vkeys });
    if (treeSize !== stored.treeSize) {
      throw new ChainFault('CHECKPOINT_ALTERED', 'a checkpoint is stored under another size than it states', { treeSize });
    }
    return this.keep(ledger, { treeSize, root, note: stored.note });
  }

  /**
   * A checkpoint that covers a leaf: the one last verified when it does and was read within a second, else the latest.
   * Throws as {@link latest} does. Undefined when no checkpoint covers it yet.
   */
  async covering(ledger: Ledger, leafIndex: number): Promise<SignedHead | undefined> {
    const known = this.verified.get(ledger.ledgerId);
    if (known !== undefined && leafIndex < known.treeSize && this.deps.nowMs() - known.readAtMs < HEAD_FRESH_MS) return known;
    const latest = await this.latest(ledger);
    return latest !== undefined && leafIndex < latest.treeSize ? latest : undefined;
  }

  private keep(ledger: Ledger, { treeSize, root, note }: SignedHead): SignedHead {
    const head = { treeSize, root, note, readAtMs: this.deps.nowMs() };
    this.verified.set(ledger.ledgerId, head);
    return head;
  }
}
