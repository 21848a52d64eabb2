import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ConfigError, type Environment } from '@countersign/runtime';
import { readConfig } from '../../src/config.js';
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
    LEDGER_NATS_URL: 'nats://127.0.0.1:4222',
    LEDGER_NATS_SEED_FILE: await file('seed', 'SUSEED'),
    LEDGER_STATE_DIR: dir,
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
  it('is read once, with secrets from files, into a frozen value', async () => {
    const env = await environment();
    const config = readConfig(env);
    expect(config).toMatchObject({
      databaseUrl: SECRET,
      readerDatabaseUrl: 'postgres://reader',
      keysDir: `${env['LEDGER_STATE_DIR']}/keys`,
      keysPassphrase: undefined,
      httpHost: '127.0.0.1',
      httpPort: 8080,
      fullVerifyMs: 86_400_000,
      tailVerifyMs: 15_000,
      checkpointIntervalMs: 500,
      allowFsyncOff: false,
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('takes what is given', async () => {
    const env = await environment({ LEDGER_KEYS_DIR: '/keys', LEDGER_HTTP_PORT: '0', LEDGER_FULL_VERIFY_HOURS: '0.5', LEDGER_ALLOW_FSYNC_OFF: 'true' });
    const withPassphrase = { ...env, LEDGER_KEYS_PASSPHRASE_FILE: env['LEDGER_NATS_SEED_FILE'] };
    expect(readConfig(withPassphrase)).toMatchObject({ keysDir: '/keys', httpPort: 0, fullVerifyMs: 1_800_000, allowFsyncOff: true, keysPassphrase: 'SUSEED' });
  });

  const REQUIRED = ['LEDGER_DATABASE_URL_FILE', 'LEDGER_READER_DATABASE_URL_FILE', 'LEDGER_NATS_URL', 'LEDGER_NATS_SEED_FILE', 'LEDGER_STATE_DIR', 'LEDGER_ORIGIN_PREFIX'];
  it.each(REQUIRED)('names %s when it is missing or empty', async (name) => {
    const env = await environment();
    for (const value of [undefined, '']) {
      expect(refusal({ ...env, [name]: value }).variables).toEqual([{ name, problem: 'is missing' }]);
    }
  });

  it('names everything that is wrong at once', () => {
    expect(refusal({}).variables.map(({ name }) => name)).toEqual(REQUIRED);
  });

  it.each([
    ['LEDGER_HTTP_PORT', '65536'],
    ['LEDGER_HTTP_PORT', 'eighty'],
    ['LEDGER_ORIGIN_PREFIX', 'https://audit.example.com'],
    ['LEDGER_ORIGIN_PREFIX', 'audit.example.com/'],
    ['LEDGER_LOG_LEVEL', 'loudest'],
    ['LEDGER_FULL_VERIFY_HOURS', '0'],
    ['LEDGER_TAIL_VERIFY_SECONDS', '61'],
    ['LEDGER_VERIFY_THREADS', '1.5'],
    ['LEDGER_CHECKPOINT_INTERVAL_MS', '1001'],
    ['LEDGER_INTAKE_MAX_BYTES', '1024'],
    ['LEDGER_NATS_REPLICAS', '6'],
    ['LEDGER_ALLOW_FSYNC_OFF', 'yes'],
  ])('names %s and never its value: %s', async (name, value) => {
    const error = refusal(await environment({ [name]: value }));
    expect(error.variables.map((variable) => variable.name)).toEqual([name]);
    expect(error.message).not.toContain(`"${value}"`);
    expect(error.message).not.toContain('eighty');
  });

  it.each(['LEDGER_DATABASE_URL_FILE', 'LEDGER_READER_DATABASE_URL_FILE', 'LEDGER_NATS_SEED_FILE', 'LEDGER_KEYS_PASSPHRASE_FILE'])(
    'names %s, not the path, when its file cannot be read or is empty',
    async (name) => {
      const dir = await tempDir();
      await writeFile(join(dir, 'empty'), ' \n');
      const env = await environment();
      const missing = refusal({ ...env, [name]: join(dir, 's3cret-place') });
      expect(missing.variables).toEqual([{ name, problem: 'names a file that cannot be read (ENOENT)' }]);
      expect(missing.message).not.toContain('s3cret-place');
      expect(refusal({ ...env, [name]: join(dir, 'empty') }).variables).toEqual([{ name, problem: 'names an empty file' }]);
    },
  );
});
