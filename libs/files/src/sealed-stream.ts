import { createCipheriv, createDecipheriv } from 'node:crypto';
import { FilesFault } from './fault.js';

/**
 * A file in encrypted chunks, so that it can be written and read in a stream, from any chunk on: AES-256-GCM of 256 KiB each, in the STREAM
 * construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance, 2015; as in age and Tink).
 * The nonce says which chunk it is and whether it is the last: none can be left out, moved, or cut off. A key serves for one writing of one file.
 */

export const CHUNK_BYTES = 256 * 1024;
const TAG_BYTES = 16;
export const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const INDEX_AT = 7;
const LAST_AT = 11;
/** What the counter of the nonce holds. */
export const CHUNKS_MAX = 2 ** 32;

/** Which file it is: part of what is authenticated, so that no file passes for another. */
export interface FileKey {
  readonly fileId: string;
  /** 32 bytes, of this file alone. */
  readonly bytes: Buffer;
}

/** How many chunks hold so many bytes; an empty file is one empty chunk. */
export const chunksOf = (bytes: number): number => Math.max(1, Math.ceil(bytes / CHUNK_BYTES));

/** Throws FILE_KEY_MALFORMED, FILE_TOO_LARGE. */
export async function* sealStream(key: FileKey, clear: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let index = 0;
  let held: Buffer | undefined;
  for await (const chunk of inChunks(clear)) {
    if (held !== undefined) yield sealChunk(key, index++, false, held);
    held = chunk;
  }
  yield sealChunk(key, index, true, held ?? Buffer.alloc(0));
}

function sealChunk(key: FileKey, index: number, isLast: boolean, clear: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', keyOf(key), nonceOf(index, isLast));
  cipher.setAAD(Buffer.from(key.fileId));
  return Buffer.concat([cipher.update(clear), cipher.final(), cipher.getAuthTag()]);
}

/** One chunk in clear. Throws FILE_KEY_MALFORMED; FILE_NOT_AUTHENTIC when it is not this chunk of this file, whole. */
export function openChunk(key: FileKey, index: number, isLast: boolean, sealed: Uint8Array): Buffer {
  const nonce = nonceOf(index, isLast);
  const bytes = keyOf(key);
  try {
    const decipher = createDecipheriv('aes-256-gcm', bytes, nonce);
    decipher.setAAD(Buffer.from(key.fileId));
    decipher.setAuthTag(Buffer.from(sealed.subarray(sealed.length - TAG_BYTES)));
    return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES)), decipher.final()]);
  } catch (error) {
    throw new FilesFault('FILE_NOT_AUTHENTIC', 'a chunk of the file was altered, moved or cut off', { cause: error });
  }
}

function nonceOf(index: number, isLast: boolean): Buffer {
  if (!Number.isSafeInteger(index) || index < 0 || index >= CHUNKS_MAX) throw new FilesFault('FILE_TOO_LARGE', 'a file has at most 2^32 chunks');
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt32BE(index, INDEX_AT);
  nonce[LAST_AT] = isLast ? 1 : 0;
  return nonce;
}

function keyOf({ bytes }: FileKey): Buffer {
  if (bytes.length !== KEY_BYTES) throw new FilesFault('FILE_KEY_MALFORMED', 'a key has 32 bytes');
  return bytes;
}

/** Whole chunks, and a rest. */
async function* inChunks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of source) {
    let rest = part;
    while (length + rest.length >= CHUNK_BYTES) {
      const taken = CHUNK_BYTES - length;
      yield Buffer.concat([...parts, rest.subarray(0, taken)]);
      rest = rest.subarray(taken);
      parts = [];
      length = 0;
    }
    // A copy: whoever gives it may use its memory again.
    if (rest.length > 0) parts.push(Buffer.from(rest));
    length += rest.length;
  }
  if (length > 0) yield Buffer.concat(parts);
}
