import { randomBytes, randomUUID } from 'node:crypto';
import { Account, wanted, type Browser, type BrowserAnswer } from '@countersign/devstack';
import { csrfTokenOf } from '../../src/http/csrf.js';
import { ELSEWHERE, HOME, type Person, type WholeStand } from './whole-stand.js';

const WRONG = 'not the right passphrase';
const FAILURES_TO_LOCK = 5;

/** Asks, under the correlation id by which the record of the attack is found. */
export type Attempt = (browser: Browser, method: string, path: string, asked?: Parameters<Browser['ask']>[2]) => Promise<BrowserAnswer>;

export interface Attack {
  /** As docs/spec/attacks.md names it. */
  readonly attack: string;
  readonly status: number;
  /** Of the problem; 'none': it is let in, because the attack was not on this one. */
  readonly code: string;
  /** Type of the event that is left; undefined: none, and the page says why. */
  readonly recorded?: string;
  /** What that event says. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Gives back the answer that the attack comes to. */
  readonly run: (stand: WholeStand, attempt: Attempt) => Promise<BrowserAnswer>;
}

const DENIED = 'identity.request.denied';
const REVOKE_ALL = '/v1/account/sessions/revoke-all';

/** In front of the edge as it ships, with its limits. */
const usually = (stand: WholeStand): Promise<Person> => stand.person(stand.origins.usual);
const stranger = (stand: WholeStand): Browser => stand.browser(stand.origins.usual);
const withToken = (token: string): string => randomBytes(token.length).toString('base64url').slice(0, token.length);

const SESSIONS: readonly Attack[] = [
  {
    attack: 'session fixation: a cookie planted before the sign-in', status: 401, code: 'UNAUTHENTICATED', recorded: 'identity.session.started',
    async run(stand, attempt) {
      const { account } = await usually(stand);
      const victim = stranger(stand);
      victim.cookies.set('__Host-session', randomBytes(32).toString('base64url'));
      const thief = victim.stolen({ ip: stranger(stand).options.ip! });
      wanted(await attempt(victim, 'POST', '/v1/sign-in', { body: { email: account.email, password: account.password } }), 200);
      return attempt(thief, 'GET', '/v1/account/principal');
    },
  },
  {
    attack: 'a stolen cookie after all sessions were ended', status: 401, code: 'UNAUTHENTICATED', recorded: 'identity.user.sessions-ended',
    async run(stand, attempt) {
      const { browser } = await usually(stand);
      const thief = browser.stolen();
      wanted(await thief.get('/v1/account/principal'), 200);
      wanted(await attempt(browser, 'POST', REVOKE_ALL, { body: {} }), 200);
      return attempt(thief, 'GET', '/v1/account/principal');
    },
  },
  {
    attack: 'a stolen cookie after its owner signed out', status: 401, code: 'UNAUTHENTICATED', recorded: 'identity.session.ended',
    async run(stand, attempt) {
      const { browser } = await usually(stand);
      const thief = browser.stolen();
      wanted(await attempt(browser, 'POST', '/v1/sign-out'), 204);
      return attempt(thief, 'GET', '/v1/account/principal');
    },
  },
];

const FORGED: readonly Attack[] = [
  {
    attack: 'CSRF: without the token', status: 403, code: 'CSRF_TOKEN_INVALID', recorded: DENIED, data: { operation: `POST ${REVOKE_ALL}`, code: 'CSRF_TOKEN_INVALID', count: 1 },
    run: async (stand, attempt) => attempt((await usually(stand)).browser, 'POST', REVOKE_ALL, { body: {}, headers: { 'x-csrf-token': '' } }),
  },
  {
    attack: 'CSRF: with the token of another session, planted in cookie and header', status: 403, code: 'CSRF_TOKEN_INVALID', recorded: DENIED, data: { code: 'CSRF_TOKEN_INVALID' },
    async run(stand, attempt) {
      const { browser } = await usually(stand);
      browser.cookies.set('__Host-csrf', csrfTokenOf(withToken(browser.cookies.get('__Host-session')!)));
      return attempt(browser, 'POST', REVOKE_ALL, { body: {} });
    },
  },
  {
    attack: 'CSRF: with the right token, from a page of another site', status: 403, code: 'ORIGIN_FORBIDDEN', recorded: DENIED, data: { code: 'ORIGIN_FORBIDDEN' },
    run: async (stand, attempt) => attempt((await usually(stand)).browser, 'POST', REVOKE_ALL, { body: {}, headers: { 'sec-fetch-site': 'cross-site' } }),
  },
  {
    attack: 'login CSRF: signing somebody in to the attacker\'s account', status: 403, code: 'ORIGIN_FORBIDDEN',
    async run(stand, attempt) {
      const { account } = await usually(stand);
      return attempt(stranger(stand), 'POST', '/v1/sign-in', { body: { email: account.email, password: account.password }, headers: { origin: 'https://evil.example' } });
    },
  },
];

