import { sha256Hex, type JsonObject } from '@countersign/chain';
import { statementText } from '../certificate.js';
import { ArchiveFault } from './archive-fault.js';
import { archiveStatement, MANIFEST_BYTES_MAX, MANIFEST_FORMAT, MANIFEST_PATH, NOTE_PATH, PAGE_PATH, recordsPath, type ArchiveAbout, type Manifest, type ManifestFile } from './manifest.js';
import { ZipWriter } from './zip-writer.js';

/** Ledgers of one archive, and keys of each: more than any installation has of one person. */
const LEDGERS_MAX = 10_000;
const LEDGER_KEYS_MAX = 16;

/** That an entry is in its ledger. */
export interface RecordProof {
  /** C2SP tlog-proof with the entry's bytes as its `extra` line. */
  readonly tlog: string;
  /** Verifier keys of the ledger. */
  readonly keys: readonly string[];
  /** Of each part of the entry, in order: the salt by which its digest is that of what is shown, base64; null where there is none to tell. */
  readonly salts: readonly (string | null)[];
}

/** One thing that a service holds, with its proof where it is an entry of a ledger. */
export interface ArchiveRecord {
  readonly value: Readonly<Record<string, unknown>>;
  readonly proof?: RecordProof;
}

export interface ArchiveSource {
  readonly about: ArchiveAbout;
  readonly holds: readonly JsonObject[];
  /** Each is asked for its records when those before it are through. */
  readonly services: readonly { readonly name: string; readonly records: () => AsyncIterable<ArchiveRecord> }[];
  /** The page to read, of what the manifest will say. */
  readonly page: (manifest: Manifest) => string;
  /** Signs the statement as a certificate of an archive. */
  readonly sign: (statement: string) => Promise<string>;
}

/** An archive, made while it is read. Rejects as its source does; throws ARCHIVE_TOO_LARGE. */
export async function* writeArchive({ about, holds, services, page, sign }: ArchiveSource): AsyncGenerator<Buffer> {
  const zip = new ZipWriter();
  const ledgers = new LedgerKeys();
  const counts = new Map<string, number>();
  for (const { name, records } of services) {
    const path = recordsPath(name);
    yield* zip.deflated(path, lines(records(), ledgers, () => counts.set(path, (counts.get(path) ?? 0) + 1)));
  }
  const manifest = (): Manifest => ({ format: MANIFEST_FORMAT, ...about, holds, ledgers: ledgers.all, files: zip.files.map((file) => manifestFile(file, file.path.startsWith('data/') ? (counts.get(file.path) ?? 0) : undefined)) });
  yield* zip.deflated(PAGE_PATH, once(page(manifest())));
  const bytes = Buffer.from(`${JSON.stringify(manifest(), null, 2)}\n`);
  if (bytes.length > MANIFEST_BYTES_MAX) throw new ArchiveFault('ARCHIVE_TOO_LARGE', 'its manifest is over 4 MiB', { file: MANIFEST_PATH });
  yield zip.stored(MANIFEST_PATH, bytes);
  yield zip.stored(NOTE_PATH, Buffer.from(await sign(statementText(archiveStatement(about, sha256Hex(bytes))))));
  yield zip.end();
}

function manifestFile({ path, bytes, sha256, packedSha256 }: ManifestFile, records: number | undefined): ManifestFile {
  return { path, bytes, sha256, packedSha256, ...(records === undefined ? {} : { records }) };
}

async function* lines(records: AsyncIterable<ArchiveRecord>, ledgers: LedgerKeys, onRecord: () => void): AsyncGenerator<Buffer> {
  for await (const { proof, ...record } of records) {
    if (proof !== undefined) ledgers.add(String(record.value['tenant']), proof.keys);
    onRecord();
    yield Buffer.from(`${JSON.stringify(proof === undefined ? record : { ...record, proof: { tlog: proof.tlog, salts: proof.salts } })}\n`);
  }
}

class LedgerKeys {
  readonly #keys = new Map<string, Set<string>>();

  add(tenant: string, keys: readonly string[]): void {
    const known = this.#keys.get(tenant) ?? new Set();
    for (const key of keys) known.add(key);
    this.#keys.set(tenant, known);
    if (this.#keys.size > LEDGERS_MAX || known.size > LEDGER_KEYS_MAX) throw new ArchiveFault('ARCHIVE_TOO_LARGE', 'too many ledgers, or keys of one');
  }

  get all(): { readonly tenant: string; readonly keys: readonly string[] }[] {
    return [...this.#keys].map(([tenant, keys]) => ({ tenant, keys: [...keys] }));
  }
}

async function* once(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}
