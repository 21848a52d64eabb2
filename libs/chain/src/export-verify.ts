import { ChainVerifier } from './chain-verifier.js';
import { verifyCheckpoint } from './checkpoint.js';
import type { VerifiedCheckpoint } from './checkpoint.js';
import { ExportDecoder, isCanonicalJson } from './export-decoder.js';
import type { ExportRecord } from './export-decoder.js';
import type { ExportedEntry, ExportHeader } from './export-format.js';
import { ChainFault } from './fault.js';
import { EMPTY_ROOT } from './hash.js';
import { scanEntryStrictly } from './verify-entry.js';
import type { Vkey } from './vkey.js';

/** A tree that this verifier itself verified before. */
export interface SeenTree {
  readonly treeSize: number;
  readonly root: Uint8Array;
}

export interface VerifyExportOptions {
  /** The ledger's public keys, got from somewhere else than the file. Every one of them must have signed. */
  readonly vkeys: readonly Vkey[];
  readonly lastSeen?: SeenTree | undefined;
}

/** What a whole, verified export says. */
export interface VerifiedExport extends ExportHeader {
  readonly root: Buffer;
  readonly checkpoint: VerifiedCheckpoint;
  /** The signed note, verbatim. */
  readonly note: string;
  /** Hex digest of all lines but the last. */
  readonly sha256: string;
  /** `recordedAt` of the last entry; absent for an empty ledger. */
  readonly lastRecordedAt?: string;
}

/**
 * Verifies an export offline, in bounded memory: every line's form, every entry's shape, index, tenant, link and parts,
 * the recomputed root against the checkpoint that every given key signed, and the tree of `lastSeen` as a part of this
 * one. The first thing that does not hold is thrown as a ChainFault with its `detail.leafIndex`, where it has one.
 */
export async function verifyExport(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: VerifyExportOptions,
): Promise<VerifiedExport> {
  const verifier = new ExportVerifier(options);
  for await (const chunk of chunks) verifier.push(chunk);
  return verifier.finish();
}

/** {@link verifyExport} for a caller that drives: push every chunk, then finish. */
export class ExportVerifier {
  private readonly decoder = new ExportDecoder();
  private readonly options: VerifyExportOptions;
  private header: ExportHeader | undefined;
  private chain: ChainVerifier | undefined;
  private rootAtLastSeen: Buffer | undefined;
  private tenantDiffers = false;
  private verified: Omit<VerifiedExport, 'sha256'> | undefined;
  private sha256 = '';

  constructor(options: VerifyExportOptions) {
    this.options = options;
  }

  /** Entries read so far, and how many the header promises. */
  get progress(): { readonly entries: number; readonly treeSize: number } {
    return { entries: this.chain?.nextIndex ?? 0, treeSize: this.header?.treeSize ?? 0 };
  }

  push(chunk: Uint8Array): void {
    this.judged(() => {
      for (const record of this.decoder.push(chunk)) this.take(record);
    });
  }

  finish(): VerifiedExport {
    this.judged(() => this.decoder.finish());
    // The decoder ends only after header, checkpoint and digest.
    return { ...this.verified!, sha256: this.sha256 };
  }

  private take(record: ExportRecord): void {
    switch (record.kind) {
      case 'header':
        return this.begin(record.header);
      case 'entry':
        return this.add(record);
      case 'checkpoint':
        return this.close(record.note);
      case 'digest':
        this.sha256 = record.sha256;
    }
  }

  private begin(header: ExportHeader): void {
    // A log's key has the origin as its name (C2SP tlog-checkpoint), so the keys say which ledger is meant.
    if (this.options.vkeys.length > 0 && !this.options.vkeys.some(({ name }) => name === header.origin)) {
      throw new ChainFault('CHECKPOINT_ORIGIN_MISMATCH', 'the export is of a ledger that no given key names', { field: 'origin' });
    }
    this.header = header;
    this.rememberRoot(0, () => EMPTY_ROOT);
  }

  private add(record: ExportedEntry): void {
    this.chain ??= this.startChain(record.entry);
    try {
      this.chain.add(record);
    } catch (fault) {
      throw isFault(fault, 'ENTRY_MALFORMED') ? unlessCanonical(record.entry, fault) : fault;
    }
    const chain = this.chain;
    this.rememberRoot(chain.nextIndex, () => chain.root());
  }

