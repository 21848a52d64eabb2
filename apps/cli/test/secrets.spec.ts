import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { startAws } from '@countersign/cloud-fixture';
import { countersign, temporaryFolder } from './terminal.js';

const VALUE = 'postgres://ledger:c4n4ry@db/ledger';

function place(given: Readonly<Record<string, string>> = {}): string {
  const dir = temporaryFolder();
  const file = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text, { mode: 0o600 });
    return join(dir, name);
  };
  const env = {
    LEDGER_DATABASE_URL_FILE: file('url', VALUE),
    LEDGER_READER_DATABASE_URL_FILE: file('reader', VALUE),
    LEDGER_NATS_SEED_FILE: file('seed', 'SUC4N4RY'),
    ...given,
  };
  file('ledger.env', Object.entries(env).map(([name, value]) => `${name}=${value}\n`).join(''));
  return dir;
}

const check = (dir: string, ...args: string[]) => countersign(dir, ['secrets', 'check', '--env-file', 'ledger.env', ...args]);

describe('countersign secrets check', () => {
  it('lists every configured secret with its provider and age, and never a value', async () => {
    const dir = place();
    const { exitCode, out, err } = await check(dir);
    expect([exitCode, err]).toEqual([0, '']);
    const lines = out.trimEnd().split('\n');
    expect(lines.map((line) => line.split('  ')[0])).toEqual(['LEDGER_DATABASE_URL', 'LEDGER_READER_DATABASE_URL', 'LEDGER_NATS_SEED']);
    for (const line of lines) expect(line).toMatch(/ {2}file {2}found, 0 hours old, since \d{4}-\d\d-\d\dT/);
    expect(out).not.toMatch(/c4n4ry/i);
  });

  it('says what is missing or empty, and ends with 1', async () => {
    const dir = place({ LEDGER_NATS_SEED_FILE: '/none/such' });
    writeFileSync(join(dir, 'url'), '\n');
    const { exitCode, out } = await check(dir, '--json');
    expect(exitCode).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      service: 'ledger',
      secrets: [
        { name: 'LEDGER_DATABASE_URL', found: false, code: 'SECRET_MALFORMED' },
        { name: 'LEDGER_READER_DATABASE_URL', found: true, changedAt: expect.stringMatching(/^\d{4}-/) },
        { name: 'LEDGER_NATS_SEED', found: false, code: 'SECRET_NOT_FOUND' },
      ],
    });
    expect(out).not.toMatch(/c4n4ry/i);
  });

  it('ends with 3 when it is only the provider that does not answer', async () => {
    const aws = await startAws();
    await aws.close();
    const dir = place({
      COUNTERSIGN_SECRETS_PROVIDER: 'aws',
      COUNTERSIGN_SECRETS_AWS_REGION: aws.region,
      COUNTERSIGN_SECRETS_AWS_ENDPOINT: aws.url,
      LEDGER_DATABASE_URL_FILE: '',
      LEDGER_DATABASE_URL_SECRET: 'ledger/db',
    });
    process.env['AWS_ACCESS_KEY_ID'] = aws.credentials.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = aws.credentials.secretAccessKey;
    const { exitCode, out } = await check(dir);
    delete process.env['AWS_ACCESS_KEY_ID'];
    delete process.env['AWS_SECRET_ACCESS_KEY'];
    expect([exitCode, out]).toEqual([3, expect.stringContaining('LEDGER_DATABASE_URL  aws  SECRET_PROVIDER_UNAVAILABLE')]);
  });

  it.each([
    ['a variable that is missing', { LEDGER_NATS_SEED_FILE: '' }, 'LEDGER_NATS_SEED_FILE is missing'],
    ['a secret in the environment', { LEDGER_DATABASE_URL_FILE: '', LEDGER_DATABASE_URL: VALUE }, 'LEDGER_DATABASE_URL is in the environment'],
  ])('names %s, and ends with 1', async (_what, given, message) => {
    const { exitCode, err } = await check(place(given));
    expect([exitCode, err]).toEqual([1, expect.stringContaining(message)]);
    expect(err).not.toContain('c4n4ry');
  });

  it('does not know other services', async () => {
    expect((await check(place(), '--service', 'nobody')).exitCode).toBe(1);
  });
});
