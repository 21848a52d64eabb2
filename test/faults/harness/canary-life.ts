import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import type { PasskeyCreation, PasskeyRequest, SubjectRequestView } from '@countersign/contracts';
import { totpSecretFrom } from '@countersign/credentials';
import { Account, Browser, SoftAuthenticator, wanted, type Canaries, type SmsGateway } from '@countersign/devstack';
import type { Deployment, Person } from './deployment.js';
import type { Postbox } from './postbox.js';
import { until } from './waiting.js';

const LIMIT_MS = 60_000;
/** What identity believes to be its public origin, unless it is told. */
const ORIGIN = 'https://localhost:8443';
export const ORGANIZATION = 'acme';
const CLOSING = 'globex';

/** Facts about somebody, each said nowhere else. */
export interface Facts {
  readonly name: string;
  readonly email: string;
  readonly secondEmail: string;
  readonly password: string;
  readonly phone: string;
  readonly ip: string;
  readonly userAgent: string;
  readonly keyName: string;
  readonly passkeyName: string;
  readonly nationalId: string;
  readonly details: string;
}

class Known extends Account {
  override readonly password: string;
  constructor({ email, name, password }: Facts) {
    super(email, name);
    this.password = password;
  }
}

/** Everything around the person that she does not do herself. */
export interface Surroundings {
  readonly deployment: Deployment;
  readonly postbox: Postbox;
  readonly sms: SmsGateway;
  /** API key of a service of the organisation that sends events. */
  readonly sender: { readonly name: string; readonly key: string };
}

export interface Life extends Person {
  /** What of it may be found nowhere once she is erased. */
  readonly canaries: Canaries;
  readonly archive: Buffer;
}

/** Two organisations, and a service that sends events to the ledger of one. */
export async function surround({ admin: { browser } }: Deployment): Promise<Surroundings['sender']> {
  wanted(await browser.ask('PUT', '/v1/admin/policy', { body: { policy: { isSmsAllowed: true } } }), 200);
  for (const organization of [ORGANIZATION, CLOSING]) wanted(await browser.post('/v1/organizations', { organization, name: organization }), 204);
  const accountId = wanted(await browser.post('/v1/admin/service-accounts', { name: 'clinic', organization: ORGANIZATION }), 201).json['accountId'] as string;
  wanted(await browser.post(`/v1/admin/service-accounts/${accountId}/roles`, { role: 'service', organization: ORGANIZATION }), 204);
  const grants = [{ permission: 'event.write', scope: 'organization' }];
  const key = wanted(await browser.post(`/v1/admin/service-accounts/${accountId}/api-keys`, { name: 'clinic', grants }), 201).json['key'] as string;
  return { name: 'clinic', key };
}

/** Somebody who does everything that an account can do, at the public API. */
export async function live(around: Surroundings, facts: Facts): Promise<Life> {
  const { deployment, postbox } = around;
  const browser = new Browser({ ...deployment.browser().options, ip: facts.ip, userAgent: facts.userAgent });
  const account = await new Known(facts).register(browser);
  const person = { account, browser };
  wanted(await browser.ask('PATCH', '/v1/account/profile', { body: { name: facts.name } }), 204);
  await proveWhoTheyAre(around, person, facts);
  await failToSignIn(browser, facts);
  const key = await useKey(browser, facts);
  await join(around, person, facts);
  await beSpokenOf(around, person, facts);
  wanted(await browser.post('/v1/password-reset', { email: facts.email }), 202);
  await changeAddress(around, person, facts);
  await askAndWithdraw(browser, facts);
  const archive = await exported(person);
  await until('mails of every kind came', LIMIT_MS, () => postbox.to(facts.email).length >= 4 && postbox.to(facts.secondEmail).length >= 1);
  const secrets = { totpSecret: totpSecretFrom(account.secret!), backupCode: account.backupCodes[0]!, apiKey: key, session: browser.cookies.get('__Host-session')! };
  return { ...person, canaries: { ...facts, ...secrets }, archive };
}

