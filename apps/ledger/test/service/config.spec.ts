import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { ConfigError, type Environment } from '@countersign/runtime';
import { readConfig } from '../../src/config.js';
import { openLedgerSecrets } from '../../src/ledger-secrets.js';
import { tempDir } from '../fixture/temp-dir.js';

const SECRET = 'postgres://ledger_runtime:pa55word@db/ledger';

async function environment(given: Environment = {}): Promise<Environment> {
  const dir = await tempDir();
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(dir, name), text);
    return join(dir, name);
  };
  return {
    LEDGER_DATABASE_URL_FILE: await file('runtime', `${SECRET}\n`),
    LEDGER_READER_DATABASE_URL_FILE: await file('reader', 'postgres://reader'),
    COUNTERSIGN_DEPLOYMENT: 'production-7f3a9c21',
    LEDGER_NATS_URL: 'nats://127.0.0.1:4222',
    LEDGER_NATS_SEED_FILE: await file('seed', 'SUSEED'),
    LEDGER_STATE_DIR: dir,
    LEDGER_KEYS: 'sealed-file',
    LEDGER_ORIGIN_PREFIX: 'audit.example.com',
    ...given,
  };
}

function refusal(env: Environment): ConfigError {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('the configuration', () => {
  it('is read once into a frozen value, which holds no secret', async () => {
    const env = await environment();
    const config = readConfig(env);
    expect(config).toMatchObject({
      secretSources: { LEDGER_DATABASE_URL: { location: env['LEDGER_DATABASE_URL_FILE'] }, LEDGER_NATS_SEED: { provider: { name: 'file' } } },
      keysDir: `${env['LEDGER_STATE_DIR']}/keys`,
      httpHost: '127.0.0.1',
      httpPort: 8080,
      fullVerifyMs: 86_400_000,
      tailVerifyMs: 15_000,
      checkpointIntervalMs: 500,
      allowFsyncOff: false,
    });
    expect(Object.isFrozen(config)).toBe(true);
    expect(JSON.stringify(config)).not.toContain('pa55word');
  });

  it('takes what is given', async () => {
    const env = await environment({ LEDGER_KEYS_DIR: '/keys', LEDGER_HTTP_PORT: '0', LEDGER_FULL_VERIFY_HOURS: '0.5', LEDGER_ALLOW_FSYNC_OFF: 'true' });
    const withPassphrase = { ...env, LEDGER_KEYS_PASSPHRASE_FILE: env['LEDGER_NATS_SEED_FILE'] };
    expect(readConfig(withPassphrase)).toMatchObject({ keysDir: '/keys', httpPort: 0, fullVerifyMs: 1_800_000, allowFsyncOff: true });
    expect(Object.keys(readConfig(withPassphrase).secretSources)).toContain('LEDGER_KEYS_PASSPHRASE');
  });

  const REQUIRED = ['COUNTERSIGN_DEPLOYMENT', 'LEDGER_DATABASE_URL_FILE', 'LEDGER_READER_DATABASE_URL_FILE', 'LEDGER_NATS_URL', 'LEDGER_NATS_SEED_FILE', 'LEDGER_STATE_DIR', 'LEDGER_ORIGIN_PREFIX'];
  it.each(REQUIRED)('names %s when it is missing or empty', async (name) => {
    const env = await environment();
    for (const value of [undefined, '']) {
      expect(refusal({ ...env, [name]: value }).variables).toEqual([{ name, problem: 'is missing' }]);
    }
  });

  it('names everything that is wrong at once', () => {
    expect(refusal({}).variables.map(({ name }) => name).sort()).toEqual([...REQUIRED].sort());
  });

  it.each([
    ['COUNTERSIGN_DEPLOYMENT', 'production'],
    ['LEDGER_HTTP_PORT', '65536'],
    ['LEDGER_HTTP_PORT', 'eighty'],
    ['LEDGER_ORIGIN_PREFIX', 'https://audit.example.com'],
    ['LEDGER_ORIGIN_PREFIX', 'audit.example.com/'],
    ['LEDGER_LOG_LEVEL', 'loudest'],
    ['LEDGER_FULL_VERIFY_HOURS', '0'],
    ['LEDGER_TAIL_VERIFY_SECONDS', '61'],
    ['LEDGER_VERIFY_THREADS', '1.5'],
    ['LEDGER_CHECKPOINT_INTERVAL_MS', '1001'],
    ['LEDGER_ALLOW_FSYNC_OFF', 'yes'],
  ])('names %s and never its value: %s', async (name, value) => {
    const error = refusal(await environment({ [name]: value }));
    expect(error.variables.map((variable) => variable.name)).toEqual([name]);
    expect(error.message).not.toContain(`"${value}"`);
    expect(error.message).not.toContain('eighty');
  });

  const SECRETS = ['LEDGER_DATABASE_URL', 'LEDGER_READER_DATABASE_URL', 'LEDGER_NATS_SEED', 'LEDGER_KEYS_PASSPHRASE'];
  const LOG = { info: () => undefined, warn: () => undefined };

  it.each(SECRETS)('stops the start with the name of %s, not the path, when its file cannot be read or is empty', async (name) => {
    const dir = await tempDir();
    await writeFile(join(dir, 'empty'), ' \n');
    const env = await environment();
    const opening = (file: string) => openLedgerSecrets(readConfig({ ...env, [`${name}_FILE`]: join(dir, file) }).secretSources, LOG);
    await expect(opening('s3cret-place')).rejects.toMatchObject({ code: 'SECRET_NOT_FOUND', message: `${name} names a file that cannot be read (ENOENT)` });
    await expect(opening('empty')).rejects.toMatchObject({ code: 'SECRET_MALFORMED', message: `${name} is empty` });
  });

  it('takes no secret from the environment in production', async () => {
    const { LEDGER_DATABASE_URL_FILE: _file, ...env } = await environment();
    expect(() => readConfig({ ...env, LEDGER_DATABASE_URL: SECRET })).toThrow(expect.objectContaining({ code: 'SECRET_ENV_FORBIDDEN' }));
    const { databaseUrl } = await openLedgerSecrets(readConfig({ ...env, LEDGER_DATABASE_URL: SECRET, COUNTERSIGN_ENVIRONMENT: 'development' }).secretSources, LOG);
    expect(databaseUrl()).toBe(SECRET);
  });

  it('follows a secret that is rotated', async () => {
    const env = await environment();
    const { databaseUrl, readerDatabaseUrl } = await openLedgerSecrets(readConfig(env).secretSources, LOG);
    expect([databaseUrl(), readerDatabaseUrl()]).toEqual([SECRET, 'postgres://reader']);
    await writeFile(env['LEDGER_DATABASE_URL_FILE']!, 'postgres://rotated\n');
    databaseUrl.refused();
    while (databaseUrl() === SECRET) await sleep(5);
    expect(databaseUrl()).toBe('postgres://rotated');
  });
});
