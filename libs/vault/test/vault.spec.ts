import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startVault, type VaultFixture } from '@countersign/cloud-fixture';
import { openVault, readVaultOptions, type Vault, type VaultAuth, type VaultOptions } from '../src/index.js';

const TLS = join(import.meta.dirname, 'tls');

describe('a client of Vault', () => {
  let dir: string;
  let fixture: VaultFixture;
  const opened: Vault[] = [];
  const errors: unknown[] = [];
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'countersign-vault-'));
  });
  beforeEach(async () => {
    fixture = await startVault();
    fixture.kv.put('one', { value: 'v' }, '2026-01-02T00:00:00Z');
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) one.close();
    errors.length = 0;
    await fixture.close();
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(dir, name), text, { mode: 0o600 });
    return join(dir, name);
  };
  const open = (auth: VaultAuth, given: Partial<VaultOptions> = {}): Vault => {
    opened.push(openVault({ address: fixture.url, auth, timeoutMs: 250, onError: (error) => void errors.push(error), ...given }));
    return opened.at(-1)!;
  };
  const tokenFile = async (token = fixture.tokens.issue(0)): Promise<VaultAuth> => ({ kind: 'token-file', path: await file('token', `${token}\n`) });
  const approle = async (): Promise<VaultAuth> => ({ kind: 'approle', roleId: fixture.tokens.roleId, secretIdFile: await file('secret-id', `${fixture.tokens.secretId}\n`) });
  const readOne = (vault: Vault): Promise<unknown> => vault.call('GET', 'secret/data/one');

  it('logs in by token file, AppRole and Kubernetes, once for calls that begin together', async () => {
    const { role, jwt } = fixture.tokens.kubernetes;
    const ways = [await tokenFile(), await approle(), { kind: 'kubernetes', role, jwtFile: await file('jwt', jwt) } as const];
    for (const way of ways) {
      const vault = open(way);
      const answers = await Promise.all([1, 2, 3].map(() => readOne(vault)));
      expect(answers).toMatchObject(Array(3).fill({ data: { value: 'v' } }));
    }
    expect(fixture.tokens.logins).toBe(2);
  });

  it('renews its token before it ends, without being asked', async () => {
    fixture.tokens.ttlSeconds = 2;
    const vault = open(await approle());
    await readOne(vault);
    await sleep(2_600);
    expect([fixture.tokens.logins, fixture.tokens.renewals]).toEqual([1, 1]);
    expect(await readOne(vault)).toMatchObject({ data: { value: 'v' } });
    expect(errors).toEqual([]);
  });

  it('logs in again when its token was revoked', async () => {
    const vault = open(await approle());
    await readOne(vault);
    fixture.tokens.revokeAll();
    expect(await readOne(vault)).toMatchObject({ data: { value: 'v' } });
    expect(fixture.tokens.logins).toBe(2);
  });

  it('takes the token that somebody else put into the file', async () => {
    const vault = open(await tokenFile());
    await readOne(vault);
    fixture.tokens.revokeAll();
    await expect(readOne(vault)).rejects.toMatchObject({ code: 'VAULT_DENIED' });
    await file('token', fixture.tokens.issue(0));
    expect(await readOne(vault)).toMatchObject({ data: { value: 'v' } });
  });

  it.each([
    ['a secret id that is wrong', async (): Promise<VaultAuth> => ({ kind: 'approle', roleId: fixture.tokens.roleId, secretIdFile: await file('wrong', 'wr0ng') })],
    ['a role that is not bound', async (): Promise<VaultAuth> => ({ kind: 'kubernetes', role: 'other', jwtFile: await file('jwt', 'wr0ng') })],
    ['a token that ended', () => tokenFile('hvs.wr0ng')],
  ])('is denied with %s, and does not say it', async (_what, way) => {
    const error = await readOne(open(await way())).then(() => undefined, (reason: unknown) => reason as Error);
    expect(error).toMatchObject({ name: 'VaultError', code: 'VAULT_DENIED' });
    expect(`${error?.message}${error?.stack}`).not.toContain('wr0ng');
  });

  it('sends its namespace, without which nothing is answered', async () => {
    const inside = await startVault({ namespace: 'audit' });
    inside.kv.put('one', { value: 'inner' }, '2026-01-02T00:00:00Z');
    const way = await tokenFile(inside.tokens.issue(0));
    expect(await readOne(open(way, { address: inside.url, namespace: 'audit' }))).toMatchObject({ data: { value: 'inner' } });
    await expect(readOne(open(way, { address: inside.url }))).rejects.toMatchObject({ code: 'VAULT_DENIED' });
    await inside.close();
  });

  it('trusts the authority it was given and no other', async () => {
    const [key, cert] = await Promise.all(['server-key.pem', 'server.pem'].map((name) => readFile(join(TLS, name), 'utf8')));
    const secure = await startVault({ tls: { key: key!, cert: cert! } });
    secure.kv.put('one', { value: 'tls' }, '2026-01-02T00:00:00Z');
    const way = await tokenFile(secure.tokens.issue(0));
    expect(await readOne(open(way, { address: secure.url, caFile: join(TLS, 'server.pem') }))).toMatchObject({ data: { value: 'tls' } });
    await expect(readOne(open(way, { address: secure.url }))).rejects.toMatchObject({ code: 'VAULT_UNAVAILABLE', message: expect.stringContaining('CERT') });
    await secure.close();
  });

  it('tells a path that is not there from a proxy without Vault behind it', async () => {
    const vault = open(await tokenFile());
    await expect(vault.call('GET', 'secret/data/none')).rejects.toMatchObject({ code: 'VAULT_NOT_FOUND' });
    fixture.faults.set('garbage');
    await expect(vault.call('GET', 'secret/data/one')).rejects.toMatchObject({ code: 'VAULT_UNAVAILABLE' });
  });

  it.each(['slow', 'error', 'throttled', 'drop'] as const)('tells %s as unavailable after three attempts', async (fault) => {
    const vault = open(await tokenFile());
    await readOne(vault);
    fixture.faults.set(fault);
    await expect(readOne(vault)).rejects.toMatchObject({ code: 'VAULT_UNAVAILABLE' });
    expect(fixture.faults.requests).toBe(3);
  });

  it.each(['http://vault.example:8200', 'http://10.0.0.1:8200', 'ftp://127.0.0.1'])('does not send a token in clear to %s', async (address) => {
    const way = await tokenFile();
    expect(() => open(way, { address })).toThrow(expect.objectContaining({ code: 'VAULT_MISCONFIGURED' }));
  });

  it('names a credential file that is not there or empty', async () => {
    for (const path of [join(dir, 'none'), await file('empty', '\n')]) {
      await expect(readOne(open({ kind: 'token-file', path }))).rejects.toMatchObject({ code: 'VAULT_MISCONFIGURED', message: expect.stringContaining(path) });
    }
  });
});

