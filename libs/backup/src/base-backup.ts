import pg from 'pg';
import { BackupFault } from './fault.js';

/** What waits for a slow store; then the server has to wait. */
const QUEUE_BYTES_MAX = 8 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;

// Types of the messages inside the COPY (PostgreSQL manual, "Streaming Replication Protocol", BASE_BACKUP).
const NEW_ARCHIVE = 0x6e;
const ARCHIVE_OR_MANIFEST = 0x64;
const PROGRESS = 0x70;
const MANIFEST = 0x6d;

export interface BaseBackupPlace {
  readonly lsn: string;
  readonly timeline: number;
}

/** Opens a connection that speaks the replication protocol. The role needs REPLICATION and nothing else. Throws BACKUP_SERVER_FAILED. */
export async function openReplication(url: string, applicationName: string): Promise<pg.Client> {
  // `replication` is passed on to the server, and missing from the types.
  const options: pg.ClientConfig & { readonly replication: string } = { connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, application_name: applicationName, keepAlive: true, replication: 'true' };
  const client = new pg.Client(options);
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw serverFault(error);
  }
  return client;
}

export const serverFault = (error: unknown): BackupFault => new BackupFault('BACKUP_SERVER_FAILED', `the database server: ${error instanceof Error ? error.message : String(error)}`, { cause: error });

/**
 * All files of a server as of one instant, in one stream: a tar of the data folder with the write-ahead log that makes it whole, then PostgreSQL's own
 * manifest of it. The server waits while the reader is slow.
 */
export class BaseBackup implements pg.Submittable {
  readonly start: Promise<BaseBackupPlace>;
  readonly #queue: Buffer[] = [];
  #queued = 0;
  #readBytes = 0;
  readonly #manifest: Buffer[] = [];
  #part: 'none' | 'data' | 'manifest' = 'none';
  #isDataOver = false;
  #error: BackupFault | undefined;
  #isOver = false;
  #stream: pg.Connection['stream'] | undefined;
  #wake: () => void = () => undefined;
  #started!: (place: BaseBackupPlace) => void;
  #notStarted!: (fault: BackupFault) => void;
  #results: string[][] = [];
  #end: BaseBackupPlace | undefined;

  constructor(private readonly label: string) {
    this.start = new Promise((resolve, reject) => ([this.#started, this.#notStarted] = [resolve, reject]));
    // Whoever reads the stream is told as well.
    this.start.catch(() => undefined);
  }

  submit(connection: pg.Connection): void {
    this.#stream = connection.stream;
    const label = this.label.replaceAll("'", '');
    connection.query(`BASE_BACKUP (LABEL '${label}', CHECKPOINT 'fast', WAL true, PROGRESS false, MANIFEST 'yes', MANIFEST_CHECKSUMS 'SHA256', VERIFY_CHECKSUMS true)`);
  }

  /** The tar, until its end. Throws BACKUP_SERVER_FAILED, BACKUP_UNSUPPORTED. */
  async *data(): AsyncGenerator<Buffer> {
    for (;;) {
      const next = this.#queue.shift();
      if (next !== undefined) {
        this.#queued -= next.length;
        this.#readBytes += next.length;
        yield next;
      } else if (this.#error !== undefined) throw this.#error;
      else if (this.#isDataOver || this.#isOver) break;
      else await this.#more();
    }
  }

  get readBytes(): number {
    return this.#readBytes;
  }

  /** What comes after the tar. Throws as {@link data}. */
  async finished(): Promise<{ readonly manifest: string; readonly end: BaseBackupPlace }> {
    while (!this.#isOver) await this.#more();
    if (this.#error !== undefined) throw this.#error;
    if (this.#end === undefined || this.#manifest.length === 0) throw new BackupFault('BACKUP_SERVER_FAILED', 'the database server ended its backup early');
    return { manifest: Buffer.concat(this.#manifest).toString('utf8'), end: this.#end };
  }

  async #more(): Promise<void> {
    if (this.#stream?.isPaused() === true) this.#stream.resume();
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  handleRowDescription(): void {
    this.#results.push([]);
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    const place = { lsn: fields[0] ?? '', timeline: Number(fields[1]) };
    if (this.#results.length === 1) this.#started(place);
    else if (this.#results.length === 3) this.#end = place;
    // The second lists tablespaces: the data folder itself has no place of its own.
    else if (this.#results.length === 2 && fields[1] !== null && fields[1] !== '') this.#fail(new BackupFault('BACKUP_UNSUPPORTED', 'a tablespace lies outside the data folder'));
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    const type = chunk[0];
    if (type === ARCHIVE_OR_MANIFEST) this.#take(chunk.subarray(1));
    else if (type === NEW_ARCHIVE && this.#part === 'none') this.#part = 'data';
    else if (type === MANIFEST) {
      this.#part = 'manifest';
      this.#isDataOver = true;
      this.#wake();
    } else if (type !== PROGRESS) this.#fail(new BackupFault('BACKUP_UNSUPPORTED', 'the server sends more than one data folder'));
  }

  #take(bytes: Buffer): void {
    // A copy: pg uses the memory of what it has read again.
    const copy = Buffer.from(bytes);
    if (this.#part === 'manifest') return void this.#manifest.push(copy);
    this.#queue.push(copy);
    this.#queued += copy.length;
    if (this.#queued >= QUEUE_BYTES_MAX) this.#stream?.pause();
    this.#wake();
  }

  #fail(fault: BackupFault): void {
    this.#error ??= fault;
    this.#notStarted(fault);
    this.#wake();
  }

  /** pg calls these; the first also when the connection breaks. */
  handleError(error: Error): void {
    this.#isOver = true;
    this.#fail(serverFault(error));
  }

  handleCommandComplete(): void {
    // One for each result; ReadyForQuery ends it.
  }

  handleReadyForQuery(): void {
    this.#isOver = true;
    this.#wake();
  }
}
