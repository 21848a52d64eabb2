import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Agent } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Account, administrator, Browser, browserAgent, guardFolder, Platform, redisProgram, removePostgres, startDevstack, startNats, startRedis, type Devstack, type Edge, type NatsServer, type PlatformOptions, type RedisServer } from '@countersign/devstack';
import pg from 'pg';
import { until } from './waiting.js';

const ARRIVAL_LIMIT_MS = 180_000;
const PAGE = 200;
const VERIFY_MS_MAX = 90_000;

/** Somebody with an account, in front of a browser. */
export interface Person {
  readonly account: Account;
  readonly browser: Browser;
}

/** Everything that a deployment has, with fsync: PostgreSQL, NATS, Redis where there is one, keys, identity, ledger, two edges. */
export class Deployment {
  /** Correlation ids of what was answered with success. */
  readonly #acknowledged: string[] = [];
  #deeds = 0;
  #addresses = 0;

  private constructor(
    readonly folder: string,
    readonly stack: Devstack,
    readonly redis: RedisServer | undefined,
    readonly platform: Platform,
    readonly edges: readonly [Edge, Edge],
    readonly agent: Agent,
  ) {}

  admin!: Person;

  /** `edgeEnv`: changes to the variables of the edges; `envOf`: of the services behind them. */
  static async open(edgeEnv: Readonly<Record<string, string>> = {}, envOf: (stack: Devstack) => Promise<PlatformOptions['env']> = async () => ({})): Promise<Deployment> {
    const folder = await mkdtemp(join(tmpdir(), 'countersign-deployment-'));
    // PostgreSQL runs as another user when the tests run as root: let it pass through, not look.
    await chmod(folder, 0o711);
    const dismiss = guardFolder(folder);
    const program = redisProgram();
    const redis = program === undefined ? undefined : await startRedis(program);
    const stack = await startDevstack({ stateDir: folder, durable: true });
    const redisUrlFile = join(folder, 'redis-url');
    if (redis !== undefined) await writeFile(redisUrlFile, redis.url, { mode: 0o600 });
    const env = (await envOf(stack)) ?? {};
    const identity = { IDENTITY_PASSWORD_ITERATIONS: '200000', ...(redis === undefined ? {} : { IDENTITY_REDIS_URL_FILE: redisUrlFile }), ...env.identity };
    const platform = await Platform.open(stack, { isFast: false, env: { ...env, identity } });
    const shared: Record<string, string> = { ...edgeEnv, ...(redis === undefined ? {} : { EDGE_REDIS_URL_FILE: redisUrlFile }) };
    const edges = [await platform.addEdge(shared), await platform.addEdge(shared)] as const;
    const made = new Deployment(folder, stack, redis, platform, edges, browserAgent(platform.ca));
    made.#dismiss = dismiss;
    const browser = made.browser();
    made.admin = { browser, account: await administrator(stack.nats, browser) };
    return made;
  }

  #dismiss: () => void = () => undefined;
  #natsAgain: NatsServer | undefined;

  /** From an address of its own. */
  browser(edge: 0 | 1 = 0): Browser {
    this.#addresses += 1;
    const ip = `198.18.${String(this.#addresses >> 8)}.${String(this.#addresses & 255)}`;
    return new Browser({ origin: this.edges[edge].origin, agent: this.agent, ip });
  }

  /** Somebody who has registered, signed in. */
  async person(name: string): Promise<Person> {
    const browser = this.browser();
    return { browser, account: await new Account(`${name}@example.com`).register(browser) };
  }

  /** Does something that is to leave an event, and remembers it if it was answered with success. Gives back the problem's code, or `none`. */
  async deed(browser: Browser, method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const correlationId = `deed-${String(++this.#deeds)}`;
    const { status, json } = await browser.ask(method, path, { ...(body === undefined ? {} : { body }), headers: { ...headers, 'x-correlation-id': correlationId } });
    // What was done under an Idempotency-Key may stand on record under the request that came first.
    if (status < 300 && headers['idempotency-key'] === undefined) this.#acknowledged.push(correlationId);
    return status < 300 ? 'none' : (json.code ?? String(status));
  }

