import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startVault, type VaultFixture } from '@countersign/cloud-fixture';
import { openVault, type Vault } from '@countersign/vault';
import { VaultRootKey } from '../../src/root/vault-root-key.js';
import { remoteContract } from './remote-contract.js';
import { CONTEXT, rootKeyContract } from './root-key-contract.js';
import { tempDir } from './temp-dir.js';

const ATTEMPT_TIMEOUT_MS = 250;
const opened: Vault[] = [];
afterAll(() => {
  for (const one of opened) one.close();
});

async function vaultOf(fixture: VaultFixture, token = fixture.tokens.issue(0)): Promise<Vault> {
  const path = join(await tempDir(), 'token');
  await writeFile(path, token, { mode: 0o600 });
  opened.push(openVault({ address: fixture.url, auth: { kind: 'token-file', path }, timeoutMs: ATTEMPT_TIMEOUT_MS, onError: () => undefined }));
  return opened.at(-1)!;
}

rootKeyContract('Vault transit', async () => {
  const fixture = await startVault();
  fixture.transit.createKey('root');
  fixture.transit.createKey('other');
  let nowMs = 0;
  const open = async (key = 'root') => new VaultRootKey({ vault: await vaultOf(fixture), key, now: () => nowMs });
  return {
    provider: await open(),
    reopen: () => open(),
    stranger: () => open('other'),
    rotate: async () => {
      fixture.transit.rotate('root');
      nowMs += 60_000;
    },
    close: () => fixture.close(),
  };
});

remoteContract('Vault transit', async () => {
  const fixture = await startVault();
  fixture.transit.createKey('root');
  const open = (vault: Vault) => new VaultRootKey({ vault, key: 'root', now: () => 0 });
  const impostor = open(await vaultOf(fixture, 'hvs.unknown'));
  return { provider: open(await vaultOf(fixture)), faults: fixture.faults, impostor: () => impostor, close: () => fixture.close() };
});

describe('a root key in Vault transit', () => {
  let fixture: VaultFixture;
  beforeAll(async () => {
    fixture = await startVault();
  });
  afterAll(() => fixture.close());
  const open = async (key: string) => new VaultRootKey({ vault: await vaultOf(fixture), key, now: () => 0 });

  it('that is not derived is refused before anything is wrapped: it would bind no context', async () => {
    fixture.transit.createKey('flat', { derived: false });
    const provider = await open('flat');
    await expect(provider.wrap(CONTEXT, randomBytes(32))).rejects.toMatchObject({ code: 'ROOT_KEY_DENIED', message: expect.stringContaining('derived=true') });
    await expect(provider.describe()).rejects.toMatchObject({ code: 'ROOT_KEY_DENIED' });
  });

  it('that does not exist is unknown, and is not made by asking', async () => {
    const provider = await open('nobody');
    await expect(provider.wrap(CONTEXT, randomBytes(32))).rejects.toMatchObject({ code: 'ROOT_KEY_UNKNOWN' });
    await expect(provider.describe()).rejects.toMatchObject({ code: 'ROOT_KEY_UNKNOWN' });
  });

  it('does not unwrap under a version that was retired, nor under one that never was', async () => {
    fixture.transit.createKey('aged');
    const provider = await open('aged');
    const text = await provider.wrap(CONTEXT, randomBytes(32));
    fixture.transit.rotate('aged');
    const renewed = await provider.rewrap(CONTEXT, text);
    fixture.transit.setMinDecryptionVersion('aged', 2);
    await expect(provider.unwrap(CONTEXT, text)).rejects.toMatchObject({ code: 'ROOT_KEY_UNKNOWN' });
    await expect(provider.rewrap(CONTEXT, text)).rejects.toMatchObject({ code: 'ROOT_KEY_UNKNOWN' });
    await expect(provider.unwrap(CONTEXT, renewed.replace(':v2:', ':v3:'))).rejects.toMatchObject({ code: 'ROOT_KEY_UNKNOWN' });
    expect(await provider.unwrap(CONTEXT, renewed)).toHaveLength(32);
  });
});
