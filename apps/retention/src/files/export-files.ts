import { createHash } from 'node:crypto';
import { CHUNK_BYTES, checkLink, chunksOf, FilesFault, openChunk, readLink, SEALED_CHUNK_BYTES, sealStream, signLink, type FileStore } from '@countersign/files';
import type { Keys } from '@countersign/key-client';
import type { Pool, PoolClient } from '@countersign/postgres';
import type { LinkKeys } from './link-keys.js';
import type { Person } from '../requests/person-holders.js';

const EXPORT_PURPOSE = 'retention.export';
const SEALED_BYTES_MAX = 64 * 1024 * 1024 * 1024;

export interface FileRow {
  readonly file_id: string;
  readonly request_id: string;
  readonly tenant: string;
  readonly subject: string;
  readonly sealed_key: string;
  readonly bytes: string;
  readonly digest: string;
  readonly until: Date;
  /** By which key it is certified; null: it was made before archives were. */
  readonly vkey: string | null;
}

export interface Written {
  readonly bytes: number;
  /** SHA-256 of the content, hex. */
  readonly digest: string;
  /** Makes the file known, certified by this key, in the transaction of whatever tells of it. */
  readonly keep: (client: PoolClient, vkey: string) => Promise<void>;
}

interface WrappedKey {
  readonly keyId: string;
  readonly wrapped: string;
}

/** Files about persons: encrypted in the store, each under a key of its own that dies with its subject's. */
export class ExportFiles {
  constructor(
    private readonly pool: Pool,
    private readonly store: FileStore,
    private readonly keys: Pick<Keys, 'client' | 'subjects'>,
    private readonly links: LinkKeys,
  ) {}

  /** Throws FilesFault, KeyClientError; the content's own error. Nobody finds the file before `keep` is committed. */
  async write(fileId: string, requestId: string, person: Person, until: Date, content: AsyncIterable<Uint8Array>): Promise<Written> {
    const { result, keys: [bytes] } = await this.keys.client.ask('wrap', { tenant: person.tenant, purpose: EXPORT_PURPOSE });
    const sealedKey = await this.#sealKey(fileId, person, result);
    const hash = createHash('sha256');
    let length = 0;
    const measured = async function* (): AsyncGenerator<Uint8Array> {
      for await (const part of content) {
        hash.update(part);
        length += part.length;
        if (length > SEALED_BYTES_MAX) throw new FilesFault('FILE_TOO_LARGE', 'the export is over what is made');
        yield part;
      }
    };
    try {
      await this.store.put(fileId, sealStream({ fileId, bytes: bytes! }, measured()));
    } finally {
      bytes!.fill(0);
    }
    const digest = hash.digest('hex');
    const keep = async (client: PoolClient, vkey: string): Promise<void> => {
      await client.query('INSERT INTO files (file_id, request_id, tenant, subject, sealed_key, bytes, digest, until, vkey) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)', [fileId, requestId, person.tenant, person.subject, sealedKey, length, digest, until, vkey]);
    };
    return { bytes: length, digest, keep };
  }

  async ofRequest(requestId: string, now: Date): Promise<FileRow | undefined> {
    return (await this.pool.query<FileRow>('SELECT * FROM files WHERE request_id = $1 AND until > $2', [requestId, now])).rows[0];
  }

  /** A token that is good until then. */
  async link(fileId: string, until: Date): Promise<string> {
    return signLink(await this.links.active(), fileId, Math.floor(until.getTime() / 1_000));
  }

  /** What a link names. Throws FilesFault FILE_LINK_INVALID, FILE_LINK_EXPIRED; KeyClientError. */
  async follow(token: string, now: Date): Promise<string> {
    const key = await this.links.version(readLink(token).keyVersion);
    return checkLink(key, token, now.getTime()).fileId;
  }

  /** Throws FILE_MISSING when it was removed, or has ended. */
  async find(fileId: string, now: Date): Promise<FileRow> {
    const { rows: [row] } = await this.pool.query<FileRow>('SELECT * FROM files WHERE file_id = $1 AND until > $2', [fileId, now]);
    if (row === undefined) throw new FilesFault('FILE_MISSING', 'there is no such file, or its time is over');
    return row;
  }

  /** One chunk in clear. Throws FILE_MISSING when its subject was erased, FILE_NOT_AUTHENTIC, FILE_STORE_UNAVAILABLE, KeyClientError. */
  async chunk(row: FileRow, index: number): Promise<Buffer> {
    const last = chunksOf(Number(row.bytes)) - 1;
    if (index > last) throw new FilesFault('FILE_MISSING', 'the file ends before that');
    const sealed = await this.store.read(row.file_id, index * SEALED_CHUNK_BYTES, (index + 1) * SEALED_CHUNK_BYTES);
    const bytes = await this.#openKey(row);
    try {
      return openChunk({ fileId: row.file_id, bytes }, index, index === last, sealed);
    } finally {
      bytes.fill(0);
    }
  }

  /** Everything that is about somebody. */
  async removeOf({ tenant, subject }: Person): Promise<void> {
    await this.#remove((await this.pool.query<{ file_id: string }>('SELECT file_id FROM files WHERE tenant = $1 AND subject = $2', [tenant, subject])).rows);
  }

  /** Takes away what was written and may not be known; what is known stays. */
  async discard(fileId: string): Promise<void> {
    const { rowCount } = await this.pool.query('SELECT FROM files WHERE file_id = $1', [fileId]);
    if (rowCount === 0) await this.store.remove(fileId);
  }

  /** Those whose time is over. Returns their requests. */
  async removeEnded(now: Date, limit: number): Promise<string[]> {
    const { rows } = await this.pool.query<{ file_id: string; request_id: string }>('SELECT file_id, request_id FROM files WHERE until <= $1 ORDER BY until LIMIT $2', [now, limit]);
    await this.#remove(rows);
    return rows.map(({ request_id }) => request_id);
  }

  /** The file first: what nobody knows of any more would lie there for ever. */
  async #remove(rows: readonly { readonly file_id: string }[]): Promise<void> {
    for (const { file_id } of rows) {
      await this.store.remove(file_id);
      await this.pool.query('DELETE FROM files WHERE file_id = $1', [file_id]);
    }
  }

  async #sealKey(fileId: string, { tenant, subject }: Person, wrapped: WrappedKey): Promise<string> {
    const [sealed] = await this.keys.subjects.sealAll([{ tenant, subject, context: keyPlace(fileId), bytes: Buffer.from(JSON.stringify(wrapped)) }]);
    if (sealed === undefined || 'fault' in sealed) throw new FilesFault('FILE_MISSING', 'its subject was erased');
    return sealed.text;
  }

  async #openKey({ file_id, tenant, sealed_key }: FileRow): Promise<Buffer> {
    const [opened] = await this.keys.subjects.openAll([{ tenant, context: keyPlace(file_id), text: sealed_key }]);
    if (opened === undefined || 'fault' in opened) throw new FilesFault('FILE_MISSING', 'its subject was erased');
    const { keyId, wrapped } = JSON.parse(opened.bytes.toString('utf8')) as WrappedKey;
    const { keys: [bytes] } = await this.keys.client.ask('unwrap', { tenant, purpose: EXPORT_PURPOSE, keyId, wrapped });
    return bytes!;
  }
}

const keyPlace = (fileId: string) => ({ table: 'retention.files', column: 'sealed_key', row: fileId });

export { CHUNK_BYTES };
