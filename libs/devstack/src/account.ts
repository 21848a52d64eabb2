import { setTimeout as sleep } from 'node:timers/promises';
import { connectBus } from '@countersign/bus';
import { identityReplySchema, identitySubject } from '@countersign/contracts';
import { totpCode, totpSecretFrom, TOTP_STEP_SECONDS } from '@countersign/credentials';
import type { Browser, BrowserAnswer } from './browser.js';
import type { NatsServer } from './nats.js';

const STEP_MS = TOTP_STEP_SECONDS * 1_000;
const POLL_MS = 50;
/** So long a code stays good at least: whoever looks at it may be slow. */
const SLOW_MS = 10_000;
const OPERATOR_MS_MAX = 30_000;

/** Somebody with an account, and everything that its owner knows. */
export class Account {
  readonly password: string = 'correct horse battery staple';
  userId = '';
  secret: string | undefined;
  backupCodes: readonly string[] = [];
  #step = 0;

  constructor(
    readonly email: string,
    readonly name = 'Somebody',
  ) {}

  /** Registers and signs in. Throws Error with the answer that was not expected. */
  async register(browser: Browser): Promise<this> {
    const { email, name, password } = this;
    wanted(await browser.post('/v1/register', { email, name, password }), 202);
    await this.signIn(browser);
    return this;
  }

  async signIn(browser: Browser): Promise<void> {
    const { email, password } = this;
    const { json } = wanted(await browser.post('/v1/sign-in', { email, password }), 200);
    const answer = json['challenge'] === undefined ? json : wanted(await browser.post('/v1/sign-in/verify', { challenge: json['challenge'], code: await this.code() }), 200).json;
    this.userId = (answer['principal'] as { userId: string }).userId;
  }

  /** Enrols an authenticator. */
  async enrol(browser: Browser): Promise<void> {
    this.secret = wanted(await browser.post('/v1/account/totp'), 201).json['secret'] as string;
    const { json } = wanted(await browser.post('/v1/account/totp/confirm', { code: await this.code() }), 200);
    this.backupCodes = json['backupCodes'] as string[];
  }

  /** A code that was not used before: of the step before while that is good for some time, this one, or the next; after three in half a minute it takes time. */
  async code(): Promise<string> {
    const step = Math.max(this.#step + 1, Math.floor((Date.now() + SLOW_MS) / STEP_MS) - 1);
    while (step > Math.floor(Date.now() / STEP_MS) + 1) await sleep(POLL_MS);
    this.#step = step;
    return totpCode(totpSecretFrom(this.secret!), step * STEP_MS);
  }
}

/** The first administrator, made by the link that an operator prints, and signed in with a second factor. `headers`: of the request that makes it. */
export async function administrator(nats: NatsServer, browser: Browser, headers: Readonly<Record<string, string>> = {}): Promise<Account> {
  return administratorBy(await setupToken(nats), browser, headers);
}

/** The same by the token of such a link. */
export async function administratorBy(token: string, browser: Browser, headers: Readonly<Record<string, string>> = {}): Promise<Account> {
  const account = new Account('admin@example.com', 'The Admin');
  const { email, name, password } = account;
  wanted(await browser.ask('POST', '/v1/setup', { body: { token, email, name, password }, headers }), 201);
  await account.signIn(browser);
  await account.enrol(browser);
  return account;
}

/** As an operator at the command line gets it. */
async function setupToken(nats: NatsServer): Promise<string> {
  const bus = await connectBus({ url: nats.url, nkeySeedFile: nats.users.operator, name: 'operator' });
  try {
    const context = { ip: '127.0.0.1', userAgent: 'test', correlationId: 'first-administrator' };
    const { data } = await bus.request(identitySubject('setup-link', 'operator'), JSON.stringify({ context, args: {} }), { timeoutMs: OPERATOR_MS_MAX });
    const reply = identityReplySchema.parse(JSON.parse(Buffer.from(data).toString('utf8')));
    if ('error' in reply) throw new Error(`no link for the first administrator: ${reply.error.code}`);
    return (reply.result as { token: string }).token;
  } finally {
    await bus.close();
  }
}

/** The answer, if it has this status. Throws Error with what came instead. */
export function wanted(answer: BrowserAnswer, status: number): BrowserAnswer {
  if (answer.status !== status) throw new Error(`${String(status)} was expected, and came: ${String(answer.status)} ${answer.text.slice(0, 300)}`);
  return answer;
}
