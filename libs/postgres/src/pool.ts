import pg from 'pg';
import { encryptionFault, requireEncryption } from './encrypted.js';
import { StatementNames } from './prepared-statements.js';

const CONNECT_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 30_000;

// Invalid password; invalid authorization (PostgreSQL, appendix A, class 28).
const REFUSED: ReadonlySet<unknown> = new Set(['28P01', '28000']);

export interface PoolOptions {
  /** A function is asked for each new connection: a rotated password needs no new pool. */
  readonly url: string | (() => string);
  /** Connections at most. */
  readonly max: number;
  /** Shown in pg_stat_activity and in the server's log. */
  readonly applicationName: string;
  /** A statement is cancelled by the server after this time; 0 means never. Default 0. */
  readonly statementTimeoutMs?: number;
  /**
   * A query fails after this time even when the server is frozen or unreachable; 0 means never. Default 0. Its
   * connection is unusable afterwards: withTransaction throws it away.
   */
  readonly queryTimeoutMs?: number;
  /** The session is ended when a transaction stays open without a statement; 0 means never. Default 0. */
  readonly idleInTransactionTimeoutMs?: number;
  /** Waiting for a connection fails after this time. Default 10 s. */
  readonly connectTimeoutMs?: number;
  /**
   * Statements with values are prepared and planned once a connection, whatever the values: for services that ask the
   * same small questions again and again. Not where a plan must fit the values of the moment. Default false.
   */
  readonly arePrepared?: boolean;
  /** Told when an idle connection breaks (server restarted); the pool replaces it by itself. */
  readonly onIdleError?: (error: Error) => void;
  /** Told when the server refuses the password: it may have been rotated. */
  readonly onRefused?: () => void;
}

/** A pool of connections. End it with `pool.end()`. */
export function createPool(options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    Client: clientOf(options),
    max: options.max,
    application_name: options.applicationName,
    ...(options.arePrepared === true ? { options: '-c plan_cache_mode=force_generic_plan' } : {}),
    statement_timeout: options.statementTimeoutMs ?? 0,
    query_timeout: options.queryTimeoutMs ?? 0,
    idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 0,
    connectionTimeoutMillis: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    keepAlive: true,
  });
  // Without a listener Node ends the process when an idle connection breaks.
  pool.on('error', (error) => options.onIdleError?.(error));
  return pool;
}

type ConnectCallback = ((error: Error) => void) | ((error: null, client: pg.Client) => void);

function clientOf({ url, onRefused, arePrepared }: PoolOptions): typeof pg.Client {
  const names = new StatementNames();
  return class extends pg.Client {
    private readonly connectionString: string;

    constructor(config: pg.ClientConfig) {
      const connectionString = typeof url === 'string' ? url : url();
      super({ ...config, connectionString });
      this.connectionString = connectionString;
      if (arePrepared === true) this.query = names.naming(this.query.bind(this));
    }

    override connect(): Promise<pg.Client>;
    override connect(callback: ConnectCallback): void;
    override connect(callback?: ConnectCallback): Promise<pg.Client> | void {
      if (callback === undefined) return super.connect();
      const answer = (given: (Error & { readonly code?: string }) | null): void => {
        const error = given === null ? null : encryptionFault(given);
        if (REFUSED.has(given?.code)) onRefused?.();
        (callback as (error: Error | null, client: pg.Client) => void)(error, this);
      };
      // Not thrown: a pool makes connections when nobody is there to catch, and the URL may have been rotated.
      const refusal = refusalOf(this.connectionString);
      if (refusal === undefined) super.connect(answer);
      else process.nextTick(answer, refusal);
    }
  };
}

function refusalOf(url: string): Error | undefined {
  try {
    requireEncryption(url);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** One connection outside any pool, closed when `work` settles. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  requireEncryption(url);
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // A connection that breaks also fails the running query; without a listener it would end the process first.
  client.on('error', () => undefined);
  await client.connect().catch((error: Error) => Promise.reject(encryptionFault(error)));
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
