import { Destructions, DESTRUCTION_ORDERED, DESTRUCTION_RECALLED } from './destructions.js';
import { ChainFault } from './fault.js';
import { genesisHash, HASH_BYTES, sha256Hex } from './hash.js';
import { PackedEntry } from './packed-entry.js';
import { QuickCheck } from './quick-check.js';
import { RightEdge, type FullTile } from './right-edge.js';
import type { StoredEntry } from './stored-entry.js';
import { leafHashHex, scanEntry, scanEntryStrictly, scanParts, scanType, type ScannedEntry, type ScannedPart } from './verify-entry.js';

/** A verified state to go on from: everything before `index` was verified by whoever kept this. */
export interface VerifiedState {
  readonly index: number;
  readonly previousEventHash: string;
  readonly recordedAt: string;
  readonly edge: RightEdge;
}

export interface ChainVerifierOptions {
  readonly tenant: string;
  readonly origin: string;
  /** Where to start; the beginning when absent. */
  readonly start?: VerifiedState;
  /** When it is known beforehand, {@link ChainVerifier.finish} can tell which of the last two entries was altered. */
  readonly treeSize?: number;
  /** `strict`, the default, checks every field's form; `scan` only what the chain needs, at twice the speed. */
  readonly shape?: 'strict' | 'scan';
}

interface PartMismatch {
  readonly leafIndex: number;
  readonly expected: string;
  readonly actual: string;
}

/** Two entries that do not join: one of them was altered, and the entry after them tells which. */
interface BrokenLink {
  readonly leafIndex: number;
  readonly claimedHash: string;
  readonly entryHash: string;
}

/** An entry that says another index than its place: the entry after it tells whether others were put in before. */
interface Misplaced {
  readonly leafIndex: number;
  readonly says: number;
  readonly entryHash: string;
}

const PART_MISMATCHES_MAX = 1_000;
/** How an entry ends that says which parts were destroyed. Only the ledger itself has entries of these types (bus, "Who may send what"). */
const STATEMENT_ENDS = [DESTRUCTION_ORDERED, DESTRUCTION_RECALLED].map((type) => Buffer.from(`"type":"${type}","v":1}`));
/** Nearly every entry differs here already. */
const TELLING_BYTES = 12;

/**
 * Recomputes a ledger from its stored entries, one by one from the first or from a verified state: shape, index,
 * tenant, link, leaf hash, parts and tree. The first thing that does not hold is thrown as a ChainFault whose
 * `detail.leafIndex` is the first bad entry. What holds here still has to be held against a signed checkpoint:
 * somebody who rewrites everything makes a chain that is whole.
 */
export class ChainVerifier {
  private readonly tenant: string;
  private readonly treeSize: number | undefined;
  private readonly scan: typeof scanEntry;
  /** Only where the form of an entry may be left to the signed root. */
  private readonly quick: QuickCheck | undefined;
  private edge: RightEdge;
  private index: number;
  private readonly lastHash = Buffer.alloc(HASH_BYTES);
  private lastRecordedAt: string;
  private broken: BrokenLink | undefined;
  private misplaced: Misplaced | undefined;
  private readonly partMismatches: PartMismatch[] = [];
  private penultimate: RightEdge | undefined;
  /** Parts that are not stored, and what allows it; to be judged over the whole ledger. */
  readonly destructions = new Destructions();

  constructor({ tenant, origin, start, treeSize, shape = 'strict' }: ChainVerifierOptions) {
    this.tenant = tenant;
    this.treeSize = treeSize;
    this.scan = shape === 'strict' ? scanEntryStrictly : scanEntry;
    this.quick = shape === 'strict' ? undefined : new QuickCheck(tenant);
    this.edge = start?.edge.clone() ?? RightEdge.empty();
    this.index = start?.index ?? 0;
    this.lastHash.write(start?.previousEventHash ?? genesisHash(origin), 'hex');
    this.lastRecordedAt = start?.recordedAt ?? '';
  }

