import { createHash, type Hash } from 'node:crypto';
import { Readable, pipeline } from 'node:stream';
import { createDeflateRaw } from 'node:zlib';
import { ArchiveFault } from './archive-fault.js';
import { centralRecord, crcOf, descriptor, endRecord, localHeader, ZIP_BYTES_MAX, ZIP_FILES_MAX, ZIP_PATH, ZIP_PATH_CHARS_MAX, type ZipFile } from './zip-format.js';

/** A file of an archive with what its content, and the bytes that stand in the archive, are known by. */
export interface WrittenFile extends ZipFile {
  /** Hex. */
  readonly sha256: string;
  /** Of the bytes in the archive, hex: deflate has several forms of the same content. */
  readonly packedSha256: string;
}

/** Writes a zip in order, while it is read; remembers a file by some hundred bytes. */
export class ZipWriter {
  readonly files: WrittenFile[] = [];
  #offset = 0;

  /** Rejects as `content` does; throws ARCHIVE_TOO_LARGE. */
  async *deflated(path: string, content: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
    this.#requireRoom(path);
    const offset = this.#offset;
    yield this.#counted(localHeader({ path, method: 'deflated', crc: 0, packedBytes: 0, bytes: 0 }));
    const [clear, packed] = [new Measure(), new Measure()];
    const source = Readable.from(clear.through(content), { objectMode: false });
    const deflate = createDeflateRaw();
    let failed: Error | undefined;
    pipeline(source, deflate, (error) => (failed = error ?? undefined));
    try {
      for await (const part of packed.through(deflate as AsyncIterable<Buffer>)) yield this.#counted(part as Buffer);
    } catch (error) {
      throw failed ?? error;
    }
    const file = { path, method: 'deflated', crc: clear.crc, packedBytes: packed.bytes, bytes: clear.bytes, offset } as const;
    if (clear.bytes > ZIP_BYTES_MAX) throw tooLarge(path);
    this.files.push({ ...file, sha256: clear.sha256, packedSha256: packed.sha256 });
    yield this.#counted(descriptor(file));
  }

  stored(path: string, content: Buffer): Buffer {
    this.#requireRoom(path);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const file = { path, method: 'stored', crc: crcOf(content), packedBytes: content.length, bytes: content.length, offset: this.#offset } as const;
    this.files.push({ ...file, sha256, packedSha256: sha256 });
    return this.#counted(Buffer.concat([localHeader(file), content]));
  }

  end(): Buffer {
    const offset = this.#offset;
    const central = Buffer.concat(this.files.map(centralRecord));
    return this.#counted(Buffer.concat([central, endRecord(this.files.length, central.length, offset)]));
  }

  #requireRoom(path: string): void {
    if (!ZIP_PATH.test(path) || path.length > ZIP_PATH_CHARS_MAX || this.files.some((file) => file.path === path)) throw new RangeError(`${path} is no name of a file of an archive, or is there already`);
    if (this.files.length >= ZIP_FILES_MAX) throw tooLarge(path);
  }

  #counted(bytes: Buffer): Buffer {
    this.#offset += bytes.length;
    if (this.#offset > ZIP_BYTES_MAX) throw tooLarge(undefined);
    return bytes;
  }
}

/** Counts what goes through. */
export class Measure {
  readonly #hash: Hash = createHash('sha256');
  #digest: string | undefined;
  bytes = 0;
  crc = 0;

  add(part: Uint8Array): void {
    this.#hash.update(part);
    this.crc = crcOf(part, this.crc);
    this.bytes += part.length;
  }

  async *through(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const part of source) {
      this.add(part);
      yield part;
    }
  }

  /** Nothing is added behind it. */
  get sha256(): string {
    return (this.#digest ??= this.#hash.digest('hex'));
  }
}

const tooLarge = (file: string | undefined): ArchiveFault => new ArchiveFault('ARCHIVE_TOO_LARGE', 'an archive has less than 4 GiB, and 1,000 files at most', file === undefined ? {} : { file });