  private startChain(firstEntry: Buffer): ChainVerifier {
    const { origin, tenant, treeSize } = this.header!;
    // Header and entry 0 disagree on the tenant: which of them was changed, only what follows can tell.
    const own = tenantOf(firstEntry) ?? tenant;
    this.tenantDiffers = own !== tenant;
    return new ChainVerifier({ tenant: own, origin, treeSize });
  }

  private rememberRoot(treeSize: number, root: () => Buffer): void {
    if (treeSize === this.options.lastSeen?.treeSize) this.rootAtLastSeen = root();
  }

  private close(note: string): void {
    const header = this.header!;
    const checkpoint = verifyCheckpoint(note, { origin: header.origin, vkeys: this.options.vkeys });
    const count = this.chain?.nextIndex ?? 0;
    this.chain?.finish(count === checkpoint.treeSize ? checkpoint.root : undefined);
    requireSize(count, header, checkpoint);
    const root = this.chain?.root() ?? Buffer.from(EMPTY_ROOT);
    if (!root.equals(checkpoint.root)) {
      throw new ChainFault('ROOT_MISMATCH', 'the entries make another tree than the checkpoint states', { treeSize: count });
    }
    this.compareWithLastSeen(checkpoint);
    if (this.tenantDiffers) throw new ChainFault('EXPORT_MALFORMED', 'the header names another tenant than the entries', { field: 'tenant' });
    const whole = { ...header, root, checkpoint, note };
    const lastRecordedAt = this.chain?.state().recordedAt;
    this.verified = lastRecordedAt === undefined ? whole : { ...whole, lastRecordedAt };
  }

  private compareWithLastSeen({ treeSize }: VerifiedCheckpoint): void {
    const seen = this.options.lastSeen;
    if (seen === undefined) return;
    if (treeSize < seen.treeSize) {
      throw new ChainFault('LEDGER_ROLLED_BACK', `the ledger had ${seen.treeSize} entries before and has ${treeSize} now`, { treeSize });
    }
    if (this.rootAtLastSeen?.equals(seen.root) !== true) {
      const message = `the first ${seen.treeSize} entries are not those that were verified before`;
      throw new ChainFault('HISTORY_REWRITTEN', message, { treeSize: seen.treeSize });
    }
  }

  /** Of the decoder's fault and one that the chain still holds back, the chain's is the earlier in the file. */
  private judged(run: () => void): void {
    try {
      run();
    } catch (fault) {
      const first = fault instanceof ChainFault && fault.code.startsWith('EXPORT_') ? this.heldBack(fault) : fault;
      throw this.tenantDiffers && isEntryFault(first)
        ? new ChainFault('ENTRY_TENANT_MISMATCH', 'entry 0 belongs to another ledger', { leafIndex: 0 })
        : first;
    }
  }

  private heldBack(fault: ChainFault): unknown {
    try {
      if (this.verified === undefined) this.chain?.finishStretch();
      return fault;
    } catch (earlier) {
      return earlier;
    }
  }
}

function requireSize(count: number, header: ExportHeader, checkpoint: VerifiedCheckpoint): void {
  const { treeSize } = checkpoint;
  if (count < treeSize) {
    throw new ChainFault('TAIL_MISSING', `the checkpoint speaks of ${treeSize} entries, the export ends after ${count}`, { leafIndex: count, treeSize });
  }
  if (count > treeSize) {
    throw new ChainFault('ENTRY_BEYOND_HEAD', `entry ${treeSize} is not covered by the checkpoint`, { leafIndex: treeSize, treeSize });
  }
  if (header.treeSize !== treeSize) {
    const message = `the header speaks of ${header.treeSize} entries, the checkpoint of ${treeSize}`;
    throw new ChainFault('EXPORT_MALFORMED', message, { field: 'treeSize', treeSize });
  }
}

function tenantOf(entry: Buffer): string | undefined {
  try {
    return scanEntryStrictly(entry, 0).tenant;
  } catch {
    return undefined;
  }
}

/** An entry that is no canonical JSON at all is a broken file; one that is, but not of an entry's shape, a bad entry. */
function unlessCanonical(entry: Buffer, fault: ChainFault): ChainFault {
  if (isCanonicalJson(entry.toString('utf8'))) return fault;
  return new ChainFault('EXPORT_MALFORMED', `entry ${fault.detail.leafIndex} is not canonical JSON`, fault.detail);
}

function isFault(error: unknown, code: ChainFault['code']): error is ChainFault {
  return error instanceof ChainFault && error.code === code;
}

function isEntryFault(fault: unknown): boolean {
  return fault instanceof ChainFault && /^(ENTRY_|CHAIN_|ROOT_)/.test(fault.code);
}
