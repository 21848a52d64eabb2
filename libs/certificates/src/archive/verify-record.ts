import { ChainFault, decodeEntry, jcs, leafHash, parseTlogProof, parseVkey, sha256Hex, verifyTlogProof, type Entry, type JsonObject, type JsonValue, type Vkey } from '@countersign/chain';
import { ArchiveFault, type ArchivePlace } from './archive-fault.js';
import type { ManifestLedger } from './manifest.js';

interface ShownPart {
  readonly name: string;
  readonly subject?: string;
  readonly state: string;
  readonly value?: JsonValue;
}

interface ProvedRecord {
  readonly value: { readonly tenant: string; readonly index: number; readonly eventHash: string; readonly entry?: JsonObject; readonly parts: readonly ShownPart[] };
  readonly proof?: { readonly tlog: string; readonly salts: readonly (string | null)[] };
}

/** How much of what the parts of entries say is proved, and not only certified. */
export interface PartCounts {
  proved: number;
  /** Opened with a key that the archive does not hold. */
  certified: number;
}

/** Checks records of a ledger, each by itself. */
export class RecordVerifier {
  readonly parts: PartCounts = { proved: 0, certified: 0 };
  readonly #keys: ReadonlyMap<string, readonly Vkey[]>;

  /** @param pinned keys of ledgers that whoever verifies knows from elsewhere: of those ledgers only these count */
  constructor(ledgers: readonly ManifestLedger[], pinned: readonly Vkey[]) {
    this.#keys = new Map(ledgers.map(({ tenant, keys }) => {
      const told = keys.map(parseVkey);
      const known = pinned.filter(({ name }) => name === told[0]?.name);
      return [tenant, known.length > 0 ? known : told];
    }));
  }

  /** Throws ArchiveFault: ARCHIVE_PROOF_MISSING, ARCHIVE_PROOF_INVALID, ARCHIVE_ENTRY_ALTERED, ARCHIVE_PART_ALTERED, ARCHIVE_RECORD_MALFORMED. */
  verify(record: unknown, file: string, line: number): void {
    const { value, proof } = record as ProvedRecord;
    if (typeof value !== 'object' || value === null || !Array.isArray(value.parts)) throw new ArchiveFault('ARCHIVE_RECORD_MALFORMED', `${file}:${line}: it is no entry of a ledger`, { file, line });
    const place = { file, line, tenant: value.tenant, leafIndex: value.index };
    if (proof === undefined) throw fault('ARCHIVE_PROOF_MISSING', 'the ledger could not prove that it holds this entry', place);
    const { entry, bytes } = this.#provedEntry(value.tenant, proof.tlog, place);
    const isShown = value.entry !== undefined && jcs(value.entry, 'entry') === bytes.toString('utf8');
    if (!isShown || entry.index !== value.index || entry.tenant !== value.tenant || leafHash(bytes).toString('hex') !== value.eventHash) throw fault('ARCHIVE_ENTRY_ALTERED', 'what is shown is not the entry that is proved', place);
    this.#requireParts(entry, value.parts, proof.salts, place);
  }

  #provedEntry(tenant: string, tlog: string, place: ArchivePlace): { readonly entry: Entry; readonly bytes: Buffer } {
    const vkeys = this.#keys.get(tenant);
    if (vkeys?.[0] === undefined) throw fault('ARCHIVE_PROOF_INVALID', 'the manifest names no key of its ledger', place);
    try {
      const { extra, leafIndex } = parseTlogProof(tlog);
      if (extra === undefined) throw new ChainFault('PROOF_MALFORMED', 'the proof does not hold its entry');
      verifyTlogProof(tlog, { entry: extra, origin: vkeys[0].name, vkeys });
      const entry = decodeEntry(extra);
      if (entry.index !== leafIndex) throw new ChainFault('ENTRY_INDEX_MISMATCH', `the entry says that it is entry ${entry.index}`, { leafIndex });
      return { entry, bytes: extra };
    } catch (error) {
      if (!(error instanceof ChainFault)) throw error;
      throw fault('ARCHIVE_PROOF_INVALID', `its proof does not hold: ${error.message}`, { ...place, cause: error.code });
    }
  }

  #requireParts(entry: Entry, shown: readonly ShownPart[], salts: readonly (string | null)[], place: ArchivePlace): void {
    if (shown.length !== entry.parts.length || salts.length !== entry.parts.length) throw fault('ARCHIVE_PART_ALTERED', 'it shows other parts than the entry lists', place);
    for (const [n, { name, subject, enc, digest }] of entry.parts.entries()) {
      const part = shown[n]!;
      if (part.name !== name || part.subject !== subject) throw fault('ARCHIVE_PART_ALTERED', `part ${n + 1} is not the one that the entry lists`, place);
      if (part.state !== 'present') continue;
      if (enc !== 'salted') {
        this.parts.certified += 1;
        continue;
      }
      const salt = Buffer.from(salts[n] ?? '', 'base64');
      if (sha256Hex(Buffer.concat([salt, Buffer.from(jcs(part.value ?? null, 'value'))])) !== digest) throw fault('ARCHIVE_PART_ALTERED', `part ${n + 1} does not say what the entry's digest names`, place);
      this.parts.proved += 1;
    }
  }
}

const fault = (code: ConstructorParameters<typeof ArchiveFault>[0], message: string, place: ArchivePlace): ArchiveFault => new ArchiveFault(code, `${place.file}:${place.line} (entry ${place.leafIndex} of ${place.tenant}): ${message}`, place);