/** Authenticator, passkey, telephone; and a session that begins with each of the first two. */
async function proveWhoTheyAre({ sms, deployment }: Surroundings, { account, browser }: Person, facts: Facts): Promise<void> {
  wanted(await browser.post('/v1/account/phone', { phone: facts.phone }), 202);
  wanted(await browser.post('/v1/account/phone/confirm', { code: sms.code(facts.phone) }), 204);
  await account.enrol(browser);
  const key = new SoftAuthenticator(ORIGIN);
  const creation = wanted(await browser.post('/v1/account/passkeys/begin'), 200).json as unknown as PasskeyCreation;
  wanted(await browser.post('/v1/account/passkeys', { name: facts.passkeyName, passkey: key.make(creation) }), 201);
  const elsewhere = new Browser({ ...deployment.browser(1).options, ip: facts.ip, userAgent: facts.userAgent });
  const request = wanted(await elsewhere.get('/v1/sign-in/passkey'), 200).json as unknown as PasskeyRequest;
  wanted(await elsewhere.post('/v1/sign-in/passkey', { passkey: key.answer(request) }), 200);
  wanted(await elsewhere.post('/v1/sign-out'), 204);
  await account.signIn(new Browser(elsewhere.options));
}

async function failToSignIn({ options }: Browser, { email }: Facts): Promise<void> {
  const stranger = new Browser(options);
  expect(wanted(await stranger.post('/v1/sign-in', { email, password: 'not the right passphrase' }), 401).json.code).toBe('SIGN_IN_REFUSED');
  wanted(await stranger.post('/v1/register', { email, name: 'An impostor', password: 'a passphrase of an impostor' }), 202);
}

async function useKey(browser: Browser, { keyName }: Facts): Promise<string> {
  const { json } = wanted(await browser.post('/v1/account/api-keys', { name: keyName, grants: [{ permission: 'user.read', scope: 'own' }] }), 201);
  const key = json['key'] as string;
  wanted(await new Browser(browser.options).ask('GET', '/v1/account/profile', { headers: { authorization: `Bearer ${key}` } }), 200);
  return key;
}

/** One organisation she joins and acts in; the invitation of the other one she leaves unanswered. */
async function join({ deployment: { admin }, postbox }: Surroundings, { browser }: Person, { email }: Facts): Promise<void> {
  const before = postbox.tokens(email).length;
  for (const [at, organization] of [ORGANIZATION, CLOSING].entries()) {
    wanted(await admin.browser.post(`/v1/organizations/${organization}/invitations`, { email }), 201);
    await until(`an invitation to ${organization}`, LIMIT_MS, () => postbox.tokens(email).length > before + at);
  }
  wanted(await browser.post('/v1/account/invitations', { token: postbox.tokens(email)[before] }), 204);
  wanted(await browser.post('/v1/account/organization', { organization: ORGANIZATION }), 204);
}

/** A service of the organisation records what it knows of her. */
async function beSpokenOf({ deployment, sender: { name, key } }: Surroundings, { account: { userId } }: Person, facts: Facts): Promise<void> {
  const { nationalId, ip } = facts;
  const event = { id: randomUUID(), type: `http.${name}.note.written`, time: new Date().toISOString(), resource: { type: 'user', id: userId }, personal: [{ subject: userId, data: { name: facts.name, nationalId, ip } }] };
  wanted(await deployment.browser().ask('POST', '/v1/events', { body: event, headers: { authorization: `Bearer ${key}` } }), 200);
}

async function changeAddress({ postbox }: Surroundings, { browser }: Person, { secondEmail }: Facts): Promise<void> {
  wanted(await browser.post('/v1/account/email', { email: secondEmail }), 202);
  await until('the link to the new address', LIMIT_MS, () => postbox.tokens(secondEmail).length > 0);
  wanted(await browser.post('/v1/email-change', { token: postbox.tokens(secondEmail).at(-1) }), 204);
}

async function askAndWithdraw(browser: Browser, { details }: Facts): Promise<void> {
  const { requestId } = wanted(await browser.post('/v1/account/privacy/correct', { details }), 202).json as unknown as SubjectRequestView;
  wanted(await browser.post(`/v1/account/privacy/requests/${requestId}/withdraw`), 204);
}

/** The archive of everything that is held of somebody, fetched by its link. */
export async function exported({ browser }: Person): Promise<Buffer> {
  const { requestId } = wanted(await browser.post('/v1/account/privacy/export', {}), 202).json as unknown as SubjectRequestView;
  await until('the archive is ready', LIMIT_MS, async () => {
    const { requests } = wanted(await browser.get('/v1/account/privacy/requests'), 200).json as unknown as { requests: SubjectRequestView[] };
    return requests.some((one) => one.requestId === requestId && one.state === 'ready');
  });
  const { url } = wanted(await browser.post(`/v1/account/privacy/requests/${requestId}/link`), 200).json as { url: string };
  return wanted(await browser.get(url), 200).bytes;
}
