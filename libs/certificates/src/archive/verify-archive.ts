import { createInflateRaw } from 'node:zlib';
import { pipeline, Readable } from 'node:stream';
import { ChainFault, sha256Hex, type Vkey } from '@countersign/chain';
import { statementText, verifyCertificate } from '../certificate.js';
import { CertificateFault } from '../fault.js';
import { ArchiveFault } from './archive-fault.js';
import { archiveStatement, MANIFEST_BYTES_MAX, MANIFEST_PATH, NOTE_PATH, PROVED_SERVICE, readManifest, recordsPath, type Manifest, type ManifestFile } from './manifest.js';
import { RecordVerifier, type PartCounts } from './verify-record.js';
import type { ZipFile } from './zip-format.js';
import { openZip, packedContent, type ByteSource } from './zip-reader.js';
import { Measure } from './zip-writer.js';

/** One record with its proof; what a service holds of somebody may hold contents. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;
const NOTE_BYTES_MAX = 128 * 1024;
const FAULTS_MAX = 100;
const LF = 0x0a;

export interface ArchiveKeys {
  /** Of who certifies archives: all of them must have signed. */
  readonly certifiers: readonly Vkey[];
  /** Of ledgers, known from elsewhere; those that are not given are believed as the certified manifest names them. */
  readonly ledgers?: readonly Vkey[];
}

export interface ArchiveCheck {
  /** Undefined when nothing of it is certified. */
  readonly manifest: Manifest | undefined;
  readonly signer: string | undefined;
  /** Entries whose proof holds. */
  readonly proofs: number;
  readonly parts: PartCounts;
  /** The first hundred; none: every byte is as it was made. */
  readonly faults: readonly (ArchiveFault | CertificateFault | ChainFault)[];
}

/** Checks an archive with nothing but keys, and goes on after a fault where it can. Rejects as its source does. */
export async function verifyArchive(source: ByteSource, keys: ArchiveKeys): Promise<ArchiveCheck> {
  const checked = { manifest: undefined as Manifest | undefined, signer: undefined as string | undefined, proofs: 0, parts: { proved: 0, certified: 0 } };
  const faults: (ArchiveFault | CertificateFault | ChainFault)[] = [];
  const found = (fault: unknown): void => {
    if (!(fault instanceof ArchiveFault || fault instanceof CertificateFault || fault instanceof ChainFault)) throw fault;
    if (faults.length < FAULTS_MAX) faults.push(fault);
  };
  try {
    const files = new Map((await openZip(source)).map((file) => [file.path, file]));
    const { manifest, signer } = await certified(source, files, keys.certifiers);
    Object.assign(checked, { manifest, signer });
    requireFiles(manifest, files, found);
    const records = new RecordVerifier(manifest.ledgers, keys.ledgers ?? []);
    for (const listed of manifest.files) {
      const file = files.get(listed.path);
      if (file !== undefined) checked.proofs += await verifyFile(source, file, listed, records, found);
    }
    checked.parts = records.parts;
  } catch (fault) {
    found(fault);
  }
  return { ...checked, faults };
}

async function certified(source: ByteSource, files: ReadonlyMap<string, ZipFile>, certifiers: readonly Vkey[]): Promise<{ readonly manifest: Manifest; readonly signer: string }> {
  const note = (await wholeOf(source, files, NOTE_PATH, NOTE_BYTES_MAX)).toString('utf8');
  const { kind, signer, statement } = verifyCertificate(note, certifiers);
  if (kind !== 'archive') throw new ArchiveFault('ARCHIVE_NOT_CERTIFIED', `${NOTE_PATH} is a certificate of something else`, { file: NOTE_PATH });
  const bytes = await wholeOf(source, files, MANIFEST_PATH, MANIFEST_BYTES_MAX);
  if (statement['manifestSha256'] !== sha256Hex(bytes)) throw new ArchiveFault('ARCHIVE_MANIFEST_ALTERED', `${MANIFEST_PATH} is not the one that was certified`, { file: MANIFEST_PATH });
  const manifest = readManifest(bytes);
  if (statementText(archiveStatement(manifest, sha256Hex(bytes))) !== statementText(statement)) throw new ArchiveFault('ARCHIVE_NOT_CERTIFIED', 'it was certified as the archive of something else', { file: NOTE_PATH });
  return { manifest, signer };
}

async function wholeOf(source: ByteSource, files: ReadonlyMap<string, ZipFile>, path: string, bytesMax: number): Promise<Buffer> {
  const file = files.get(path);
  if (file === undefined) throw new ArchiveFault('ARCHIVE_FILE_MISSING', `${path} is not there`, { file: path });
  if (file.method !== 'stored' || file.bytes > bytesMax) throw new ArchiveFault('ARCHIVE_MALFORMED', `${path} is not as it is made`, { file: path });
  const measure = new Measure();
  const parts: Uint8Array[] = [];
  for await (const part of measure.through(packedContent(source, file))) parts.push(part);
  if (measure.crc !== file.crc) throw new ArchiveFault('ARCHIVE_FILE_ALTERED', `${path} is not what its checksum says`, { file: path });
  return Buffer.concat(parts);
}

