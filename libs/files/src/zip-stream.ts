import { Readable } from 'node:stream';
import yazl from 'yazl';

/** A file of an archive: its content is asked for when those before it are through. */
export interface ZipEntry {
  /** Relative path, `/` between folders. */
  readonly path: string;
  readonly content: () => AsyncIterable<Uint8Array>;
}

/**
 * A zip of the entries, in order, made while it is read; rejects as an entry's content does.
 * @param at of all its files, so that the same content makes the same archive
 */
export async function* zipStream(entries: AsyncIterable<ZipEntry>, at: Date): AsyncGenerator<Uint8Array> {
  const zip = new yazl.ZipFile();
  const output = zip.outputStream as Readable;
  const adding = addAll(zip, entries, at).catch((error: unknown) => output.destroy(error as Error));
  try {
    yield* output as AsyncIterable<Uint8Array>;
  } finally {
    output.destroy();
  }
  await adding;
}

async function addAll(zip: yazl.ZipFile, entries: AsyncIterable<ZipEntry>, mtime: Date): Promise<void> {
  for await (const { path, content } of entries) {
    await new Promise<void>((resolve, reject) => {
      const source = Readable.from(content(), { objectMode: false });
      source.once('end', resolve).once('error', reject).once('close', () => reject(new Error('the archive was given up')));
      zip.addReadStream(source, path, { mtime, mode: 0o100600 });
    });
  }
  zip.end();
}
