import { DeleteObjectCommand, GetObjectCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { Readable } from 'node:stream';
import { FilesFault } from './fault.js';
import { checkName, type FileStore } from './file-store.js';

/** S3 takes parts of at least this size; two at once are held in memory. */
const PART_BYTES = 5 * 1024 * 1024;
const PARTS_AT_ONCE = 2;
const ATTEMPTS_MAX = 3;

export interface S3Options {
  readonly bucket: string;
  /** Before each name, such as `exports/`. */
  readonly prefix: string;
  readonly region: string;
  /** Of a store that is not AWS; its buckets are then in the path. */
  readonly endpoint: string | undefined;
  readonly credentials: () => { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** Files in a private bucket of any S3-compatible store. */
export class S3Store implements FileStore {
  readonly #client: S3Client;

  constructor(private readonly options: S3Options) {
    const { region, endpoint, credentials } = options;
    this.#client = new S3Client({
      region,
      maxAttempts: ATTEMPTS_MAX,
      ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
      credentials: async () => credentials(),
    });
  }

  async put(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    let thrown: { readonly error: unknown } | undefined;
    const body = Readable.from((async function* () {
      try {
        yield* content;
      } catch (error) {
        thrown = { error };
        throw error;
      }
    })(), { objectMode: false });
    const upload = new Upload({ client: this.#client, params: { ...this.#place(name), Body: body, ContentType: 'application/octet-stream' }, partSize: PART_BYTES, queueSize: PARTS_AT_ONCE, leavePartsOnError: false });
    try {
      await upload.done();
    } catch (error) {
      if (thrown !== undefined) throw thrown.error;
      throw unavailable(error);
    }
  }

  async read(name: string, from: number, to: number): Promise<Buffer> {
    const place = this.#place(name);
    try {
      const { Body } = await this.#client.send(new GetObjectCommand({ ...place, Range: `bytes=${from}-${to - 1}` }));
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    } catch (error) {
      if (error instanceof S3ServiceException && (error.name === 'NoSuchKey' || error.name === 'NotFound')) throw new FilesFault('FILE_MISSING', 'there is no such file', { cause: error });
      throw unavailable(error);
    }
  }

  async remove(name: string): Promise<void> {
    const place = this.#place(name);
    try {
      await this.#client.send(new DeleteObjectCommand(place));
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** An upload that was killed is no file; a rule of the bucket ends it (`AbortIncompleteMultipartUpload`). */
  discard(name: string): Promise<void> {
    return this.remove(name);
  }

  close(): void {
    this.#client.destroy();
  }

  #place(name: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.options.bucket, Key: `${this.options.prefix}${checkName(name)}` };
  }
}

function unavailable(error: unknown): FilesFault {
  const name = error instanceof Error ? error.name : 'unknown';
  return new FilesFault('FILE_STORE_UNAVAILABLE', `the store of files: ${name}`, { cause: error });
}
