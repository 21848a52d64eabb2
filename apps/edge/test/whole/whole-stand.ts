import type { Agent } from 'node:https';
import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Account, administrator, apiRoutes, Browser, browserAgent, Platform, SMS_KEY, SmsGateway, SpanCollector, startTestStack, wanted, type ApiRoute, type Devstack } from '@countersign/devstack';
import { newSessionToken } from '@countersign/credentials';
import { withClient } from '@countersign/postgres';
import type { PartView, RecordedEvent, SearchPage } from '@countersign/contracts';
import { readConfig } from '../../src/config.js';
import { RateLimits, LIMITS, type LimitName } from '../../src/http/rate-limits.js';
import { startEdge, type RunningEdge } from '../../src/service.js';
import { ForgetfulStore } from './forgetful-store.js';

export const HOME = 'home';
export const ELSEWHERE = 'elsewhere';
const RECORDED_MS_MAX = 30_000;
const POLL_MS = 100;
const PAGE = 200;
const SETUP = 'the-first-administrator';
const NO_LIMIT = { ip: 1e9, user: 1e9 };

/** Somebody with an account, in front of a browser. */
export interface Person {
  readonly account: Account;
  readonly browser: Browser;
}

/** An event of the ledger, as an auditor with all permissions reads it. */
export interface LedgerEvent {
  readonly type: string;
  readonly tenant: string;
  readonly actor: { readonly type: string; readonly id: string };
  readonly resource?: { readonly type: string; readonly id: string };
  readonly correlationId?: string;
  readonly outcome?: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly personal: readonly { readonly subject: string; readonly value: Readonly<Record<string, unknown>> }[];
  readonly id: string;
  readonly index: number;
}

/** Everything that a deployment has: PostgreSQL, NATS, keys, identity, ledger, and two edges, one of which has no limits. */
export class WholeStand {
  private people = 0;
  readonly routes: ApiRoute[];

  private constructor(
    readonly stack: Devstack,
    readonly platform: Platform,
    readonly sms: SmsGateway,
    readonly collector: SpanCollector,
    readonly edges: readonly RunningEdge[],
    private readonly agent: Agent,
    document: unknown,
    /** Of the edge as it ships, and of the one without limits. */
    readonly origins: { readonly usual: string; readonly unlimited: string },
    /** Of the edge without limits. */
    readonly answers: ForgetfulStore,
  ) {
    this.routes = apiRoutes(document);
  }

  /** The first administrator, at the edge without limits. */
  admin!: Person;
  /** How he was made, which happens once. */
  readonly setup = { correlationId: SETUP, answer: { status: 201, headers: {}, text: '', bytes: Buffer.alloc(0), json: {} } };

