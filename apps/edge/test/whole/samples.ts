import { wanted } from '@countersign/devstack';
import type { Make } from './cast.js';
import { FACTOR_SAMPLES } from './samples-of-factors.js';
import { INCIDENT_SAMPLES } from './samples-of-incidents.js';
import { KEY_SAMPLES } from './samples-of-keys.js';
import { LINK_SAMPLES } from './samples-of-links.js';
import { ORGANIZATION_SAMPLES } from './samples-of-organizations.js';
import { PRIVACY_SAMPLES } from './samples-of-privacy.js';
import { RETENTION_SAMPLES } from './samples-of-retention.js';
import { HOME, type LedgerEvent, type Person, type WholeStand } from './whole-stand.js';

const reads = (query = ''): Make => async ({ stand }) => ({ by: stand.admin.browser, query, path: { tenant: 'system', index: '0', userId: stand.admin.account.userId, ...(await ofLedger(stand)) } });

/** An event that has been signed for, and the tile that holds it. */
const found = new WeakMap<WholeStand, Promise<Record<string, string>>>();

function ofLedger(stand: WholeStand): Promise<Record<string, string>> {
  const before = found.get(stand) ?? findInLedger(stand);
  found.set(stand, before);
  return before;
}

async function findInLedger(stand: WholeStand): Promise<Record<string, string>> {
  const isFirst = ({ tenant, index }: LedgerEvent): boolean => tenant === 'system' && index === 0;
  const { id } = (await stand.eventsOnce((events) => events.some(isFirst))).find(isFirst)!;
  for (;;) {
    const { status, text } = await stand.admin.browser.get('/v1/ledgers/system/checkpoint');
    const size = Number(text.split('\n')[1]);
    if (status === 200 && size > 0) return { eventId: id, path: size >= 256 ? '0/000' : `0/000.p/${String(size)}` };
  }
}

const SIGN_IN: Readonly<Record<string, Make>> = {
  'POST /v1/setup': async ({ stand }) => ({ by: stand.admin.browser, actor: stand.admin.account.userId, before: stand.setup, resource: { type: 'user', id: stand.admin.account.userId } }),
  'POST /v1/register': async ({ stand }) => ({ by: stand.browser(), body: { email: 'sample@example.com', name: 'Sample', password: 'a passphrase of a sample' }, resource: { type: 'user' } }),
  'POST /v1/sign-in': async (cast) => {
    const { account } = await cast.plain();
    return { by: cast.stand.browser(), actor: account.userId, body: { email: account.email, password: account.password }, resource: { type: 'session' } };
  },
  'POST /v1/sign-in/verify': async (cast) => {
    const { account } = await cast.enrolled();
    const by = cast.stand.browser();
    const { json } = wanted(await by.post('/v1/sign-in', { email: account.email, password: account.password }), 200);
    return { by, actor: account.userId, body: { challenge: json['challenge'], code: await account.code() }, resource: { type: 'session' } };
  },
  'POST /v1/sign-out': async (cast) => {
    const person = await cast.plain();
    const by = await cast.stand.another(person);
    return { by, actor: person.account.userId, resource: { type: 'session', id: await cast.stand.sessionId(by) } };
  },
};

const ACCOUNT: Readonly<Record<string, Make>> = {
  'GET /v1/account/principal': reads(),
  'GET /v1/account/profile': reads(),
  'GET /v1/account/sessions': reads(),
  'PATCH /v1/account/profile': async (cast) => cast.own(await cast.plain(), { body: { name: 'Somebody Else' } }),
  'POST /v1/account/password': async (cast) => {
    const person = await cast.stand.person();
    return cast.own(person, { body: { current: person.account.password, next: 'another passphrase of a sample' } });
  },
  'POST /v1/account/totp': async (cast) => cast.own(await cast.stand.person()),
  'POST /v1/account/totp/confirm': async (cast) => {
    const person = await cast.stand.person();
    person.account.secret = wanted(await person.browser.post('/v1/account/totp'), 201).json['secret'] as string;
    return cast.own(person, { body: { code: await person.account.code() } });
  },
  'POST /v1/account/step-up': async (cast) => {
    const person = await cast.plain();
    return cast.own(person, { body: { password: person.account.password }, resource: { type: 'session', id: await cast.stand.sessionId(person.browser) } });
  },
  'DELETE /v1/account/sessions/{sessionId}': async (cast) => {
    const person = await cast.plain();
    const sessionId = await cast.stand.sessionId(await cast.stand.another(person));
    return cast.own(person, { path: { sessionId }, resource: { type: 'session', id: sessionId } });
  },
  'POST /v1/account/sessions/revoke-all': async (cast) => cast.own(await cast.stand.person(), { body: { keepCurrent: true } }),
};