  /** Whether something was met that only the next entry, or a signed root, can judge. */
  get isUndecided(): boolean {
    return this.broken !== undefined || this.misplaced !== undefined;
  }

  /** Index of the entry that comes next. */
  get nextIndex(): number {
    return this.index;
  }

  /** Verifies the next entry. Returns the full tiles that it completed, as recomputed. */
  add(stored: StoredEntry): readonly FullTile[] {
    if (this.quick !== undefined && stored instanceof PackedEntry && this.holds(stored, this.quick)) {
      stored.leafHashInto(this.lastHash);
      this.readStatement(stored.bytes, stored.entryAt, stored.entryEnd, stored);
      return this.extend();
    }
    try {
      return this.verify(stored);
    } catch (fault) {
      throw this.earliest(fault);
    }
  }

  /** Nearly every entry is decided here; {@link verify} makes the same checks, and says what does not hold. */
  private holds(packed: PackedEntry, quick: QuickCheck): boolean {
    if (this.isUndecided || !quick.holds(packed, this.index, this.lastHash, this.lastRecordedAt)) return false;
    this.lastRecordedAt = quick.recordedAt;
    return true;
  }

  private verify(stored: StoredEntry): readonly FullTile[] {
    const leafIndex = this.index;
    if (stored.leafIndex !== undefined && stored.leafIndex !== leafIndex) this.wrongKey(stored.leafIndex, stored.entry);
    const scanned = this.scan(stored.entry, leafIndex);
    if (this.misplaced !== undefined) throw this.placeFault(scanned);
    if (scanned.index !== leafIndex) {
      this.judgeBrokenLink(scanned.previousEventHash);
      return this.hold(scanned, stored.entry);
    }
    if (scanned.tenant !== this.tenant) fail('ENTRY_TENANT_MISMATCH', leafIndex, 'belongs to another ledger');
    if (stored.eventId !== undefined && stored.eventId !== scanned.id) {
      fail('EVENT_ID_MISMATCH', leafIndex, 'is stored under another event id than its own');
    }
    const entryHash = leafHashHex(stored.entry);
    this.judgeBrokenLink(scanned.previousEventHash);
    if (scanned.previousEventHash !== this.lastHash.toString('hex')) {
      const claimedHash = scanned.previousEventHash;
      this.broken = { leafIndex, claimedHash, entryHash };
    }
    // An entry that does not join either is altered, or follows one that is: what comes next names it.
    if (scanned.recordedAt < this.lastRecordedAt && this.broken === undefined) fail('RECORDED_AT_DECREASES', leafIndex, 'was recorded before the entry that it follows');
    this.verifyParts(stored, scanned.parts, leafIndex);
    this.readStatement(stored.entry, 0, stored.entry.length, stored);
    this.lastHash.write(entryHash, 'hex');
    this.lastRecordedAt = scanned.recordedAt;
    return this.extend();
  }

  /** Adds the last hash to the tree. */
  private extend(): readonly FullTile[] {
    if (this.index + 2 === this.treeSize) this.penultimate = this.edge.clone();
    this.index += 1;
    return this.edge.append(this.lastHash);
  }

  /**
   * Ends the pass over a whole ledger and throws what was still open, parts that nothing allows to be missing among it. `root`, from a
   * verified checkpoint of exactly this size, decides between the last two entries when they do not join.
   */
  finish(root?: Uint8Array): void {
    const missing = this.destructions.firstUnlawful();
    const unlawful = missing === undefined ? undefined : lackingPart(missing);
    try {
      this.finishStretch(root);
    } catch (fault) {
      throw unlawful !== undefined && fault instanceof ChainFault && indexOf(unlawful) < indexOf(fault) ? unlawful : fault;
    }
    if (unlawful !== undefined) throw unlawful;
  }

