import { createHash, randomBytes } from 'node:crypto';
import { FilesFault, openChunk, SEALED_CHUNK_BYTES, sealStream, type FileStore } from '@countersign/files';
import { KEY_ID_BYTES, objectKey, SALT_BYTES, type ArchiveKey } from './archive-key.js';
import { BackupFault } from './fault.js';

/** An object of an archive: `CSBAK01\n`, id of the archive's key, salt, then chunks as libs/files seals them, bound to the object's name. */

const MAGIC = Buffer.from('CSBAK01\n');
const HEADER_BYTES = MAGIC.length + KEY_ID_BYTES + SALT_BYTES;
/** Times in a row that an object is written anew while it is read. */
const WRITTEN_ANEW_MAX = 100;

export interface StoredObject {
  readonly name: string;
  /** As stored. */
  readonly bytes: number;
  /** Hex, of the stored bytes: whoever copies archives can compare without the key. */
  readonly sha256: string;
}

/** Durable on return. Rejects with FilesFault, or as `clear` does; then nothing of this name is there, or what was there before. */
export async function writeObject(stores: readonly FileStore[], key: ArchiveKey, name: string, clear: AsyncIterable<Uint8Array>): Promise<StoredObject> {
  const [first, ...others] = stores;
  const hash = createHash('sha256');
  let bytes = 0;
  await first!.put(name, (async function* () {
    for await (const part of sealed(key, name, clear)) {
      hash.update(part);
      bytes += part.length;
      yield part;
    }
  })());
  const object = { name, bytes, sha256: hash.digest('hex') };
  for (const other of others) await other.put(name, storedBytes(first!, object));
  return object;
}

async function* sealed(key: ArchiveKey, name: string, clear: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const salt = randomBytes(SALT_BYTES);
  yield Buffer.concat([MAGIC, Buffer.from(key.id, 'hex'), salt]);
  yield* sealStream({ fileId: name, bytes: objectKey(key, name, salt) }, clear);
}

/** The object as it lies there, to be copied. Throws BACKUP_NOT_AUTHENTIC after its last byte when it is another. */
export async function* storedBytes(store: FileStore, { name, bytes, sha256 }: StoredObject): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for (let from = 0; from < bytes; from += SEALED_CHUNK_BYTES) {
    const part = await readPart(store, name, from, Math.min(bytes, from + SEALED_CHUNK_BYTES));
    hash.update(part);
    yield part;
  }
  if (hash.digest('hex') !== sha256) throw new BackupFault('BACKUP_NOT_AUTHENTIC', `${name} is not the object that was listed`);
}

/**
 * The object in clear, each chunk authenticated before it is handed out.
 * Throws BACKUP_OBJECT_MISSING, BACKUP_KEY_WRONG, BACKUP_NOT_AUTHENTIC; FILE_STORE_UNAVAILABLE.
 * @param listed what the catalogue says of it, where it says anything
 */
export async function* readObject(store: FileStore, key: ArchiveKey, name: string, listed?: StoredObject): AsyncGenerator<Buffer> {
  const header = await readPart(store, name, 0, HEADER_BYTES);
  if (header.length < HEADER_BYTES || !header.subarray(0, MAGIC.length).equals(MAGIC)) throw altered(name);
  const keyId = header.subarray(MAGIC.length, MAGIC.length + KEY_ID_BYTES).toString('hex');
  if (keyId !== key.id) throw new BackupFault('BACKUP_KEY_WRONG', `${name} was written under the key ${keyId}, this is ${key.id}`);
  const hash = createHash('sha256').update(header);
  const fileKey = { fileId: name, bytes: objectKey(key, name, header.subarray(MAGIC.length + KEY_ID_BYTES)) };
  let at = HEADER_BYTES;
  for (let index = 0, isLast = false; !isLast; index += 1) {
    // One byte more tells whether this chunk is the last.
    const read = await readPart(store, name, at, at + SEALED_CHUNK_BYTES + 1);
    isLast = read.length <= SEALED_CHUNK_BYTES;
    const chunk = read.subarray(0, SEALED_CHUNK_BYTES);
    at += chunk.length;
    hash.update(chunk);
    yield opened(() => openChunk(fileKey, index, isLast, chunk), name);
  }
  if (listed !== undefined && (listed.bytes !== at || listed.sha256 !== hash.digest('hex'))) throw altered(name);
}

function opened(open: () => Buffer, name: string): Buffer {
  try {
    return open();
  } catch (error) {
    throw error instanceof FilesFault && error.code === 'FILE_NOT_AUTHENTIC' ? altered(name, error) : error;
  }
}

async function readPart(store: FileStore, name: string, from: number, to: number): Promise<Buffer> {
  try {
    return await store.read(name, from, to);
  } catch (error) {
    if (error instanceof FilesFault && error.code === 'FILE_MISSING') throw new BackupFault('BACKUP_OBJECT_MISSING', `${name} is not in the store`, { cause: error });
    throw error;
  }
}

const altered = (name: string, cause?: unknown): BackupFault => new BackupFault('BACKUP_NOT_AUTHENTIC', `${name} was altered, cut off, or is another object`, { cause });

export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** A small object, whole. Throws as {@link readObject}; BACKUP_NOT_AUTHENTIC when it is over the limit. */
export async function readWhole(store: FileStore, key: ArchiveKey, name: string, bytesMax: number, listed?: StoredObject): Promise<Buffer> {
  for (let triesLeft = WRITTEN_ANEW_MAX; ; triesLeft -= 1) {
    const header = await readPart(store, name, 0, HEADER_BYTES);
    try {
      return await readParts(readObject(store, key, name, listed), name, bytesMax);
    } catch (error) {
      // Between two reads of it somebody may have put another in its place: then its parts were those of two.
      const isAltered = error instanceof BackupFault && error.code === 'BACKUP_NOT_AUTHENTIC';
      if (!isAltered || triesLeft === 0 || (await readPart(store, name, 0, HEADER_BYTES)).equals(header)) throw error;
    }
  }
}

async function readParts(object: AsyncIterable<Buffer>, name: string, bytesMax: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of object) {
    length += part.length;
    if (length > bytesMax) throw altered(name);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