  signIn(account: Account, edge: 0 | 1 = 0): Promise<string> {
    return this.deed(this.browser(edge), 'POST', '/v1/sign-in', { email: account.email, password: account.password });
  }

  /**
   * Waits until the ledger holds every event that identity has stored, each once, and among them one of every acknowledged deed. What was
   * answered with success and is not on record was done unrecorded.
   */
  async audit(): Promise<void> {
    let seen = 'nothing yet';
    await until('everything that identity stored is in the ledger', ARRIVAL_LIMIT_MS, async () => {
      const [stored, recorded] = [await this.#stored('SELECT event_id::text AS id FROM events'), await this.#recorded()];
      seen = `${String(stored.length)} stored, ${String(recorded.size)} recorded`;
      return stored.every((id) => recorded.has(id));
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${seen}`);
    });
    const correlated = new Set((await this.#recorded()).values());
    const missing = this.#acknowledged.filter((id) => !correlated.has(id));
    if (missing.length > 0) throw new Error(`done and not on record: ${missing.join(', ')}`);
  }

  /** A session as superuser, past every right of ours, after these statements. */
  async onDatabase(name: string, ...statements: readonly string[]): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.stack.databaseUrl(name) });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    return client;
  }

  /** The same, and over. */
  async sql(name: string, ...statements: readonly string[]): Promise<void> {
    await (await this.onDatabase(name, ...statements)).end();
  }

  /** Has a ledger verified from its beginning. */
  async verify(ledger: string): Promise<void> {
    await fetch(`${this.platform.ledger.url}/ledgers/${ledger}/verifications`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}', signal: AbortSignal.timeout(VERIFY_MS_MAX) });
  }

  get acknowledged(): number {
    return this.#acknowledged.length;
  }

  /** Events of a type about a user that identity has stored. */
  async countOf(type: string, userId: string): Promise<number> {
    return (await this.#stored('SELECT event_id::text AS id FROM events WHERE type = $1 AND stream = $2', [type, `user/${userId}`])).length;
  }

  async #stored(query: string, values: readonly string[] = []): Promise<string[]> {
    const client = new pg.Client({ connectionString: this.stack.databaseUrl('identity') });
    await client.connect();
    try {
      return (await client.query<{ id: string }>(query, [...values])).rows.map(({ id }) => id);
    } finally {
      await client.end();
    }
  }

  /** Events in the ledgers that identity records in: id and correlation id. Asked of the ledger itself, whatever state the edges are in. */
  async #recorded(): Promise<Map<string, string>> {
    const ledgers = await this.#stored('SELECT DISTINCT tenant AS id FROM events');
    return new Map((await Promise.all(ledgers.map((ledger) => this.#recordedIn(ledger)))).flatMap((each) => [...each]));
  }

  async #recordedIn(ledger: string): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (let cursor = ''; ; ) {
      const response = await fetch(`${this.platform.ledger.url}/ledgers/${ledger}/events?limit=${String(PAGE)}${cursor}`).catch(() => undefined);
      if (response?.ok !== true) return found;
      const page = (await response.json()) as { events: { entry?: { id: string; correlationId?: string } }[]; next?: string };
      for (const { entry } of page.events) if (entry !== undefined) found.set(entry.id, entry.correlationId ?? '');
      if (page.next === undefined) return found;
      cursor = `&cursor=${encodeURIComponent(page.next)}`;
    }
  }

  async restartNats(): Promise<void> {
    const { nats } = this.stack;
    this.#natsAgain = await startNats({ dir: join(this.folder, 'nats'), port: Number(new URL(nats.url).port) });
  }

  async close(): Promise<void> {
    this.agent.destroy();
    await this.platform.stop();
    await this.#natsAgain?.stop();
    await this.stack.stop();
    await this.redis?.stop();
    await removePostgres(join(this.folder, 'postgres'));
    await rm(this.folder, { recursive: true, force: true });
    this.#dismiss();
  }
}
