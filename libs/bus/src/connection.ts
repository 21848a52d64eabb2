import { sign, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatNkey, nkeyPrivateKey } from '@countersign/envelope';
import { connect, errors, type Authenticator, type ConnectionOptions, type Msg, type MsgHdrs, type NatsConnection, type Status, type TlsOptions } from '@nats-io/transport-node';
import { BusError, busError, type BusErrorCode } from './bus-error.js';

const FIRST_CONNECT_LIMIT_MS = 10_000;
const CONNECT_ATTEMPT_LIMIT_MS = 5_000;
const RECONNECT_WAIT_MS = 100;
// Many clients lose one server at the same moment; jitter keeps them from coming back at the same moment.
const RECONNECT_JITTER_MS = 400;
const PING_INTERVAL_MS = 10_000;
const PINGS_UNANSWERED_MAX = 2;
const DRAIN_LIMIT_MS = 5_000;
/** They count as part of a message; a place in a trace (W3C Trace Context) takes half of it. */
const HEADERS_BYTES_MAX = 1_024;
/** Inboxes of clients, and what the server makes of them for a requester in another account. */
const REPLY_PREFIXES = ['_INBOX.', '_R_.'];

export interface BusOptions {
  /** One server, or several separated by commas. */
  readonly url: string;
  /** The user's nkey seed, or the file that holds it. A function is asked at every connection: a rotated seed needs no restart. */
  readonly nkeySeed?: string | (() => string);
  readonly nkeySeedFile?: string;
  /** Name of this client in the server's monitoring. */
  readonly name: string;
  readonly tls?: TlsOptions;
  /** Folder with `ca.crt`, `tls.crt` and `tls.key`, as deployments mount them: whom to trust, and this client's certificate. */
  readonly tlsDir?: string;
  /** Answers are heard under `_INBOX.<inbox>`; needed where the user shares its account. */
  readonly inbox?: string;
  /** How long the first connection may take before connectBus gives up. Default 10 s. Afterwards it reconnects for ever. */
  readonly firstConnectLimitMs?: number;
  /** Told what happens to the connection, for the log. */
  readonly onStatus?: (event: BusStatus) => void;
}

export interface BusStatus {
  readonly type: 'disconnected' | 'reconnecting' | 'reconnected' | 'error' | 'slow-consumer' | 'closed';
  readonly detail: string;
}

export interface BusMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers: MsgHdrs | undefined;
  /** Answers a request; does nothing when the sender asked for no answer in an inbox. */
  respond(data: Uint8Array | string): void;
}

export interface Subscription {
  unsubscribe(): void;
}

/** A connection that comes back by itself. */
export interface BusConnection {
  /** The client library's connection, for what this interface does not cover. */
  readonly nats: NatsConnection;
  /** False while disconnected or closed. */
  readonly connected: boolean;
  /** How often it broke and came back. */
  readonly reconnects: number;
  /** Requests that failed, and messages and subscriptions that the server refused, by code; codes that an alert asks for are there from the beginning. */
  readonly failures: ReadonlyMap<BusErrorCode, number>;
  /** Counts one that was found without `request`. */
  failed(code: BusErrorCode): void;
  /** The largest message that the server takes, bytes. */
  readonly maxPayloadBytes: number;
  /** When what the next connection shows or trusts ends, 0 if that cannot be read; undefined without certificates in a folder. */
  readonly certificateEndMs: number | undefined;
  /**
   * Sends without waiting: whether anybody gets it is unknown.
   * @throws {BusError} DISCONNECTED at once instead of queueing without limit; PAYLOAD_TOO_LARGE
   */
  publish(subject: string, data: Uint8Array | string): void;
  /**
   * Sends and waits for one answer. Headers are left out where the message is so large that the server would refuse it for them.
   * @throws {BusError} NO_RESPONDERS, TIMEOUT, DISCONNECTED, PAYLOAD_TOO_LARGE, FORBIDDEN
   */
  request(subject: string, data: Uint8Array | string, options: { readonly timeoutMs: number; readonly headers?: MsgHdrs }): Promise<BusMessage>;
  /** Calls `onMessage` for every message; survives reconnects. With `queue`, one of that group gets each message. */
  subscribe(subject: string, onMessage: (message: BusMessage) => void, options?: { readonly queue?: string; readonly onError?: (error: BusError) => void }): Subscription;
  /** Resolves when the server has everything sent so far. @throws {BusError} DISCONNECTED */
  flush(): Promise<void>;
  /** Calls the listener at every status change until the returned function is called. */
  onStatus(listener: (event: BusStatus) => void): () => void;
  /** Sends what is left, ends subscriptions and closes. Calling it again is fine. */
  close(): Promise<void>;
}