  static async open(): Promise<WholeStand> {
    const stack = await startTestStack();
    const sms = await SmsGateway.start();
    const collector = await SpanCollector.start();
    const traces = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER_ARG: '0' };
    const smsKey = join(stack.stateDir, 'sms-key');
    await writeFile(smsKey, SMS_KEY, { mode: 0o600 });
    const platform = await Platform.open(stack, { isFast: true, env: { keys: traces, identity: { ...traces, IDENTITY_PASSWORD_ITERATIONS: '200000', IDENTITY_SMS_URL: sms.url, IDENTITY_SMS_KEY_FILE: smsKey }, retention: { ...traces, RETENTION_SWEEP_SECONDS: '1' }, ledger: traces } });
    const agent = browserAgent(platform.ca);
    const envs = [await platform.edgeEnv({ EDGE_LOG_LEVEL: 'silent' }), await platform.edgeEnv({ EDGE_LOG_LEVEL: 'silent' })] as const;
    const unlimited = new RateLimits(undefined, Object.fromEntries(Object.keys(LIMITS).map((name) => [name, NO_LIMIT])) as Record<LimitName, typeof NO_LIMIT>);
    const answers = new ForgetfulStore();
    const edges = [await startEdge(readConfig(envs[0])), await startEdge(readConfig(envs[1]), { limits: unlimited, idempotency: answers })];
    const origins = { usual: envs[0]['EDGE_PUBLIC_ORIGIN']!, unlimited: envs[1]['EDGE_PUBLIC_ORIGIN']! };
    const { text } = await new Browser({ origin: origins.usual, agent }).get('/openapi.json');
    const stand = new WholeStand(stack, platform, sms, collector, edges, agent, text, origins, answers);
    const browser = stand.browser();
    stand.admin = { browser, account: await administrator(stack.nats, browser, { 'x-correlation-id': SETUP }) };
    wanted(await browser.ask('PUT', '/v1/admin/policy', { body: { policy: { isSmsAllowed: true } } }), 200);
    return stand;
  }

  /** A browser that nobody knows, from an address of its own. */
  browser(origin = this.origins.unlimited): Browser {
    return new Browser({ origin, agent: this.agent, ip: anyAddress(), userAgent: `Browser/${String(randomInt(1_000_000))}` });
  }

  /** Somebody new, signed in, without a second factor. */
  async person(origin?: string): Promise<Person> {
    const browser = this.browser(origin);
    const account = await new Account(`person${String(++this.people)}@example.com`).register(browser);
    return { account, browser };
  }

  /** One more session of somebody, elsewhere. */
  async another({ account }: Person, origin?: string): Promise<Browser> {
    const browser = this.browser(origin);
    await account.signIn(browser);
    return browser;
  }

  async sessionId(browser: Browser): Promise<string> {
    return wanted(await browser.get('/v1/account/principal'), 200).json['sessionId'] as string;
  }

  /** Puts somebody's account into another organisation, as its superuser can in identity's database. */
  async moveElsewhere({ account }: Person): Promise<void> {
    await withClient(this.stack.databaseUrl('identity'), async (client) => {
      await client.query(`INSERT INTO organizations (organization, name, state, created_at) VALUES ($1, $1, 'open', now()) ON CONFLICT DO NOTHING`, [ELSEWHERE]);
      await client.query('UPDATE members SET organization = $2 WHERE user_id = $1', [account.userId, ELSEWHERE]);
      await client.query('UPDATE users SET organization = $2 WHERE user_id = $1', [account.userId, ELSEWHERE]);
      await client.query('UPDATE user_roles SET organization = $2 WHERE user_id = $1', [account.userId, ELSEWHERE]);
      await client.query('UPDATE sessions SET organization = $2 WHERE user_id = $1', [account.userId, ELSEWHERE]);
    });
  }

  /** The token of an invitation's link, which is in a mail alone: another one is put in its place, as the superuser can. */
  async linkOf(invitationId: string): Promise<string> {
    const { token, digest } = newSessionToken();
    await withClient(this.stack.databaseUrl('identity'), (client) => client.query('UPDATE invitations SET token_hash = $2 WHERE invitation_id = $1', [invitationId, digest]));
    return token;
  }

  /** The same of a link that was mailed to the owner of an account. */
  async linkFor({ account }: Person, purpose: 'password-reset' | 'email-change'): Promise<string> {
    const { token, digest } = newSessionToken();
    await withClient(this.stack.databaseUrl('identity'), (client) => client.query('UPDATE one_time_links SET token_hash = $3 WHERE user_id = $1 AND purpose = $2', [account.userId, purpose, digest]));
    return token;
  }

  /** Everything in the ledgers of accounts and of organisations, each newest first. */
  async events(): Promise<LedgerEvent[]> {
    const { organizations } = wanted(await this.admin.browser.get(`/v1/organizations?limit=${String(PAGE)}`), 200).json as unknown as { readonly organizations: readonly { readonly organization: string }[] };
    const ledgers = ['system', ...organizations.map(({ organization }) => organization)];
    return (await Promise.all(ledgers.map((ledger) => this.#eventsOf(ledger)))).flat();
  }

  async #eventsOf(ledger: string): Promise<LedgerEvent[]> {
    const found: LedgerEvent[] = [];
    for (let cursor = ''; ; ) {
      const answer = await this.admin.browser.get(`/v1/ledgers/${ledger}/events?limit=${String(PAGE)}${cursor}`);
      // Nothing has been recorded there yet.
      if (answer.json.code === 'LEDGER_UNKNOWN') return found;
      const page = wanted(answer, 200).json as unknown as SearchPage;
      found.push(...page.events.map(eventOf));
      if (page.next === undefined) return found;
      cursor = `&cursor=${encodeURIComponent(page.next)}`;
    }
  }

  /** All events, as soon as they are right; after half a minute as they are. */
  async eventsOnce(areRight: (events: readonly LedgerEvent[]) => boolean): Promise<LedgerEvent[]> {
    for (const endMs = performance.now() + RECORDED_MS_MAX; ; await sleep(POLL_MS)) {
      const events = await this.events();
      if (areRight(events) || performance.now() > endMs) return events;
    }
  }

  /** Types of what identity has stored that requests with such correlation ids have left; not only what has reached a ledger. */
  async storedUnder(prefix: string): Promise<string[]> {
    const like = `%"correlationId":"${prefix}%`;
    return withClient(this.stack.databaseUrl('identity'), async (client) => (await client.query<{ type: string; event: string }>('SELECT type, event FROM events WHERE event LIKE $1', [like])).rows.map(({ type, event }) => `${type} ${event}`));
  }

  async close(): Promise<void> {
    this.agent.destroy();
    for (const { shutdown } of this.edges) for (const { run } of shutdown) await run();
    await this.platform.stop();
    await this.sms.stop();
    await this.collector.stop();
    await this.stack.stop();
  }
}

/** Of a network that belongs to nobody (RFC 2544: benchmarks). */
export const anyAddress = (): string => `198.${String(18 + randomInt(2))}.${String(randomInt(256))}.${String(randomInt(1, 255))}`;

function eventOf({ entry = {}, parts, index }: RecordedEvent): LedgerEvent {
  const of = (name: PartView['name']): PartView[] => parts.filter((part) => part.name === name && part.value !== undefined);
  return {
    ...(entry as unknown as Omit<LedgerEvent, 'data' | 'personal' | 'index'>),
    index,
    data: (of('data')[0]?.value ?? {}) as LedgerEvent['data'],
    personal: of('personal').map(({ subject = '', value }) => ({ subject, value: value as Record<string, unknown> })),
  };
}
