import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { startVault } from '@countersign/cloud-fixture';
import { openRootKey, readRootKeyConfig, type OpenRootKeyOptions } from '../../src/root/open-root-key.js';
import { CONTEXT } from './root-key-contract.js';
import { tempDir } from './temp-dir.js';

const ARN = 'arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-4000-8000-000000000000';
const OPTIONS: OpenRootKeyOptions = { mayCreate: true, now: () => 0, log: { info: () => undefined, warn: () => undefined } };

describe('the configured root key', () => {
  it('is a sealed file by default', async () => {
    const config = readRootKeyConfig({ KEYS_ROOT_DIR: join(await tempDir(), 'root') });
    const { rootKey, close } = await openRootKey(config, { ...OPTIONS, passphrase: 'correct horse' });
    expect(await rootKey.describe()).toMatchObject({ provider: 'sealed-file', protection: 'passphrase' });
    close();
  });

  it('is a key in Vault', async () => {
    const fixture = await startVault();
    fixture.transit.createKey('root');
    const token = join(await tempDir(), 'token');
    await writeFile(token, fixture.tokens.issue(0));
    const env = { KEYS_ROOT_PROVIDER: 'vault', KEYS_ROOT_VAULT_KEY: 'root', COUNTERSIGN_VAULT_ADDRESS: fixture.url, COUNTERSIGN_VAULT_TOKEN_FILE: token };
    const { rootKey, close } = await openRootKey(readRootKeyConfig(env), OPTIONS);
    expect(await rootKey.unwrap(CONTEXT, await rootKey.wrap(CONTEXT, Buffer.alloc(32, 1)))).toEqual(Buffer.alloc(32, 1));
    close();
    const missing = readRootKeyConfig({ ...env, KEYS_ROOT_VAULT_KEY: 'nobody' });
    await expect(openRootKey(missing, OPTIONS)).rejects.toMatchObject({ code: 'ROOT_KEY_UNKNOWN' });
    await fixture.close();
  });

  it('is a key in AWS KMS', () => {
    const env = { KEYS_ROOT_PROVIDER: 'aws-kms', KEYS_ROOT_KMS_ARN: ARN, KEYS_ROOT_KMS_PREVIOUS_ARNS: `${ARN},${ARN}`, KEYS_ROOT_KMS_REGION: 'eu-central-1' };
    expect(readRootKeyConfig(env)).toEqual({ provider: 'aws-kms', keyArn: ARN, previousKeyArns: [ARN, ARN], region: 'eu-central-1', endpoint: undefined });
  });

  it.each([
    ['KEYS_ROOT_DIR', {}],
    ['KEYS_ROOT_PROVIDER', { KEYS_ROOT_PROVIDER: randomBytes(4).toString('hex') }],
    ['KEYS_ROOT_KMS_REGION', { KEYS_ROOT_PROVIDER: 'aws-kms', KEYS_ROOT_KMS_ARN: ARN }],
    ['KEYS_ROOT_VAULT_KEY', { KEYS_ROOT_PROVIDER: 'vault' }],
  ])('names %s when it is missing or bad', (name, env) => {
    expect(() => readRootKeyConfig(env)).toThrow(expect.objectContaining({ code: 'BAD_CONFIG', variables: [expect.objectContaining({ name })] }));
  });
});