function connectionOptions(options: BusOptions): ConnectionOptions {
  const given = options.nkeySeed ?? (options.nkeySeedFile === undefined ? undefined : readFileSync(options.nkeySeedFile, 'utf8'));
  return {
    servers: options.url.split(',').map((url) => url.trim()),
    name: options.name,
    authenticator: given === undefined ? undefined : nkeyAuthenticator(typeof given === 'function' ? given : () => given),
    tls: options.tls ?? tlsOf(options.tlsDir),
    ...(options.inbox === undefined ? {} : { inboxPrefix: `_INBOX.${options.inbox}` }),
    timeout: CONNECT_ATTEMPT_LIMIT_MS,
    maxReconnectAttempts: -1,
    // A restarting server may answer before its accounts are loaded; giving up then would need a human.
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler: () => RECONNECT_WAIT_MS + Math.random() * RECONNECT_JITTER_MS,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: PINGS_UNANSWERED_MAX,
    noAsyncTraces: true,
  };
}

/** As the library's own, which takes ten times as long for it: its keys are plain JavaScript. */
const nkeyAuthenticator = (seed: () => string): Authenticator => (nonce) => {
  const key = nkeyPrivateKey(seed());
  return { nkey: formatNkey(key), sig: nonce === undefined ? '' : sign(undefined, Buffer.from(nonce), key).toString('base64') };
};

const tlsOf = (dir: string | undefined): TlsOptions | undefined =>
  dir === undefined ? undefined : { caFile: join(dir, 'ca.crt'), certFile: join(dir, 'tls.crt'), keyFile: join(dir, 'tls.key') };

function firstEnd(dir: string): number {
  try {
    return Math.min(...['ca.crt', 'tls.crt'].map((name) => new X509Certificate(readFileSync(join(dir, name))).validToDate.getTime()));
  } catch {
    return 0;
  }
}

async function firstConnection(options: BusOptions): Promise<NatsConnection> {
  const settings = connectionOptions(options);
  const until = performance.now() + (options.firstConnectLimitMs ?? FIRST_CONNECT_LIMIT_MS);
  for (;;) {
    try {
      return await connect(settings);
    } catch (cause) {
      const error = busError(cause, `connecting to ${options.url}`);
      if (error.code === 'UNAUTHORIZED') throw error;
      if (performance.now() > until) throw new BusError('DISCONNECTED', error.message, { cause });
      await sleep(RECONNECT_WAIT_MS + Math.random() * RECONNECT_JITTER_MS);
    }
  }
}

const STATUS_TYPES: Partial<Record<Status['type'], BusStatus['type']>> = {
  disconnect: 'disconnected',
  staleConnection: 'disconnected',
  reconnecting: 'reconnecting',
  reconnect: 'reconnected',
  error: 'error',
  slowConsumer: 'slow-consumer',
  close: 'closed',
};

const detailOf = (status: Status): string => {
  if (status.type === 'error') return status.error.message;
  return 'server' in status && typeof status.server === 'string' ? status.server : '';
};

const message = (msg: Msg): BusMessage => ({
  subject: msg.subject,
  data: msg.data,
  headers: msg.headers,
  respond: (data) => {
    // A requester names the subject of the answer: one who names `intake.<source>.<tenant>` would have us speak there.
    if (REPLY_PREFIXES.some((prefix) => msg.reply?.startsWith(prefix) === true)) msg.respond(data);
  },
});

/**
 * Connects to NATS.
 * @throws {BusError} UNAUTHORIZED, DISCONNECTED when no server answered in time
 */
export async function connectBus(options: BusOptions): Promise<BusConnection> {
  const nats = await firstConnection(options);
  const connection = new NatsBus(nats, options.tlsDir);
  if (options.onStatus !== undefined) connection.onStatus(options.onStatus);
  return connection;
}

class NatsBus implements BusConnection {
  #connected = true;
  #reconnects = 0;
  // A counter that first appears with 1 has risen by nothing, as Prometheus sees it.
  readonly failures = new Map<BusErrorCode, number>([['TIMEOUT', 0], ['NO_RESPONDERS', 0], ['DISCONNECTED', 0], ['FORBIDDEN', 0], ['NOT_PROVISIONED', 0]]);
  readonly #listeners = new Set<(event: BusStatus) => void>();
  readonly #waiting = new Set<(error: BusError) => void>();