function requireFiles(manifest: Manifest, files: ReadonlyMap<string, ZipFile>, found: (fault: ArchiveFault) => void): void {
  const listed = new Set([...manifest.files.map(({ path }) => path), MANIFEST_PATH, NOTE_PATH]);
  for (const path of listed) if (!files.has(path)) found(new ArchiveFault('ARCHIVE_FILE_MISSING', `${path} is in the manifest and not in the archive`, { file: path }));
  for (const path of files.keys()) if (!listed.has(path)) found(new ArchiveFault('ARCHIVE_FILE_UNEXPECTED', `${path} is not in the manifest`, { file: path }));
}

/** Returns how many of its entries are proved. */
async function verifyFile(source: ByteSource, file: ZipFile, listed: ManifestFile, records: RecordVerifier, found: (fault: unknown) => void): Promise<number> {
  const [packed, clear] = [new Measure(), new Measure()];
  const isProved = file.path === recordsPath(PROVED_SERVICE);
  let [lines, proofs] = [0, 0];
  const altered = (why: string): void => found(new ArchiveFault('ARCHIVE_FILE_ALTERED', `${file.path}: ${why}`, { file: file.path }));
  try {
    const content = bounded(clear.through(inflated(packed.through(packedContent(source, file)), file)), listed.bytes);
    if (listed.records === undefined) for await (const _part of content) continue;
    else {
      for await (const line of linesOf(content)) {
        lines += 1;
        try {
          verifyLine(line, file.path, lines, isProved ? records : undefined);
          if (isProved) proofs += 1;
        } catch (fault) {
          found(fault);
        }
      }
    }
  } catch (error) {
    if (!(error instanceof UnreadableContent)) throw error;
    altered(error.message);
    return proofs;
  }
  if (clear.sha256 !== listed.sha256 || clear.bytes !== listed.bytes) altered('its content is not what the manifest says');
  else if (packed.sha256 !== listed.packedSha256 || clear.crc !== file.crc || clear.bytes !== file.bytes) altered('its content is packed otherwise than the manifest says');
  else if (listed.records !== undefined && lines !== listed.records) altered(`it has ${lines} records, and the manifest says ${listed.records}`);
  return proofs;
}

function verifyLine(line: Buffer, file: string, number: number, records: RecordVerifier | undefined): void {
  let record: unknown;
  try {
    record = JSON.parse(line.toString('utf8'));
  } catch {
    throw new ArchiveFault('ARCHIVE_RECORD_MALFORMED', `${file}:${number}: it is no JSON`, { file, line: number });
  }
  if (typeof record !== 'object' || record === null) throw new ArchiveFault('ARCHIVE_RECORD_MALFORMED', `${file}:${number}: it is no record`, { file, line: number });
  try {
    records?.verify(record, file, number);
  } catch (error) {
    if (error instanceof ArchiveFault) throw error;
    // Of another shape than any record has, or no canonical JSON: whatever it is, the verifier must come to its end.
    throw new ArchiveFault('ARCHIVE_RECORD_MALFORMED', `${file}:${number}: it is no record of an entry`, { file, line: number, ...(error instanceof ChainFault ? { cause: error.code } : {}) });
  }
}

/** Content that cannot be had from what is there. */
class UnreadableContent extends Error {
  override readonly name = 'UnreadableContent';
}

async function* inflated(packed: AsyncIterable<Uint8Array>, { method }: ZipFile): AsyncGenerator<Uint8Array> {
  if (method === 'stored') {
    yield* packed;
    return;
  }
  let failed: Error | undefined;
  const inflate = createInflateRaw();
  const input = Readable.from(packed, { objectMode: false });
  pipeline(input, inflate, (error) => (failed = error ?? undefined));
  try {
    yield* inflate as AsyncIterable<Uint8Array>;
  } catch (error) {
    const { code } = (failed ?? error) as NodeJS.ErrnoException;
    if (code?.startsWith('Z_') !== true) throw failed ?? error;
    throw new UnreadableContent('it cannot be unpacked');
  }
}

/** A file that unpacks to more than the manifest says is not read on. */
async function* bounded(content: AsyncIterable<Uint8Array>, bytesMax: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const part of content) {
    bytes += part.length;
    if (bytes > bytesMax) throw new UnreadableContent('it unpacks to more than the manifest says');
    yield part;
  }
}

async function* linesOf(content: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of content) {
    let rest = part;
    for (let at = rest.indexOf(LF); at >= 0; at = rest.indexOf(LF)) {
      yield Buffer.concat([...parts, rest.subarray(0, at)]);
      rest = rest.subarray(at + 1);
      parts = [];
      length = 0;
    }
    if (rest.length > 0) parts.push(rest);
    length += rest.length;
    if (length > LINE_BYTES_MAX) throw new UnreadableContent('a line of it is over 64 MiB');
  }
  if (length > 0) yield Buffer.concat(parts);
}