  /** The same for a stretch: what allows a part to be missing may stand behind it, and {@link destructions} is for the caller to judge. */
  finishStretch(root?: Uint8Array): void {
    if (this.broken !== undefined) {
      const fault = this.openLinkFault(root);
      this.broken = undefined;
      throw this.earliest(fault);
    }
    const first = this.open();
    if (first !== undefined) throw first;
  }

  /** Of `fault` and what is still open, whatever accuses the lowest index: it was met earlier, and waited for proof. */
  earliest(fault: unknown): unknown {
    if (!(fault instanceof ChainFault)) return fault;
    const open = this.open();
    return open !== undefined && indexOf(open) <= indexOf(fault) ? open : fault;
  }

  /** Root over everything added so far. */
  root(): Buffer {
    return this.edge.root();
  }

  /** Hashes of the partial tile at `level`, as recomputed. */
  partialTile(level: number): Buffer {
    return this.edge.partialTile(level);
  }

  /** What a later pass may start from. Only meaningful once everything so far was held against a checkpoint. */
  state(): VerifiedState {
    return { index: this.index, previousEventHash: this.lastHash.toString('hex'), recordedAt: this.lastRecordedAt, edge: this.edge.clone() };
  }

  /**
   * Entry k does not carry the hash of entry k-1. If entry k+1 carries the hash of k, then k stands as it was written
   * and k-1 was altered; if not, k itself was.
   */
  private judgeBrokenLink(nextClaim: string): void {
    if (this.broken === undefined) return;
    const { leafIndex, entryHash } = this.broken;
    this.broken = undefined;
    if (nextClaim !== entryHash) throw altered(leafIndex);
    // Before entry 0 is no entry, only the origin: a chain that holds from here on was begun for another ledger.
    if (leafIndex === 0) fail('CHAIN_LINK_BROKEN', leafIndex, 'does not start at the origin of this ledger');
    throw altered(leafIndex - 1);
  }

  private hold({ index: says }: ScannedEntry, entry: Buffer): readonly FullTile[] {
    this.misplaced = { leafIndex: this.index, says, entryHash: leafHashHex(entry) };
    this.index += 1;
    return [];
  }

  /**
   * Entry k says that it is j. If j < k, and the next entry follows it in index and link, then both were moved up, and
   * what stands at j to k-1 was put in. It may join the entries before; it has no place in the chain that follows.
   */
  private placeFault(next?: ScannedEntry): ChainFault {
    const { leafIndex, says, entryHash } = this.misplaced!;
    const isMovedUp = says < leafIndex && next?.index === says + 1 && next.previousEventHash === entryHash && entryHash !== this.lastHash.toString('hex');
    this.misplaced = undefined;
    return isMovedUp
      ? new ChainFault('ENTRY_INSERTED', `entry ${says} was put in: the one that was chained there stands at ${leafIndex}`, { leafIndex: says, treeSize: leafIndex })
      : new ChainFault('ENTRY_INDEX_MISMATCH', `entry ${leafIndex} says that it is entry ${says}`, { leafIndex });
  }

  private wrongKey(storedUnder: number, entry: Buffer): never {
    const leafIndex = this.index;
    // Which of two that claim one place is the right one does not matter to whoever looks it up there.
    const isSecond = storedUnder === leafIndex - 1 && this.scan(entry, leafIndex).index === storedUnder;
    if (isSecond) fail('ENTRY_INDEX_MISMATCH', storedUnder, 'stands there twice');
    if (storedUnder > leafIndex) {
      throw new ChainFault('ENTRY_MISSING', `entry ${leafIndex} is not there, the next is ${storedUnder}`, { leafIndex, treeSize: storedUnder });
    }
    fail('ENTRY_INDEX_MISMATCH', leafIndex, `is stored under ${storedUnder}`);
  }

