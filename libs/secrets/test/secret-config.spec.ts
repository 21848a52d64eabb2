import { describe, expect, it } from '@jest/globals';
import type { Environment } from '@countersign/runtime';
import { readSecretSources, SERVICE_SECRETS } from '../src/index.js';

const NAMES = [{ name: 'LEDGER_DATABASE_URL' }, { name: 'LEDGER_KEYS_PASSPHRASE', isOptional: true }];
const read = (env: Environment) => readSecretSources(env, NAMES);
const VAULT = { COUNTERSIGN_SECRETS_PROVIDER: 'vault', COUNTERSIGN_VAULT_ADDRESS: 'https://vault.example', COUNTERSIGN_VAULT_TOKEN_FILE: '/t' };

describe('the configuration of secrets', () => {
  it.each([
    ['a file', { LEDGER_DATABASE_URL_FILE: '/run/secrets/db' }, 'file', '/run/secrets/db'],
    ['Vault', { ...VAULT, LEDGER_DATABASE_URL_SECRET: 'ledger/db#url' }, 'vault', 'ledger/db#url'],
    ['AWS', { COUNTERSIGN_SECRETS_PROVIDER: 'aws', COUNTERSIGN_SECRETS_AWS_REGION: 'eu-central-1', LEDGER_DATABASE_URL_SECRET: 'ledger/db' }, 'aws', 'ledger/db'],
    ['the environment, in development', { COUNTERSIGN_ENVIRONMENT: 'development', LEDGER_DATABASE_URL: 'postgres://a' }, 'env', 'LEDGER_DATABASE_URL'],
  ])('finds a secret in %s', (_where, env, provider, location) => {
    const sources = read(env);
    expect(Object.keys(sources)).toEqual(['LEDGER_DATABASE_URL']);
    expect(sources['LEDGER_DATABASE_URL']).toMatchObject({ provider: { name: provider }, location });
    sources['LEDGER_DATABASE_URL']?.provider.close();
  });

  it('refuses a secret in the environment in production, with its name and not its value', () => {
    const env = { LEDGER_DATABASE_URL: 'postgres://c4n4ry' };
    expect(() => read(env)).toThrow(expect.objectContaining({ code: 'SECRET_ENV_FORBIDDEN', message: expect.stringMatching(/^LEDGER_DATABASE_URL is in the environment(?!.*c4n4ry)/) }));
    expect(() => read({ ...env, COUNTERSIGN_ENVIRONMENT: 'production' })).toThrow(expect.objectContaining({ code: 'SECRET_ENV_FORBIDDEN' }));
  });

  it.each([
    ['LEDGER_DATABASE_URL_FILE', {}],
    ['LEDGER_DATABASE_URL_SECRET', { ...VAULT, LEDGER_DATABASE_URL_FILE: '/f', LEDGER_DATABASE_URL_SECRET: 's' }],
    ['LEDGER_DATABASE_URL', { LEDGER_DATABASE_URL_FILE: '/f', LEDGER_DATABASE_URL: 'postgres://c4n4ry' }],
    ['COUNTERSIGN_SECRETS_PROVIDER', { LEDGER_DATABASE_URL_SECRET: 's' }],
    ['COUNTERSIGN_SECRETS_AWS_REGION', { COUNTERSIGN_SECRETS_PROVIDER: 'aws', LEDGER_DATABASE_URL_SECRET: 's' }],
    ['COUNTERSIGN_VAULT_ADDRESS', { COUNTERSIGN_SECRETS_PROVIDER: 'vault', COUNTERSIGN_VAULT_TOKEN_FILE: '/t', LEDGER_DATABASE_URL_SECRET: 's' }],
    ['COUNTERSIGN_ENVIRONMENT', { COUNTERSIGN_ENVIRONMENT: 'staging', LEDGER_DATABASE_URL_FILE: '/f' }],
  ])('names %s when it is missing, bad or one too many', (name, env) => {
    expect(() => read(env)).toThrow(expect.objectContaining({ code: 'BAD_CONFIG', variables: [expect.objectContaining({ name })], message: expect.not.stringContaining('c4n4ry') }));
  });

  it('knows the secrets of every service under names of their own', () => {
    const names = Object.values(SERVICE_SECRETS).flatMap((secrets) => secrets.map(({ name }) => name as string));
    expect(names).toEqual(expect.arrayContaining(['LEDGER_DATABASE_URL', 'KEYS_ROOT_PASSPHRASE']));
    expect(new Set(names).size).toBe(names.length);
  });
});
