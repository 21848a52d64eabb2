import { ChainFault, decodeEntry, Destructions, genesisHash, leafHash, sha256Hex } from '@countersign/chain';
import type { Entry } from '@countersign/chain';
import type { Findings } from './findings.js';

export interface EntryRow {
  readonly leaf_index: string;
  readonly event_id: string;
  readonly entry: Buffer;
  readonly data_part: Buffer | null;
  readonly personal_parts: readonly (Buffer | null)[] | null;
}

/** Walks the rows of a ledger's entries in their order, each decoded whole, and goes on after a fault. */
export class EntryWalk {
  private next = 0;
  private lastHash: string;
  private recordedAt = '';
  private readonly destructions = new Destructions();

  constructor(
    private readonly ledger: { readonly tenant: string; readonly origin: string },
    private readonly treeSize: number,
    private readonly findings: Findings,
  ) {
    this.lastHash = genesisHash(ledger.origin);
  }

  /** Index of the entry that should come next. */
  get nextIndex(): number {
    return this.next;
  }

  /** Hex hash of the last entry walked, and when it was recorded. */
  get last(): { readonly eventHash: string; readonly recordedAt: string } {
    return { eventHash: this.lastHash, recordedAt: this.recordedAt };
  }

  /** Checks one row. Returns its leaf hash, or undefined for an entry beyond the head. */
  row(row: EntryRow): Buffer | undefined {
    const at = Number(row.leaf_index);
    if (at > this.next) this.findings.add('ENTRY_MISSING', at - this.next === 1 ? 'the entry is not there' : `entries ${this.next} to ${at - 1} are not there`, this.next);
    if (at >= this.treeSize) {
      this.findings.add('ENTRY_BEYOND_HEAD', `the head says that there are ${this.treeSize} entries`, at);
      return undefined;
    }
    const isAfterGap = at !== this.next;
    const hash = leafHash(row.entry);
    const entry = this.decode(row, at);
    if (entry !== undefined) this.check(entry, row, at, isAfterGap);
    this.next = at + 1;
    this.lastHash = hash.toString('hex');
    return hash;
  }

  finish(): void {
    if (this.next < this.treeSize) this.findings.add('TAIL_MISSING', `the head says that there are ${this.treeSize} entries`, this.next);
    for (const { leafIndex, name } of this.destructions.unlawful()) this.findings.add('PART_MISSING', `lacks a part named ${name}, and nothing says that it was destroyed`, leafIndex);
  }

  private decode(row: EntryRow, at: number): Entry | undefined {
    try {
      return decodeEntry(row.entry);
    } catch (fault) {
      if (!(fault instanceof ChainFault)) throw fault;
      this.findings.add(fault.code, fault.message, at);
      return undefined;
    }
  }

  private check(entry: Entry, row: EntryRow, at: number, isAfterGap: boolean): void {
    if (entry.index !== at) this.findings.add('ENTRY_INDEX_MISMATCH', `says that it is entry ${entry.index}`, at);
    if (entry.tenant !== this.ledger.tenant) this.findings.add('ENTRY_TENANT_MISMATCH', `belongs to ledger ${entry.tenant}`, at);
    if (entry.id !== row.event_id) this.findings.add('EVENT_ID_MISMATCH', 'is stored under another event id', at);
    if (!isAfterGap && entry.previousEventHash !== this.lastHash) this.findings.add('CHAIN_LINK_BROKEN', 'does not follow from the entry before', at);
    if (entry.recordedAt < this.recordedAt) this.findings.add('RECORDED_AT_DECREASES', 'was recorded before the entry before', at);
    else this.recordedAt = entry.recordedAt;
    this.checkParts(entry, row, at);
  }

  private checkParts({ parts, type }: Entry, row: EntryRow, at: number): void {
    const personal = row.personal_parts ?? [];
    let personalAt = 0;
    for (const { name, digest, bytes } of parts) {
      const stored = name === 'data' ? row.data_part : (personal[personalAt++] ?? null);
      if (stored === null) this.destructions.missing(at, name, type);
      else if (stored.length !== bytes || sha256Hex(stored) !== digest) this.findings.add('PART_ALTERED', `a part named ${name} has not the digest that the entry lists`, at);
    }
    // Only entries of the ledger's own types say anything here.
    this.destructions.stated(at, type, row.data_part);
    const hasData = parts.some(({ name }) => name === 'data');
    if (personal.length > personalAt || (row.data_part !== null && !hasData)) this.findings.add('PART_UNEXPECTED', 'has a part that it does not list', at);
  }
}