describe('the configuration of Vault', () => {
  const ADDRESS = { COUNTERSIGN_VAULT_ADDRESS: 'https://vault.example:8200' };
  it.each([
    ['token file', { COUNTERSIGN_VAULT_TOKEN_FILE: '/t' }, { kind: 'token-file', path: '/t' }],
    ['AppRole', { COUNTERSIGN_VAULT_ROLE_ID: 'r', COUNTERSIGN_VAULT_SECRET_ID_FILE: '/s' }, { kind: 'approle', roleId: 'r', secretIdFile: '/s' }],
    ['Kubernetes', { COUNTERSIGN_VAULT_KUBERNETES_ROLE: 'r', COUNTERSIGN_VAULT_AUTH_MOUNT: 'k8s' }, { kind: 'kubernetes', role: 'r', mount: 'k8s' }],
  ])('is read for %s', (_what, env, auth) => {
    expect(readVaultOptions({ ...ADDRESS, ...env })).toMatchObject({ address: ADDRESS.COUNTERSIGN_VAULT_ADDRESS, auth });
  });

  it.each([
    ['COUNTERSIGN_VAULT_ADDRESS', { COUNTERSIGN_VAULT_TOKEN_FILE: '/t' }],
    ['COUNTERSIGN_VAULT_TOKEN_FILE', ADDRESS],
    ['COUNTERSIGN_VAULT_TOKEN_FILE', { ...ADDRESS, COUNTERSIGN_VAULT_TOKEN_FILE: '/t', COUNTERSIGN_VAULT_ROLE_ID: 'r' }],
    ['COUNTERSIGN_VAULT_SECRET_ID_FILE', { ...ADDRESS, COUNTERSIGN_VAULT_ROLE_ID: 'r' }],
  ])('names %s when it is missing or one too many', (name, env) => {
    expect(() => readVaultOptions(env)).toThrow(expect.objectContaining({ code: 'BAD_CONFIG', variables: [expect.objectContaining({ name })] }));
  });
});
