import {
  buildConsistencyProof,
  buildInclusionProof,
  ChainFault,
  decodeEntry,
  formatTlogProof,
  leafHash,
  TILE_WIDTH,
  treeRoot,
  verifyConsistency,
  verifyInclusion,
  type Receipt,
} from '@countersign/chain';
import type { Consistency } from '@countersign/contracts';
import type { Ledger } from '../append/head.js';
import type { LeafRecord } from '../store/pg-read-store.js';
import { ReadFault } from '../store/read-fault.js';
import type { TileCache } from '../store/tile-cache.js';
import type { SignedHead, SignedHeads } from './signed-head.js';

export interface ProverDependencies {
  readonly leafByEventId: (ledger: Ledger, eventId: string) => Promise<LeafRecord | undefined>;
  readonly heads: SignedHeads;
  readonly tiles: TileCache;
}

/** Receipts and proofs. Each one is verified against the signed checkpoint before it is handed out. */
export class Prover {
  constructor(private readonly deps: ProverDependencies) {}

  /** The latest checkpoint, verified; undefined before the first. */
  latestHead(ledger: Ledger): Promise<SignedHead | undefined> {
    return this.deps.heads.latest(ledger);
  }

  /** The latest checkpoint, verified. Throws CHECKPOINT_NOT_YET before the first. */
  async head(ledger: Ledger): Promise<SignedHead> {
    const head = await this.latestHead(ledger);
    if (head === undefined) throw new ReadFault('CHECKPOINT_NOT_YET', 'the ledger has no checkpoint yet');
    return head;
  }

  /**
   * The receipt of a recorded event, held against the tree where a checkpoint covers it already. Throws EVENT_UNKNOWN, or
   * a ChainFault that accuses what is stored.
   */
  async receipt(ledger: Ledger, eventId: string): Promise<Receipt> {
    const record = await this.record(ledger, eventId);
    const head = await this.deps.heads.covering(ledger, record.leafIndex);
    if (head !== undefined) await this.inclusion(ledger, record, head);
    const { id, tenant, index, recordedAt } = decodeEntry(record.entry);
    return { id, tenant, index, eventHash: leafHash(record.entry).toString('hex'), recordedAt };
  }

  /**
   * A C2SP tlog-proof of an event at the latest checkpoint, or one of the last second, with the entry's bytes as its `extra` line: the file and the
   * public keys are all that a verifier needs. Throws EVENT_UNKNOWN, PROOF_NOT_YET while no checkpoint covers the event, or
   * a ChainFault that accuses what is stored.
   */
  async tlogProof(ledger: Ledger, eventId: string): Promise<string> {
    const record = await this.record(ledger, eventId);
    const { leafIndex, entry } = record;
    const head = await this.deps.heads.covering(ledger, leafIndex);
    if (head === undefined) {
      throw new ReadFault('PROOF_NOT_YET', 'the event is recorded; no checkpoint covers it yet', 'eventId');
    }
    const proof = await this.inclusion(ledger, record, head);
    return formatTlogProof({ leafIndex, proof, checkpointNote: head.note, extra: entry });
  }

  /**
   * Proof that the tree of `to` leaves extends the tree of `from`; `to` is the latest checkpoint's size when undefined.
   * Both roots are held against the signed checkpoint. Throws CHECKPOINT_NOT_YET, SIZE_NOT_YET,
   * CONSISTENCY_SIZE_DECREASES, or a ChainFault that accuses what is stored.
   */
  async consistency(ledger: Ledger, from: number, to: number | undefined): Promise<Consistency> {
    const head = await this.head(ledger);
    const newSize = to ?? head.treeSize;
    if (newSize > head.treeSize) throw new ReadFault('SIZE_NOT_YET', `the latest checkpoint has size ${head.treeSize}`, 'to');
    if (from > newSize) throw new ChainFault('CONSISTENCY_SIZE_DECREASES', 'a tree cannot extend a greater one', { field: 'from' });
    return this.afresh(ledger, async () => {
      const source = this.deps.tiles.sourceOf(ledger);
      const [oldRoot, newRoot] = await Promise.all([treeRoot(source, from), treeRoot(source, newSize)]);
      const proof = await buildConsistencyProof(source, from, newSize);
      verifyConsistency({ oldSize: from, oldRoot, newSize, newRoot, proof });
      // The later tree is tied to the signature, and through it the earlier one.
      const onward = await buildConsistencyProof(source, newSize, head.treeSize);
      verifyConsistency({ oldSize: newSize, oldRoot: newRoot, newSize: head.treeSize, newRoot: head.root, proof: onward });
      return { from, to: newSize, fromRoot: base64(oldRoot), toRoot: base64(newRoot), proof: proof.map(base64), checkpoint: head.note };
    });
  }

  /** The entry on record under an event id, once its bytes say the same. */
  private async record(ledger: Ledger, eventId: string): Promise<LeafRecord> {
    const record = await this.deps.leafByEventId(ledger, eventId);
    if (record === undefined) throw new ReadFault('EVENT_UNKNOWN', 'no event of this id is on record', 'eventId');
    const { leafIndex } = record;
    const { id, index, tenant } = decodeEntry(record.entry);
    if (id !== eventId) throw new ChainFault('EVENT_ID_MISMATCH', 'an entry is stored under the id of another event', { leafIndex });
    if (index !== leafIndex) throw new ChainFault('ENTRY_INDEX_MISMATCH', 'an entry is stored under another index', { leafIndex });
    if (tenant !== ledger.tenant) throw new ChainFault('ENTRY_TENANT_MISMATCH', 'an entry of another ledger', { leafIndex });
    return record;
  }

  private async inclusion(ledger: Ledger, { leafIndex, entry, tile }: LeafRecord, head: SignedHead): Promise<Buffer[]> {
    const { treeSize, root } = head;
    if (tile !== undefined) this.deps.tiles.add(ledger, 0, Math.floor(leafIndex / TILE_WIDTH), tile);
    return this.afresh(ledger, async () => {
      const proof = await buildInclusionProof(this.deps.tiles.sourceOf(ledger), leafIndex, treeSize);
      verifyInclusion({ leafIndex, treeSize, leafHash: leafHash(entry), proof, root });
      return proof;
    });
  }

  /** A proof that fails is built once more from the database: the cached tile may be at fault, and the stored one whole. */
  private async afresh<T>(ledger: Ledger, build: () => Promise<T>): Promise<T> {
    try {
      return await build();
    } catch (fault) {
      if (!(fault instanceof ChainFault)) throw fault;
      this.deps.tiles.forget(ledger);
      return build();
    }
  }
}

function base64(hash: Buffer): string {
  return hash.toString('base64');
}