  private verifyParts(stored: StoredEntry, parts: string, leafIndex: number): void {
    let personal = 0;
    let data = 0;
    if (parts !== '') {
      for (const part of scanParts(parts, leafIndex)) {
        const bytes = part.name === 'data' ? stored.data : stored.personal[personal];
        if (part.name === 'data') data += 1;
        else personal += 1;
        if (bytes === null || bytes === undefined) this.destructions.missing(leafIndex, part.name, scanType(stored.entry, leafIndex));
        else this.verifyPart(part, bytes, leafIndex);
      }
    }
    if (stored.personal.length > personal || (stored.data !== null && data !== 1)) {
      fail('PART_UNEXPECTED', leafIndex, 'has a part that it does not list');
    }
  }

  private readStatement(bytes: Buffer, start: number, end: number, stored: StoredEntry): void {
    for (const expected of STATEMENT_ENDS) {
      if (bytes[end - TELLING_BYTES] !== expected[expected.length - TELLING_BYTES] || end - start < expected.length) continue;
      if (expected.equals(bytes.subarray(end - expected.length, end))) this.destructions.stated(this.index, scanType(bytes.subarray(start, end), this.index), stored.data);
    }
  }

  private verifyPart(part: ScannedPart, bytes: Uint8Array, leafIndex: number): void {
    const actual = sha256Hex(bytes);
    if (actual === part.digest && bytes.length === part.bytes) return;
    // Kept, not thrown: a part found under another entry is a swap, and only the rest of the pass can tell.
    if (this.partMismatches.length < PART_MISMATCHES_MAX) this.partMismatches.push({ leafIndex, expected: part.digest, actual });
  }

  private firstPartFault(): ChainFault | undefined {
    const first = this.partMismatches[0];
    if (first === undefined) return undefined;
    const swapped = this.partMismatches.some((other) => other !== first && other.expected === first.actual);
    const { leafIndex } = first;
    return swapped
      ? new ChainFault('PART_SWAPPED', `a part of entry ${leafIndex} is another entry's`, { leafIndex })
      : new ChainFault('PART_ALTERED', `a part of entry ${leafIndex} has not the digest that the entry lists`, { leafIndex });
  }

  /** The fault of the lowest index among those that wait for proof. */
  private open(): ChainFault | undefined {
    const met = [
      this.firstPartFault(),
      this.broken === undefined ? undefined : this.openLinkFault(),
      this.misplaced === undefined ? undefined : this.placeFault(),
    ].filter((fault) => fault !== undefined);
    return met.length === 0 ? undefined : met.reduce((first, one) => (indexOf(one) < indexOf(first) ? one : first));
  }

  /**
   * Of two entries that do not join, when no entry after them tells which was altered: the root does, if it is of
   * exactly the next size; without one it is either, and the lower index is named.
   */
  private openLinkFault(root?: Uint8Array): ChainFault {
    const { leafIndex, claimedHash, entryHash } = this.broken!;
    if (leafIndex === 0) return altered(0);
    if (root === undefined || this.penultimate === undefined) return altered(leafIndex - 1, leafIndex);
    return altered(rootWith(this.penultimate, claimedHash, entryHash).equals(root) ? leafIndex - 1 : leafIndex);
  }
}

const indexOf = (fault: ChainFault): number => fault.detail.leafIndex ?? Infinity;

function rootWith(edge: RightEdge, ...hexHashes: readonly string[]): Buffer {
  const extended = edge.clone();
  for (const hex of hexHashes) extended.append(Buffer.from(hex, 'hex'));
  return extended.root();
}

function altered(leafIndex: number, orIndex = leafIndex): ChainFault {
  const which = orIndex === leafIndex ? `entry ${leafIndex}` : `entry ${leafIndex} or entry ${orIndex}`;
  return new ChainFault('ENTRY_ALTERED', `${which} is not the one that was chained`, { leafIndex, treeSize: orIndex + 1 });
}

function lackingPart(leafIndex: number): ChainFault {
  return new ChainFault('PART_MISSING', `entry ${leafIndex} lacks a part that it lists, and nothing says that it was destroyed`, { leafIndex });
}

function fail(code: ChainFault['code'], leafIndex: number, what: string): never {
  throw new ChainFault(code, `entry ${leafIndex} ${what}`, { leafIndex });
}
