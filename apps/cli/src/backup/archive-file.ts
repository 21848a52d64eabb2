import { KEYS_BACKUP_PURPOSE, KEYS_SYSTEM_TENANT } from '@countersign/contracts';
import { archiveKey, BackupFault, EMPTY_CATALOGUE, writeCatalogue } from '@countersign/backup';
import { FilesFault } from '@countersign/files';
import type { FileStore } from '@countersign/files';
import type { Io } from '../io.js';
import { askKeys } from '../key-service/key-service.js';
import type { KeyServiceOptions } from '../key-service/key-service.js';

/** The archive's own key, wrapped by the key service, lies in the archive in clear: whoever has lost the file gets it there, as long as the key service lives. */

const NAME = 'archive';
const FORMAT = 'countersign.backup.archive/1';
const BYTES_MAX = 4_096;

interface ArchiveFile {
  readonly format: typeof FORMAT;
  readonly archiveKeyId: string;
  readonly keyId: string;
  readonly wrapped: string;
}

/** Makes the key of a new archive; `keep` has it durable before the archive says that it is there. Throws BACKUP_ARCHIVE_EXISTS, CliError. */
export async function makeArchive(stores: readonly FileStore[], options: KeyServiceOptions, io: Io, keep: (bytes: Buffer) => Promise<void>): Promise<string> {
  for (const store of stores) if ((await readText(store)) !== undefined) throw new BackupFault('BACKUP_ARCHIVE_EXISTS', 'there is an archive already');
  const { result, keys: [bytes] } = await askKeys(options, io, (client) => client.ask('wrap', { tenant: KEYS_SYSTEM_TENANT, purpose: KEYS_BACKUP_PURPOSE }));
  const key = archiveKey(bytes!);
  const { id } = key;
  await keep(bytes!);
  await writeCatalogue(stores, key, EMPTY_CATALOGUE);
  const text = `${JSON.stringify({ format: FORMAT, archiveKeyId: id, keyId: result.keyId, wrapped: result.wrapped } satisfies ArchiveFile)}\n`;
  for (const store of stores) await store.put(NAME, (async function* () { yield Buffer.from(text); })());
  return id;
}

/** The archive's key from the key service. Throws BACKUP_OBJECT_MISSING, BACKUP_KEY_WRONG, BACKUP_NOT_AUTHENTIC, CliError. */
export async function keyFromService(store: FileStore, options: KeyServiceOptions, io: Io): Promise<Buffer> {
  const text = await readText(store);
  if (text === undefined) throw new BackupFault('BACKUP_OBJECT_MISSING', 'there is no archive here');
  const { archiveKeyId, keyId, wrapped } = parse(text);
  const { keys: [bytes] } = await askKeys(options, io, (client) => client.ask('unwrap', { tenant: KEYS_SYSTEM_TENANT, purpose: KEYS_BACKUP_PURPOSE, keyId, wrapped }));
  if (archiveKey(bytes!).id !== archiveKeyId) throw new BackupFault('BACKUP_KEY_WRONG', 'the key service has another key for this archive');
  return bytes!;
}

function parse(text: string): ArchiveFile {
  try {
    const file = JSON.parse(text) as ArchiveFile;
    if (file.format === FORMAT) return file;
  } catch {
    // Told below.
  }
  throw new BackupFault('BACKUP_NOT_AUTHENTIC', 'what says which key the archive has was altered');
}

async function readText(store: FileStore): Promise<string | undefined> {
  try {
    return (await store.read(NAME, 0, BYTES_MAX)).toString('utf8');
  } catch (error) {
    if (error instanceof FilesFault && error.code === 'FILE_MISSING') return undefined;
    throw error;
  }
}
