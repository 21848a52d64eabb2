import { setTimeout as sleep } from 'node:timers/promises';
import { ChainFault, decodeEntry, formatVkey, SALT_BYTES, type Vkey } from '@countersign/chain';
import type { HeldRecord } from '@countersign/contracts';
import type { Ledger } from '../append/head.js';
import type { Prover } from '../prove/prover.js';
import type { EntryRecord } from '../store/pg-read-store.js';
import { ReadFault } from '../store/read-fault.js';

export type EntryProof = NonNullable<HeldRecord['proof']>;

/** A checkpoint follows an append within a second. */
const CHECKPOINT_MS_MAX = 15_000;
const POLL_MS = 100;

/** Proofs of a person's entries, as he takes them away. */
export class EntryProofs {
  constructor(
    private readonly prover: Prover,
    private readonly vkeys: (ledger: Ledger) => Promise<readonly Vkey[]>,
    /** Told of an entry that cannot be proved. */
    private readonly onUnproved: (error: unknown, index: number) => void,
  ) {}

  /**
   * In the order of `records`. Waits for the checkpoint that covers the last of them. Undefined where none comes, or what is stored does not
   * lead to what was signed: the person gets the entry all the same, and sees that it was not proved.
   */
  async of(ledger: Ledger, records: readonly EntryRecord[]): Promise<(EntryProof | undefined)[]> {
    if (records.length === 0) return [];
    const keys = (await this.vkeys(ledger)).map(({ name, type, publicKey }) => formatVkey(name, type, publicKey));
    const endMs = performance.now() + CHECKPOINT_MS_MAX;
    const proofs: (EntryProof | undefined)[] = [];
    for (const record of records) proofs.push(await this.#proof(ledger, record, keys, endMs));
    return proofs;
  }

  async #proof(ledger: Ledger, record: EntryRecord, keys: string[], endMs: number): Promise<EntryProof | undefined> {
    try {
      const { id, parts } = decodeEntry(record.entry);
      const tlog = await this.#tlog(ledger, id, endMs);
      let personal = 0;
      const salts = parts.map(({ name, enc }) => {
        const stored = name === 'data' ? record.data : record.personal[personal++];
        return enc === 'salted' && stored != null ? Buffer.from(stored.subarray(0, SALT_BYTES)).toString('base64') : null;
      });
      return { tlog, keys, salts };
    } catch (error) {
      if (!(error instanceof ChainFault || error instanceof ReadFault)) throw error;
      this.onUnproved(error, record.leafIndex);
      return undefined;
    }
  }

  async #tlog(ledger: Ledger, eventId: string, endMs: number): Promise<string> {
    for (;;) {
      try {
        return await this.prover.tlogProof(ledger, eventId);
      } catch (error) {
        if (!(error instanceof ReadFault) || error.code !== 'PROOF_NOT_YET' || performance.now() > endMs) throw error;
        await sleep(POLL_MS);
      }
    }
  }
}