const FACTORS: readonly Attack[] = [
  {
    attack: 'TOTP replay: a code that was used', status: 403, code: 'CODE_REPLAYED', recorded: 'identity.user.totp-replayed', data: { what: 'factor' },
    async run(stand, attempt) {
      const { account } = await enrolled(stand);
      const code = await account.code();
      wanted(await verify(stand, attempt, account, code), 200);
      return verify(stand, attempt, account, code);
    },
  },
  {
    attack: 'backup code reuse', status: 403, code: 'CODE_REPLAYED', recorded: 'identity.user.backup-code-reused', data: { what: 'factor' },
    async run(stand, attempt) {
      const { account } = await enrolled(stand);
      const code = account.backupCodes[0]!;
      wanted(await verify(stand, attempt, account, code), 200);
      return verify(stand, attempt, account, code);
    },
  },
  {
    attack: 'challenge replay: the same challenge with another good code', status: 401, code: 'CHALLENGE_INVALID',
    async run(stand, attempt) {
      const { account } = await enrolled(stand);
      const by = stranger(stand);
      const { json } = wanted(await attempt(by, 'POST', '/v1/sign-in', { body: { email: account.email, password: account.password } }), 200);
      const answer = (code: string) => attempt(by, 'POST', '/v1/sign-in/verify', { body: { challenge: json['challenge'], code } });
      wanted(await answer(account.backupCodes[1]!), 200);
      return answer(account.backupCodes[2]!);
    },
  },
];

const GUESSING: readonly Attack[] = [
  {
    attack: 'guessing at one account from many addresses', status: 429, code: 'ATTEMPTS_LOCKED', recorded: 'identity.sign-in.locked', data: { what: 'password', by: 'password', failures: FAILURES_TO_LOCK },
    async run(stand, attempt) {
      const { account } = await usually(stand);
      return guess(attempt, Array.from({ length: FAILURES_TO_LOCK + 1 }, () => ({ by: stranger(stand), email: account.email })));
    },
  },
  {
    attack: 'password spraying: many accounts from one address', status: 429, code: 'ATTEMPTS_LOCKED', recorded: 'identity.sign-in.locked', data: { what: 'password', by: 'network', failures: FAILURES_TO_LOCK },
    async run(stand, attempt) {
      const by = stranger(stand);
      return guess(attempt, Array.from({ length: FAILURES_TO_LOCK + 1 }, (_, at) => ({ by, email: `sprayed${String(at)}@example.com` })));
    },
  },
  {
    attack: 'lockout abuse: strangers lock an account, its owner comes on a known device', status: 200, code: 'none', recorded: 'identity.session.started',
    async run(stand, attempt) {
      const { account, browser } = await usually(stand);
      const locked = await guess(attempt, Array.from({ length: FAILURES_TO_LOCK + 1 }, () => ({ by: stranger(stand), email: account.email })));
      wanted(locked, 429);
      return attempt(browser, 'POST', '/v1/sign-in', { body: { email: account.email, password: account.password } });
    },
  },
  {
    attack: 'finding out who has an account', status: 401, code: 'SIGN_IN_REFUSED', recorded: 'identity.sign-in.failed', data: { what: 'password', why: 'SIGN_IN_REFUSED' },
    async run(stand, attempt) {
      const { account } = await usually(stand);
      const [wrong, unknown] = await Promise.all([account.email, 'nobody@example.com'].map((email) => attempt(stranger(stand), 'POST', '/v1/sign-in', { body: { email, password: WRONG } })));
      const shown = ({ status, json: { correlationId: _id, ...rest } }: BrowserAnswer): string => JSON.stringify([status, rest]);
      if (shown(wrong!) !== shown(unknown!)) throw new Error(`${shown(wrong!)} is not ${shown(unknown!)}`);
      return unknown!;
    },
  },
];

