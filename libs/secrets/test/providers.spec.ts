import { chmod, mkdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startAws, startVault, type AwsFixture, type VaultFixture } from '@countersign/cloud-fixture';
import { openVault, type Vault } from '@countersign/vault';
import { AwsProvider, EnvProvider, FileProvider, VaultProvider } from '../src/index.js';
import { CANARY, providerContract } from './provider-contract.js';
import { tempDir } from './temp-dir.js';

const TIMEOUT_MS = 200;
const CREATED = '2026-01-02T00:00:00Z';

providerContract('files', async () => {
  const dir = await tempDir();
  return {
    provider: new FileProvider(),
    put: async (name, value) => {
      await writeFile(join(dir, name), value, { mode: 0o600 });
      return join(dir, name);
    },
    remove: (name) => rm(join(dir, name)),
    nowhere: join(dir, 'none', 'such'),
    close: async () => undefined,
  };
});

providerContract('the environment, in development', async () => {
  const env: Record<string, string | undefined> = {};
  return {
    provider: new EnvProvider(env, true),
    put: async (name, value) => {
      env[name] = value;
      return name;
    },
    remove: async (name) => void delete env[name],
    nowhere: 'none',
    outsider: async () => ({ provider: new EnvProvider({ ONE: CANARY }, false), location: 'ONE' }),
    close: async () => undefined,
  };
});

providerContract('AWS Secrets Manager', async () => {
  const aws = await startAws();
  const options = { region: aws.region, endpoint: aws.url, credentials: aws.credentials, attemptTimeoutMs: TIMEOUT_MS };
  const provider = new AwsProvider(options);
  const impostor = new AwsProvider({ ...options, credentials: { ...aws.credentials, secretAccessKey: 'another' } });
  return {
    provider,
    put: async (name, value) => {
      aws.secrets.put(`countersign/${name}`, value, Date.parse(CREATED) / 1_000);
      return `countersign/${name}`;
    },
    remove: async (name) => aws.secrets.delete(`countersign/${name}`),
    nowhere: 'countersign/none',
    outsider: async () => ({ provider: impostor, location: 'countersign/one' }),
    faults: aws.faults,
    close: async () => {
      provider.close();
      impostor.close();
      await aws.close();
    },
  };
});

async function vaultOf(fixture: VaultFixture, token: string): Promise<Vault> {
  const path = join(await tempDir(), 'token');
  await writeFile(path, token);
  return openVault({ address: fixture.url, auth: { kind: 'token-file', path }, timeoutMs: TIMEOUT_MS, onError: () => undefined });
}

providerContract('Vault', async () => {
  const fixture = await startVault();
  const provider = new VaultProvider(await vaultOf(fixture, fixture.tokens.issue(0)));
  const impostor = new VaultProvider(await vaultOf(fixture, 'hvs.unknown'));
  return {
    provider,
    put: async (name, value) => {
      fixture.kv.put(`countersign/${name}`, { value }, CREATED);
      return `countersign/${name}`;
    },
    remove: async (name) => fixture.kv.delete(`countersign/${name}`),
    nowhere: 'countersign/none',
    outsider: async () => ({ provider: impostor, location: 'countersign/one' }),
    faults: fixture.faults,
    close: async () => {
      provider.close();
      impostor.close();
      await fixture.close();
    },
  };
});

describe('a secret in a file', () => {
  const provider = new FileProvider();
  it.each([
    ['one newline at the end', 'value\n', 'value'],
    ['one Windows newline at the end', 'value\r\n', 'value'],
    ['only the last of two newlines', 'value\n\n', 'value\n'],
    ['nothing else', ' value\t', ' value\t'],
  ])('loses %s', async (_what, content, value) => {
    const path = join(await tempDir(), 'secret');
    await writeFile(path, content);
    expect((await provider.read(path)).value.toString()).toBe(value);
  });

  it('is found behind a link that is swapped, and dated by its file', async () => {
    const dir = await tempDir();
    await mkdir(join(dir, '..v1'));
    await writeFile(join(dir, '..v1', 'secret'), 'first');
    await utimes(join(dir, '..v1', 'secret'), 1_000, 2_000);
    await symlink('..v1/secret', join(dir, 'secret'));
    expect(await provider.read(join(dir, 'secret'))).toMatchObject({ value: Buffer.from('first'), changedAtMs: 2_000_000 });
  });

  it('warns when every user of the machine may touch it', async () => {
    const path = join(await tempDir(), 'secret');
    await writeFile(path, 'value');
    for (const [mode, isOpen] of [[0o600, false], [0o640, false], [0o644, true], [0o602, true]] as const) {
      await chmod(path, mode);
      expect((await provider.read(path)).warning).toEqual(isOpen ? expect.stringContaining(mode.toString(8)) : undefined);
    }
  });

  it('is no folder', async () => {
    await expect(provider.read(await tempDir())).rejects.toMatchObject({ code: 'SECRET_MALFORMED' });
  });
});

describe('a field of a secret', () => {
  let aws: AwsFixture;
  let vault: VaultFixture;
  let fromAws: AwsProvider;
  let fromVault: VaultProvider;
  beforeAll(async () => {
    aws = await startAws();
    vault = await startVault();
    fromAws = new AwsProvider({ region: aws.region, endpoint: aws.url, credentials: aws.credentials });
    fromVault = new VaultProvider(await vaultOf(vault, vault.tokens.issue(0)));
    const fields = { url: 'postgres://a', port: 5432, '': 'unnamed' };
    aws.secrets.put('db', JSON.stringify(fields), Date.parse(CREATED) / 1_000);
    aws.secrets.put('plain', CANARY, 0);
    aws.secrets.put('binary', Buffer.from([0xff, 0x00]), 0);
    vault.kv.put('db', fields, CREATED);
  });
  afterAll(async () => {
    fromAws.close();
    fromVault.close();
    await Promise.all([aws.close(), vault.close()]);
  });

  it('is taken from JSON in AWS and from the fields in Vault, with version and date', async () => {
    const reading = { value: Buffer.from('postgres://a'), changedAtMs: Date.parse(CREATED) };
    expect(await fromAws.read('db#url')).toMatchObject({ ...reading, version: expect.stringMatching(/^0{8}-/) });
    expect(await fromVault.read('db#url')).toMatchObject({ ...reading, version: '1' });
  });

  it('may be binary in AWS', async () => {
    expect((await fromAws.read('binary')).value).toEqual(Buffer.from([0xff, 0x00]));
  });

  it.each(['db#port', 'db#none', 'db#__proto__', 'db#', '../db#url', 'a/../db', '/db', 'd b'])('is malformed: %s', async (location) => {
    for (const provider of [fromAws, fromVault]) await expect(provider.read(location)).rejects.toMatchObject({ code: 'SECRET_MALFORMED' });
  });

  it('is not looked for in what is no JSON', async () => {
    await expect(fromAws.read('plain#url')).rejects.toMatchObject({ code: 'SECRET_MALFORMED', message: expect.not.stringContaining(CANARY) });
    await expect(fromVault.read('db')).rejects.toMatchObject({ code: 'SECRET_MALFORMED' });
  });
});
