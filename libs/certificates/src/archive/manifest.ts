import type { JsonObject } from '@countersign/chain';
import { ArchiveFault } from './archive-fault.js';

export const MANIFEST_FORMAT = 'countersign-personal-archive/2';
export const MANIFEST_PATH = 'manifest.json';
export const NOTE_PATH = 'manifest.note';
export const PAGE_PATH = 'index.html';
export const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;
/** Service whose records are entries of ledgers, each with a proof. */
export const PROVED_SERVICE = 'ledger';

export interface ManifestFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Of the bytes as they stand in the archive. */
  readonly packedSha256: string;
  /** Lines, of a file of records. */
  readonly records?: number;
}

/** Keys that sign a ledger's checkpoints, as the ledger named them when the archive was made (C2SP signed-note verifier keys). */
export interface ManifestLedger {
  readonly tenant: string;
  readonly keys: readonly string[];
}

/** Whom an archive is about, and of when. */
export interface ArchiveAbout {
  /** Id of the archive; that of its certificate too. */
  readonly archive: string;
  readonly request: string;
  readonly tenant: string;
  readonly subject: string;
  readonly receivedAt: string;
  readonly madeAt: string;
}

export interface Manifest extends ArchiveAbout {
  readonly format: typeof MANIFEST_FORMAT;
  /** What every service said that it holds. */
  readonly holds: readonly JsonObject[];
  readonly ledgers: readonly ManifestLedger[];
  readonly files: readonly ManifestFile[];
}

/** What the certificate says of the manifest. */
export function archiveStatement({ archive, request, tenant, subject, madeAt }: ArchiveAbout, manifestSha256: string): JsonObject {
  return { certificate: archive, request, tenant, subject, madeAt, manifestSha256 };
}

export const recordsPath = (service: string): string => `data/${service}.jsonl`;

/** A manifest that is certified already: what it says was not altered, and is not what a stranger may say. Throws ARCHIVE_MALFORMED. */
export function readManifest(bytes: Buffer): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    value = undefined;
  }
  const { format, files, ledgers, holds } = (value ?? {}) as Partial<Manifest>;
  const isMeant = (format as string | undefined) === MANIFEST_FORMAT && Array.isArray(files) && Array.isArray(ledgers) && Array.isArray(holds);
  if (!isMeant || !files.every(isFile)) throw new ArchiveFault('ARCHIVE_MALFORMED', `it is signed, and no manifest of ${MANIFEST_FORMAT}`, { file: MANIFEST_PATH });
  return value as Manifest;
}

function isFile(file: Partial<ManifestFile>): boolean {
  return [file.path, file.sha256, file.packedSha256].every((text) => typeof text === 'string') && Number.isSafeInteger(file.bytes) && (file.records === undefined || Number.isSafeInteger(file.records));
}