  constructor(
    readonly nats: NatsConnection,
    private readonly tlsDir: string | undefined,
  ) {
    this.#follow().catch(() => this.#tell({ type: 'closed', detail: '' }));
  }

  get connected(): boolean {
    return this.#connected;
  }

  get reconnects(): number {
    return this.#reconnects;
  }

  get maxPayloadBytes(): number {
    return this.nats.info?.max_payload ?? Number.POSITIVE_INFINITY;
  }

  get certificateEndMs(): number | undefined {
    return this.tlsDir === undefined ? undefined : firstEnd(this.tlsDir);
  }

  async #follow(): Promise<void> {
    for await (const status of this.nats.status()) {
      if (status.type === 'error' && status.error instanceof errors.PermissionViolationError) this.failed('FORBIDDEN');
      const type = STATUS_TYPES[status.type];
      if (type !== undefined) this.#tell({ type, detail: detailOf(status) });
    }
    if (this.#connected) this.#tell({ type: 'closed', detail: '' });
  }

  #tell(event: BusStatus): void {
    if (event.type === 'reconnected') {
      this.#connected = true;
      this.#reconnects += 1;
    }
    if (event.type === 'disconnected' || event.type === 'closed') {
      this.#connected = false;
      // Their answers, if any, went to the connection that broke.
      for (const reject of [...this.#waiting]) reject(new BusError('DISCONNECTED', 'the connection broke while waiting for an answer'));
    }
    for (const listener of [...this.#listeners]) listener(event);
  }

  failed(code: BusErrorCode): void {
    this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
  }

  onStatus(listener: (event: BusStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Bytes that the server would still take. */
  #check(subject: string, data: Uint8Array | string): number {
    if (!this.#connected) throw new BusError('DISCONNECTED', `${subject}: there is no connection to NATS now`);
    const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
    if (bytes > this.maxPayloadBytes) throw new BusError('PAYLOAD_TOO_LARGE', `${subject}: ${String(bytes)} bytes, the server takes ${String(this.maxPayloadBytes)}`);
    return this.maxPayloadBytes - bytes;
  }

  publish(subject: string, data: Uint8Array | string): void {
    this.#check(subject, data);
    try {
      this.nats.publish(subject, data);
    } catch (error) {
      throw busError(error, subject);
    }
  }

  async request(subject: string, data: Uint8Array | string, { timeoutMs, headers }: { timeoutMs: number; headers?: MsgHdrs }): Promise<BusMessage> {
    const left = this.#check(subject, data);
    let giveUp: (error: BusError) => void = () => undefined;
    const broken = new Promise<never>((_, reject) => {
      giveUp = reject;
    });
    this.#waiting.add(giveUp);
    try {
      return message(await Promise.race([this.nats.request(subject, data, { timeout: timeoutMs, headers: left < HEADERS_BYTES_MAX ? undefined : headers }), broken]));
    } catch (cause) {
      const error = busError(cause, subject);
      // The server tells of those by itself, whatever was tried.
      if (error.code !== 'FORBIDDEN') this.failed(error.code);
      throw error;
    } finally {
      this.#waiting.delete(giveUp);
    }
  }

  subscribe(subject: string, onMessage: (message: BusMessage) => void, options: { queue?: string; onError?: (error: BusError) => void } = {}): Subscription {
    const subscription = this.nats.subscribe(subject, {
      queue: options.queue,
      callback: (error, msg) => {
        if (error === null) onMessage(message(msg));
        else options.onError?.(busError(error, subject));
      },
    });
    return { unsubscribe: () => subscription.unsubscribe() };
  }

  async flush(): Promise<void> {
    if (!this.#connected) throw new BusError('DISCONNECTED', 'there is no connection to NATS now');
    await this.nats.flush().catch((error: unknown) => {
      throw busError(error, 'flush');
    });
  }

  async close(): Promise<void> {
    if (this.nats.isClosed()) return;
    if (this.#connected) await Promise.race([this.nats.drain().catch(() => undefined), sleep(DRAIN_LIMIT_MS, undefined, { ref: false })]);
    if (!this.nats.isClosed()) await this.nats.close();
    this.#connected = false;
  }
}
