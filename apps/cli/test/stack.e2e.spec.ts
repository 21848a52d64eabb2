import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { totpCode, totpSecretFrom } from '@countersign/credentials';
import { removePostgres } from '@countersign/devstack';
import { withClient } from '@countersign/postgres';
import { EdgeApi } from '../src/edge-api.js';
import { CliError } from '../src/exit-code.js';
import { countersign, temporaryFolder } from './terminal.js';
import type { Ran } from './terminal.js';

const MAIN = join(import.meta.dirname, '../dist/main.js');
const START_LIMIT_MS = 90_000;
const RECORDS = 300;

interface Up {
  readonly child: ChildProcess;
  readonly out: () => string;
}

const folder = temporaryFolder();
const stateDir = join(folder, '.countersign');

async function up(...args: readonly string[]): Promise<Up> {
  const child = spawn(process.execPath, [MAIN, 'up', ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const untilMs = performance.now() + START_LIMIT_MS;
  while (!text.includes('Ctrl-C stops everything') && child.exitCode === null) {
    if (performance.now() > untilMs) throw new Error(`the stack did not start:\n${text}`);
    await sleep(50);
  }
  return { child, out: () => text };
}

async function stop({ child }: Up): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  child.kill('SIGINT');
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

const cli = (...args: readonly string[]): Promise<Ran> => countersign(folder, args);
const cliJson = async (...args: readonly string[]): Promise<Record<string, unknown> & { exitCode: number }> => {
  const { exitCode, out, err } = await cli(...args, '--json');
  if (out === '') throw new Error(err);
  return { ...(JSON.parse(out) as Record<string, unknown>), exitCode };
};

function logFile(name: string, first: number, count: number): string {
  const records = Array.from({ length: count }, (_, i) => ({
    eventID: `5b0e5f0a-1c2d-4e3f-8a9b-${(first + i).toString(16).padStart(12, '0')}`,
    eventTime: '2026-11-22T10:00:00Z',
    eventSource: 's3.amazonaws.com',
    eventName: 'GetObject',
    userIdentity: { type: 'IAMUser', principalId: 'AIDAEXAMPLE', userName: 'jane' },
    sourceIPAddress: '192.0.2.17',
    requestParameters: { key: `object-${first + i}` },
    ...(i % 10 === 0 ? { errorCode: 'AccessDenied' } : {}),
  }));
  const file = join(folder, name);
  const text = JSON.stringify({ Records: records });
  writeFileSync(file, name.endsWith('.gz') ? gzipSync(text) : text);
  return file;
}

describe('a stack on this machine', () => {
  let stack: Up;

  beforeAll(async () => {
    // PostgreSQL runs as another user when the tests run as root: let it pass through, not look.
    chmodSync(folder, 0o711);
    stack = await up('--demo', '--events', '400');
  }, START_LIMIT_MS);

  afterAll(async () => {
    await stop(stack);
    await removePostgres(join(stateDir, 'postgres'));
    rmSync(folder, { recursive: true, force: true });
  });

  it('has sent, receipted and verified the demonstration', () => {
    expect(stack.out()).toContain('400 events sent by 3 services, 400 receipts, none refused');
    expect(stack.out()).toContain('everything verified, by the ledger and offline');
  });

  it('has made an account over HTTPS, changed its role, and proven the recorded change', () => {
    expect(stack.out()).toMatch(/user \S+: the change is entry \d+ of the ledger "system", proven here in a signed tree of \d+/);
    expect(stack.out()).toMatch(/service demo-\w+: its event, sent with an API key over HTTPS, is entry \d+ of the ledger "home"/);
  });

  it('refuses a second first administrator, and says which field of one is wrong', async () => {
    const password = join(folder, 'password');
    writeFileSync(password, 'a long enough passphrase\n');
    const create = (email: string) => cliJson('admin', 'create', '--email', email, '--name', 'Ana', '--password-file', password);
    expect(await create('ana@example.com')).toMatchObject({ exitCode: 4, error: { code: 'ADMIN_EXISTS' } });
    expect(await create('ana')).toMatchObject({ exitCode: 1, error: { code: 'USAGE' } });
  });

  it('places a legal hold in the name of a person with a second factor, and shows it', async () => {
    const { email, password, totpSecret } = JSON.parse(readFileSync(join(stateDir, 'demo/administrator.json'), 'utf8')) as { email: string; password: string; totpSecret: string };
    const args = ['--matter', 'Audit 2026', '--reason', 'a test', '--subject', 'user-7', '--sign-in', '-', '--json'];
    // Codes of this step were used by the demonstration: the next one counts already.
    const held = await countersign(folder, ['retention', 'hold', ...args], `${email}\n${password}\n${totpCode(totpSecretFrom(totpSecret), Date.now() + 30_000)}\n`);
    expect([held.exitCode, JSON.parse(held.out)]).toEqual([0, { ok: true, holdId: expect.any(String), inForceSince: expect.any(String) }]);
    const unsigned = await countersign(folder, ['retention', 'hold', ...args.slice(0, 6), '--json']);
    expect([unsigned.exitCode, JSON.parse(unsigned.out)]).toMatchObject([1, { error: { code: 'USAGE' } }]);
    const refused = await countersign(folder, ['retention', 'holds', '--sign-in', '-', '--json'], `${email}\nanother passphrase\n`);
    expect([refused.exitCode, JSON.parse(refused.out)]).toMatchObject([4, { error: { code: 'SIGN_IN_REFUSED' } }]);
  });

  it('lets nobody see or do over HTTPS what is not theirs', async () => {
    const { edgeUrl, edgeCertFile } = JSON.parse(readFileSync(join(stateDir, 'local.json'), 'utf8')) as { edgeUrl: string; edgeCertFile: string };
    const codeOf = (work: Promise<unknown>): Promise<string> => work.then(() => 'none', (error: unknown) => (error instanceof CliError ? error.code : String(error)));
    const [ben, elsewhere] = [new EdgeApi(edgeUrl, edgeCertFile), new EdgeApi(edgeUrl, edgeCertFile)];
    const credentials = { email: 'ben@example.com', password: 'a long enough passphrase for ben' };
    expect(await codeOf(ben.post('/v1/sign-in', credentials))).toBe('SIGN_IN_REFUSED');
    await ben.post('/v1/register', { ...credentials, name: 'Ben' });
    for (const api of [ben, elsewhere]) await api.post('/v1/sign-in', credentials);
    const { userId } = await ben.get<{ userId: string }>('/v1/account/profile');
    for (const path of ['/v1/ledgers/acme', '/v1/ledgers/system/events', '/v1/admin/users']) expect(await codeOf(ben.get(path))).toBe('FORBIDDEN');
    expect(await codeOf(ben.post(`/v1/admin/users/${userId}/roles`, { role: 'owner' }))).toBe('FORBIDDEN');
    expect(await codeOf(ben.post('/v1/account/sessions/revoke-all', { keepCurrent: true, role: 'owner' }))).toBe('REQUEST_INVALID');
    await ben.post('/v1/account/sessions/revoke-all', { keepCurrent: true });
    expect(await codeOf(elsewhere.get('/v1/account/profile'))).toBe('UNAUTHENTICATED');
    expect(await codeOf(ben.get('/v1/account/profile'))).toBe('none');
    await ben.post('/v1/sign-out');
    expect(await codeOf(ben.get('/v1/account/profile'))).toBe('UNAUTHENTICATED');
    for (const api of [ben, elsewhere]) api.close();
  });

  it('refuses a second one in the same folder', async () => {
    const { exitCode, err } = await cli('up', '--state-dir', stateDir);
    expect(exitCode).toBe(1);
    expect(err).toContain('a stack already runs');
  });

  it('imports every CloudTrail record once, and again changes nothing', async () => {
    const files = [logFile('a.json', 0, RECORDS / 2), logFile('b.json.gz', RECORDS / 2, RECORDS / 2), logFile('c.json', 0, 10)];
    expect(await cliJson('import', 'cloudtrail', ...files, '--tenant', 'trail')).toMatchObject({ exitCode: 0, records: 310, recorded: 300, repeated: 10, refused: 0 });
    const before = await cliJson('checkpoint', '--tenant', 'trail');
    expect(await cliJson('import', 'cloudtrail', ...files, '--tenant', 'trail')).toMatchObject({ exitCode: 0, recorded: 0, repeated: 310, refused: 0 });
    expect(await cliJson('checkpoint', '--tenant', 'trail')).toMatchObject({ treeSize: before['treeSize'], root: before['root'] });
  });

  it('reports what cannot be imported, and imports the rest', async () => {
    const large = join(folder, 'large.json');
    const ids = ['5b0e5f0a-1c2d-4e3f-8a9b-00000000ffff', '5b0e5f0a-1c2d-4e3f-8a9b-00000000fffe'];
    const records = ids.map((eventID, i) => ({ eventID, eventTime: '2026-11-22T10:00:00Z', eventSource: 's3.amazonaws.com', eventName: 'GetObject', blob: 'x'.repeat(i * 70_000) }));
    writeFileSync(large, JSON.stringify({ Records: [...records, { eventName: 'Nameless' }] }));
    const document = await cliJson('import', 'cloudtrail', large, '--tenant', 'trail');
    expect(document).toMatchObject({ exitCode: 4, recorded: 1, refused: 2 });
    expect(document['refusals']).toMatchObject([{ id: ids[1], code: 'EVENT_TOO_LARGE' }]);
    expect(document['troubles']).toMatchObject([{ at: 2, why: 'eventID is missing' }]);
  });

  it('verifies from outside, and remembers', async () => {
    expect(await cliJson('verify', '--tenant', 'acme')).toMatchObject({ exitCode: 0, ok: true });
    const again = await cliJson('verify', '--tenant', 'acme');
    expect(again['consistentWith']).toBe(again['treeSize']);
  });

  it('exports what verifies without it', async () => {
    const file = join(folder, 'trail.csx');
    const saved = await cliJson('export', '--tenant', 'trail', '--out', file);
    expect(saved).toMatchObject({ exitCode: 0, treeSize: RECORDS + 1 });
    expect(await cliJson('verify', '--file', file, '--key', `${file}.pub`)).toMatchObject({ exitCode: 0, root: saved['root'], sha256: saved['sha256'] });
    const changed = readFileSync(file, 'utf8').replace('"denied"', '"failure"');
    writeFileSync(file, changed);
    expect(await cliJson('verify', '--file', file, '--key', `${file}.pub`)).toMatchObject({ exitCode: 2, error: { code: 'ENTRY_ALTERED', leafIndex: 0 } });
  });

  it('records one event, finds it, proves it', async () => {
    const args = ['emit', '--tenant', 'acme', '--type', 'billing.invoice.paid', '--actor', 'user:u-1', '--resource', 'invoice:i-1', '--data', '{"amountCents":1}', '--personal', 'u-1={"ip":"192.0.2.1"}'];
    const { receipt } = (await cliJson(...args)) as unknown as { receipt: { id: string; index: number } };
    const proof = join(folder, 'event.tlog-proof');
    expect(await cliJson('prove', receipt.id, '--out', proof)).toMatchObject({ exitCode: 0, leafIndex: receipt.index });
    await cli('keys', '--tenant', 'acme', '--out', join(folder, 'acme.pub'));
    expect(await cliJson('verify', '--proof', proof, '--key', join(folder, 'acme.pub'))).toMatchObject({ exitCode: 0, entry: { id: receipt.id } });
    for (let tries = 0; ; tries++) {
      const { events } = (await cliJson('search', '--tenant', 'acme', '--resource', 'i-1')) as unknown as { events: { index: number }[] };
      if (events.length > 0 || tries > 50) {
        expect(events).toMatchObject([{ index: receipt.index, entry: { id: receipt.id } }]);
        break;
      }
      await sleep(100);
    }
  });

  it('takes an event as JSON on stdin, and the same one once', async () => {
    const event = { id: '5b0e5f0a-1c2d-4e3f-8a9b-0c1d2e3f4a5b', type: 'crm.contact.added', source: 'crm', tenant: 'acme', actor: { type: 'user', id: 'u-2' } };
    const emit = (text: string): Promise<Ran> => countersign(folder, ['emit', '--file', '-', '--time', '2026-11-22T10:00:00Z', '--json'], text);
    const [first, second] = [await emit(JSON.stringify(event)), await emit(JSON.stringify(event))];
    expect(JSON.parse(first.out)).toMatchObject({ ok: true, repeated: false });
    expect(JSON.parse(second.out)).toMatchObject({ ok: true, repeated: true });
    const other = await emit(JSON.stringify({ ...event, severity: 'alert' }));
    expect([other.exitCode, JSON.parse(other.out)]).toMatchObject([4, { error: { code: 'EVENT_ID_REUSED' } }]);
  });

  it('refuses what is no event with exit code 4', async () => {
    expect(await cliJson('emit', '--tenant', 'acme', '--type', 'billing.invoice', '--actor', 'user:u-1')).toMatchObject({ exitCode: 4, error: { code: 'EVENT_FIELD_INVALID', field: 'type' } });
  });

  it('says so when there is no such ledger or event', async () => {
    expect(await cliJson('verify', '--tenant', 'nobody')).toMatchObject({ exitCode: 1, error: { code: 'LEDGER_UNKNOWN' } });
    expect(await cliJson('prove', '00000000-0000-4000-8000-000000000000')).toMatchObject({ exitCode: 1, error: { code: 'EVENT_UNKNOWN' } });
  });

  it('has a database that fsck finds nothing wrong with', async () => {
    expect(await cliJson('fsck')).toMatchObject({ exitCode: 0, ok: true, findings: 0 });
  });

  it('stops in order, and goes on with the same ledgers', async () => {
    const before = await cliJson('checkpoint', '--tenant', 'trail');
    expect(await stop(stack)).toBe(0);
    expect(existsSync(join(stateDir, 'local.json'))).toBe(false);
    expect(await cli('verify', '--tenant', 'trail')).toMatchObject({ exitCode: 1 });
    stack = await up();
    expect(await cliJson('checkpoint', '--tenant', 'trail')).toMatchObject({ exitCode: 0, treeSize: before['treeSize'], root: before['root'] });
    expect(await cliJson('verify', '--tenant', 'trail')).toMatchObject({ exitCode: 0 });
  });

  it('has an fsck that names everything a superuser changed', async () => {
    await asSuperuser([
      "UPDATE entries SET entry = convert_to(replace(convert_from(entry, 'UTF8'), 'get-object', 'put-object'), 'UTF8') WHERE leaf_index = 20",
      "UPDATE entries SET entry = convert_to(regexp_replace(convert_from(entry, 'UTF8'), '\"index\":30', '\"index\":31'), 'UTF8') WHERE leaf_index = 30",
      "UPDATE entries SET entry = entry || ' '::bytea WHERE leaf_index = 40",
      'UPDATE entries SET data_part = NULL WHERE leaf_index = 50',
      "UPDATE entries SET personal_parts = ARRAY[data_part] WHERE leaf_index = 60",
      "UPDATE entries SET personal_parts = personal_parts || 'more'::bytea WHERE leaf_index = 70",
      'UPDATE entries SET event_id = gen_random_uuid() WHERE leaf_index = 80',
      'DELETE FROM entries WHERE leaf_index = 290',
      "UPDATE tiles SET root = decode(repeat('00', 32), 'hex')",
      "UPDATE heads SET last_event_hash = decode(repeat('00', 32), 'hex')",
      "UPDATE checkpoints SET note = replace(note, E'\n301\n', E'\n302\n') WHERE tree_size = 301",
    ]);
    const document = await cliJson('fsck', '--tenant', 'trail');
    const [{ first }] = document['ledgers'] as [{ first: { code: string; leafIndex?: number }[] }];
    expect(document['exitCode']).toBe(2);
    expect(first.map(({ code, leafIndex }) => `${code} ${leafIndex ?? '-'}`)).toEqual(
      expect.arrayContaining([
        'CHAIN_LINK_BROKEN 21',
        'ENTRY_INDEX_MISMATCH 30',
        'ENTRY_MALFORMED 40',
        'PART_MISSING 50',
        'PART_ALTERED 60',
        'PART_UNEXPECTED 70',
        'EVENT_ID_MISMATCH 80',
        'ENTRY_MISSING 290',
        'TILE_ROOT_ALTERED 0',
        'HEAD_LINK_MISMATCH -',
        'HEAD_ROOT_MISMATCH -',
        'CHECKPOINT_SIGNATURE_INVALID 300',
      ]),
    );
    // From outside, the ledger's export shows the first of them.
    expect(await cliJson('verify', '--tenant', 'trail')).toMatchObject({ exitCode: 2, ok: false });
  });
});

/** Changes the ledger `trail` as only an attacker with the superuser's password can. */
async function asSuperuser(statements: readonly string[]): Promise<void> {
  const url = new URL(readFileSync(join(stateDir, 'ledger', 'reader-url'), 'utf8'));
  url.username = 'postgres';
  url.password = readFileSync(join(stateDir, 'postgres', 'superuser.password'), 'utf8').trim();
  await withClient(url.href, async (client) => {
    await client.query('SET session_replication_role = replica');
    for (const statement of statements) {
      const joined = statement.includes(' WHERE ') ? `${statement} AND` : `${statement} WHERE`;
      const { rowCount } = await client.query(`${joined} ledger_id = (SELECT ledger_id FROM ledgers WHERE tenant = 'trail')`);
      expect({ statement, rowCount }).toEqual({ statement, rowCount: 1 });
    }
  });
}
