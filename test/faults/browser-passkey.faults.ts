import { hash, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Account, Browser, browserAgent, choosePort, Platform, startTestStack, type Devstack } from '@countersign/devstack';
import { chromium, type Browser as Chromium, type CDPSession, type Page } from 'playwright-core';

// What a browser of flesh makes of our passkeys: the real edge, the real ceremony of Chromium, an authenticator of its DevTools (WebAuthn L3 §11).
const PROGRAM = ['chromium', 'chromium-browser', 'google-chrome'].flatMap((name) => (process.env['PATH'] ?? '').split(delimiter).concat('/usr/bin').map((folder) => join(folder, name))).find((path) => existsSync(path));

const AUTHENTICATOR = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } as const;

/** In the page: asks our API as a page of ours does, with the cookies of the browser. */
const ASK = `async (method, path, body) => {
  const csrf = /(?:^|; )__Host-csrf=([^;]+)/.exec(document.cookie)?.[1];
  const response = await fetch(path, {
    method, credentials: 'same-origin',
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...(csrf === undefined ? {} : { 'x-csrf-token': decodeURIComponent(csrf) }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, json: text === '' ? {} : JSON.parse(text) };
}`;
const CREATE = 'async (options) => (await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })).toJSON()';
const GET = 'async (options) => (await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) })).toJSON()';

interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

let stack: Devstack;
let platform: Platform;
let browser: Chromium;
let page: Page;
let devtools: CDPSession;
let account: Account;

const inPage = <T>(script: string, ...args: readonly unknown[]): Promise<T> => page.evaluate<T>(`(${script})(${args.map((arg) => JSON.stringify(arg) ?? 'undefined').join(',')})`);
const ask = (method: string, path: string, body?: unknown): Promise<Answer> => inPage<Answer>(ASK, method, path, body);
/** Throws Error with the answer that was not expected. */
async function wantedOf(status: number, ...asked: Parameters<typeof ask>): Promise<Answer['json']> {
  const answer = await ask(...asked);
  if (answer.status !== status) throw new Error(`${asked[0]} ${asked[1]}: ${JSON.stringify(answer)}`);
  return answer.json;
}

if (PROGRAM === undefined) {
  it('SKIPPED: a passkey in Chromium, because there is none in PATH (Debian: apt-get install chromium)', () => {
    process.stderr.write('a passkey in Chromium: left out, because there is none in PATH (Debian: apt-get install chromium)\n');
    expect(PROGRAM).toBeUndefined();
  });
} else describe('a passkey in Chromium', () => inChromium(PROGRAM));

function inChromium(program: string): void {
  beforeAll(async () => {
    stack = await startTestStack();
    const port = String(await choosePort());
    const origin = `https://localhost:${port}`;
    platform = await Platform.open(stack, { isFast: true, env: { identity: { IDENTITY_PASSWORD_ITERATIONS: '200000', IDENTITY_PUBLIC_ORIGIN: origin } } });
    await platform.addEdge({ EDGE_HTTPS_PORT: port, EDGE_PUBLIC_ORIGIN: origin });
    const agent = browserAgent(platform.ca);
    account = await new Account('passkey@example.com').register(new Browser({ origin, agent }));
    agent.destroy();
    const spki = new X509Certificate(platform.ca).publicKey.export({ type: 'spki', format: 'der' });
    browser = await chromium.launch({
      executablePath: program,
      chromiumSandbox: process.getuid?.() !== 0,
      // This one certificate is trusted, by its key; an error that is ignored would switch WebAuthn off.
      args: [`--ignore-certificate-errors-spki-list=${hash('sha256', spki, 'base64')}`],
    });
    page = await (await browser.newContext()).newPage();
    devtools = await page.context().newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    await devtools.send('WebAuthn.addVirtualAuthenticator', { options: AUTHENTICATOR });
    // A page of ours that may talk to us.
    await page.goto(`${origin}/links/reset-password`);
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await platform?.stop();
    await stack?.stop();
  }, 60_000);

  it('is made, with the first backup codes', async () => {
    await wantedOf(200, 'POST', '/v1/sign-in', { email: account.email, password: account.password });
    const options = await wantedOf(200, 'POST', '/v1/account/passkeys/begin');
    const passkey = await inPage(CREATE, options);
    const made = await wantedOf(201, 'POST', '/v1/account/passkeys', { name: 'Chromium', passkey });
    expect(made['backupCodes']).toHaveLength(10);
    expect(made['principal']).toMatchObject({ userId: account.userId, mfa: { enrolled: true }, assurance: { level: 'mfa' } });
    expect((await wantedOf(200, 'GET', '/v1/account/passkeys'))['passkeys']).toMatchObject([{ name: 'Chromium', isSynced: false }]);
  });

  it('is not made twice on one authenticator', async () => {
    const options = await wantedOf(200, 'POST', '/v1/account/passkeys/begin');
    await expect(inPage(CREATE, options)).rejects.toThrow('InvalidStateError');
  });

  it('signs in alone', async () => {
    await wantedOf(204, 'POST', '/v1/sign-out');
    expect((await ask('GET', '/v1/account/principal')).status).toBe(401);
    const passkey = await inPage(GET, await wantedOf(200, 'GET', '/v1/sign-in/passkey'));
    const { principal } = await wantedOf(200, 'POST', '/v1/sign-in/passkey', { passkey });
    expect(principal).toMatchObject({ userId: account.userId, assurance: { level: 'mfa' } });
    expect((await wantedOf(200, 'GET', '/v1/account/principal'))['userId']).toBe(account.userId);
    expect(await ask('POST', '/v1/sign-in/passkey', { passkey })).toMatchObject({ status: 401, json: { code: 'CHALLENGE_INVALID' } });
  });

  it('is the second factor after the password, and proves again who it is', async () => {
    await wantedOf(204, 'POST', '/v1/sign-out');
    const { challenge, passkey: options, factors } = await wantedOf(200, 'POST', '/v1/sign-in', { email: account.email, password: account.password });
    expect(factors).toEqual(['passkey', 'backup-code']);
    const { principal } = await wantedOf(200, 'POST', '/v1/sign-in/verify', { challenge, passkey: await inPage(GET, options) });
    expect(principal).toMatchObject({ userId: account.userId, assurance: { level: 'mfa' } });
    const again = await inPage(GET, await wantedOf(200, 'GET', '/v1/account/step-up/passkey'));
    expect(await wantedOf(200, 'POST', '/v1/account/step-up', { passkey: again })).toMatchObject({ assurance: { level: 'mfa' } });
  });
}