const RIGHTS: readonly Attack[] = [
  {
    attack: 'mass assignment: a role in a registration', status: 400, code: 'REQUEST_INVALID',
    run: (stand, attempt) => attempt(stranger(stand), 'POST', '/v1/register', { body: { email: 'mass@example.com', name: 'Mass', password: 'a passphrase of somebody', roles: [{ role: 'owner' }] } }),
  },
  {
    attack: 'mass assignment: somebody else in a request about oneself', status: 400, code: 'REQUEST_INVALID',
    run: async (stand, attempt) => attempt((await usually(stand)).browser, 'POST', REVOKE_ALL, { body: { userId: stand.admin.account.userId } }),
  },
  {
    attack: 'role escalation: a member makes himself owner', status: 403, code: 'FORBIDDEN', recorded: DENIED, data: { code: 'FORBIDDEN' },
    async run(stand, attempt) {
      const { account, browser } = await usually(stand);
      return attempt(browser, 'POST', `/v1/admin/users/${account.userId}/roles`, { body: { role: 'owner' } });
    },
  },
  {
    attack: 'role escalation: an administrator gives what he does not hold', status: 403, code: 'GRANT_EXCEEDS_OWN', recorded: DENIED, data: { operation: 'role-grant', code: 'GRANT_EXCEEDS_OWN' },
    async run(stand, attempt) {
      const { account, browser } = await enrolled(stand);
      wanted(await stand.admin.browser.post(`/v1/admin/users/${account.userId}/roles`, { role: 'admin' }), 204);
      return attempt(browser, 'POST', `/v1/admin/users/${account.userId}/roles`, { body: { role: 'owner' } });
    },
  },
  {
    attack: 'tenant hopping: the record of another organisation', status: 403, code: 'FORBIDDEN', recorded: DENIED, data: { operation: 'GET /v1/ledgers/:tenant/events', code: 'FORBIDDEN' },
    async run(stand, attempt) {
      const { account, browser } = await usually(stand);
      wanted(await stand.admin.browser.post(`/v1/admin/users/${account.userId}/roles`, { role: 'viewer', organization: HOME }), 204);
      const ofHome = await attempt(browser, 'GET', `/v1/ledgers/${HOME}/events`);
      if (ofHome.json.code === 'FORBIDDEN') throw new Error('not even his own');
      return attempt(browser, 'GET', `/v1/ledgers/${ELSEWHERE}/events`);
    },
  },
  {
    attack: 'tenant hopping: another organisation\'s name by way of the path', status: 400, code: 'REQUEST_INVALID',
    run: async (stand, attempt) => attempt((await usually(stand)).browser, 'GET', `/v1/ledgers/${HOME}%2f..%2fsystem/events`),
  },
  {
    attack: 'an Idempotency-Key again, with another body', status: 422, code: 'IDEMPOTENCY_KEY_REUSED', recorded: 'identity.user.sessions-ended',
    async run(stand, attempt) {
      const { browser } = await usually(stand);
      const headers = { 'idempotency-key': randomUUID() };
      const once = (keepCurrent: boolean | undefined) => attempt(browser, 'POST', REVOKE_ALL, { headers, body: { keepCurrent: keepCurrent ?? true } });
      wanted(await once(true), 200);
      const again = wanted(await once(true), 200);
      if (again.headers['idempotency-replayed'] !== 'true') throw new Error('it was done twice');
      return once(false);
    },
  },
];

export const ATTACKS: readonly Attack[] = [...SESSIONS, ...FORGED, ...FACTORS, ...GUESSING, ...RIGHTS];

const enrolledOnes = new WeakMap<WholeStand, Promise<Person>>();

/** The same person each time, with a second factor: codes are used by one attack each. */
function enrolled(stand: WholeStand): Promise<Person> {
  const before = enrolledOnes.get(stand) ?? usually(stand).then(async (person) => {
    await person.account.enrol(person.browser);
    return person;
  });
  enrolledOnes.set(stand, before);
  return before;
}

async function verify(stand: WholeStand, attempt: Attempt, { email, password }: Account, code: string): Promise<BrowserAnswer> {
  const by = stranger(stand);
  const { json } = wanted(await attempt(by, 'POST', '/v1/sign-in', { body: { email, password } }), 200);
  return attempt(by, 'POST', '/v1/sign-in/verify', { body: { challenge: json['challenge'], code } });
}

/** One after the other; gives back the last answer. The others must have been refused for the password. */
async function guess(attempt: Attempt, guesses: readonly { readonly by: Browser; readonly email: string }[]): Promise<BrowserAnswer> {
  let last: BrowserAnswer | undefined;
  for (const { by, email } of guesses) {
    if (last !== undefined) wanted(last, 401);
    last = await attempt(by, 'POST', '/v1/sign-in', { body: { email, password: WRONG } });
  }
  return last!;
}