const ADMIN: Readonly<Record<string, Make>> = {
  'GET /v1/admin/users': reads(),
  'GET /v1/admin/users/{userId}': reads(),
  'GET /v1/admin/users/{userId}/sessions': reads(),
  'POST /v1/admin/users/{userId}/disable': async (cast) => cast.over(await cast.stand.person(), { reason: 'a sample' }),
  'POST /v1/admin/users/{userId}/enable': async (cast) => {
    const person = await cast.stand.person();
    wanted(await cast.stand.admin.browser.post(`/v1/admin/users/${person.account.userId}/disable`, { reason: 'a sample' }), 204);
    return cast.over(person);
  },
  'POST /v1/admin/users/{userId}/unlock': async (cast) => cast.over(await cast.plain()),
  'POST /v1/admin/users/{userId}/roles': async (cast) => cast.over(await cast.stand.person(), { role: 'viewer' }),
  'POST /v1/admin/users/{userId}/roles/revoke': async (cast) => {
    const person = await cast.stand.person();
    return cast.over(person, { role: 'member', organization: HOME });
  },
  'POST /v1/admin/users/{userId}/sessions/revoke-all': async (cast) => cast.over(await cast.stand.person()),
  'DELETE /v1/admin/sessions/{sessionId}': async (cast) => {
    const sessionId = await cast.stand.sessionId(await cast.stand.another(await cast.plain()));
    const { admin } = cast.stand;
    return { by: admin.browser, actor: admin.account.userId, path: { sessionId }, resource: { type: 'session', id: sessionId } };
  },
};

const LEDGERS: Readonly<Record<string, Make>> = {
  'GET /v1/ledgers/{tenant}': reads(),
  'GET /v1/ledgers/{tenant}/events': reads(),
  'GET /v1/ledgers/{tenant}/entries/{index}': reads(),
  'GET /v1/ledgers/{tenant}/receipts/{eventId}': reads(),
  'GET /v1/ledgers/{tenant}/proofs/{eventId}': reads(),
  'GET /v1/ledgers/{tenant}/consistency': reads('?from=1'),
  'GET /v1/ledgers/{tenant}/checkpoint': reads(),
  'GET /v1/ledgers/{tenant}/tile/{path}': reads(),
  'GET /v1/ledgers/{tenant}/export': reads(),
};

/** The one place to be extended with a new route: the test of coverage fails by the name of one that is not here. */
export const SAMPLES: Readonly<Record<string, Make>> = { ...SIGN_IN, ...ACCOUNT, ...ADMIN, ...LEDGERS, ...FACTOR_SAMPLES, ...ORGANIZATION_SAMPLES, ...RETENTION_SAMPLES, ...PRIVACY_SAMPLES, ...INCIDENT_SAMPLES, ...LINK_SAMPLES, ...KEY_SAMPLES };

/** Something for each parameter of a path: one's own, another user's of the same organisation, and of another organisation. */
export interface Values {
  readonly own: string;
  readonly other: string;
  readonly elsewhere: string;
}
export type Relation = keyof Values;
export const RELATIONS: readonly Relation[] = ['own', 'other', 'elsewhere'];

const same = (value: string): Values => ({ own: value, other: value, elsewhere: value });

export interface Trio {
  readonly own: Person;
  readonly other: Person;
  readonly elsewhere: Person;
}

/** The one place to be extended with a new parameter. */
export async function valuesOf(stand: WholeStand, people: Trio): Promise<Readonly<Record<string, Values>>> {
  const each = async (of: (person: Person) => string | Promise<string>): Promise<Values> => ({ own: await of(people.own), other: await of(people.other), elsewhere: await of(people.elsewhere) });
  return {
    userId: await each(({ account }) => account.userId),
    sessionId: await each(({ browser }) => stand.sessionId(browser)),
    proposalId: same('proposal'),
    holdId: same('hold'),
    incidentId: same('incident'),
    type: same('home.sample'),
    orderId: same('order'),
    tenant: { own: HOME, other: HOME, elsewhere: 'elsewhere' },
    organization: { own: HOME, other: HOME, elsewhere: 'elsewhere' },
    invitationId: same('AAAAAAAAAAAAAAAAAAAAAA'),
    role: same('sample'),
    caller: same(HOME),
    accountId: same('a-service-account'),
    keyId: same('AAAAAAAAAAAA'),
    passkeyId: same('AAAAAAAAAAAAAAAAAAAAAA'),
    index: same('0'),
    eventId: same('01890a5d-ac96-774b-bcce-b302099a8057'),
    requestId: same('AAAAAAAAAAAAAAAAAAAAAA'),
    token: same('AAAA'),
    path: same('0/000'),
  };
}
