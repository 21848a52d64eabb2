import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectBus, type BusConnection } from '@countersign/bus';
import { removePostgres } from '@countersign/devstack';
import { KeyClient } from '@countersign/key-client';
import { withClient } from '@countersign/postgres';
import { startStack, type RunningStack } from '../src/stack/start-stack.js';
import { countersign, temporaryFolder } from './terminal.js';
import type { Ran } from './terminal.js';

const MAIN = join(import.meta.dirname, '../dist/main.js');
const NAME = 'acme/ledger.clitest';
const KEY_ID = /^dk_[a-z2-7]{26}_\d+$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const DAY_MS = 86_400_000;

const folder = temporaryFolder();
const stateDir = join(folder, '.countersign');
const seedOf = (user: string): string => join(stateDir, 'nats', `${user}.nk`);
let stack: RunningStack;
let bus: BusConnection;
/** The ledger, whose keys an operator manages. */
let ledger: KeyClient;

beforeAll(async () => {
  // PostgreSQL runs as another user when the tests run as root: let it pass through, not look.
  chmodSync(folder, 0o711);
  stack = await startStack({ stateDir, env: { PATH: process.env['PATH'], HOME: folder }, log: () => undefined });
  bus = await connectBus({ url: stack.natsUrl, nkeySeedFile: seedOf('ledger'), name: 'test' });
  ledger = new KeyClient({ bus, service: 'ledger', nkeySeedFile: seedOf('ledger'), keysPublicKeyFile: stack.keysPublicKeyFile });
  await ledger.ask('data-key', { tenant: 'acme', purpose: 'ledger.clitest' });
}, 120_000);

afterAll(async () => {
  await bus.close();
  await stack.stop();
  await removePostgres(join(stateDir, 'postgres'));
  rmSync(folder, { recursive: true, force: true });
});

const cli = (...args: readonly string[]): Promise<Ran> => countersign(folder, args);
const typed = (stdin: string, ...args: readonly string[]): Promise<Ran> => countersign(folder, args, stdin);
type Document = Record<string, unknown> & { exitCode: number };
const json = async (...args: readonly string[]): Promise<Document> => {
  const { exitCode, out, err } = await cli(...args, '--json');
  if (out === '') throw new Error(err);
  return { ...(JSON.parse(out) as Record<string, unknown>), exitCode };
};

describe('countersign keys', () => {
  it('list: names, kinds and versions, page by page', async () => {
    const first = await json('keys', 'list', '--tenant', 'acme', '--limit', '1');
    expect(first).toMatchObject({ exitCode: 0, ok: true, keys: [{ tenant: 'acme', purpose: 'ledger.clitest', kind: 'data' }], next: NAME });
    expect(await json('keys', 'list', '--tenant', 'acme', '--after', NAME)).toMatchObject({ ok: true, keys: [{ purpose: 'tenant', kind: 'tenant' }] });
    const { out } = await cli('keys', 'list', '--tenant', 'acme');
    expect(out.split('\n')[0]).toBe('KEY                  KIND    ACTIVE  VERSIONS  SINCE                     STATE');
    expect(out.split('\n')[1]).toMatch(/^acme\/ledger\.clitest {2}data {4}1 {7}1 of 1 {4}\S+Z {2}in use$/);
    expect((await cli('keys', 'list', '--tenant', 'nobody')).out).toBe('no keys\n');
  });

  it('show: a key and its versions, and nothing else', async () => {
    const { key, exitCode } = await json('keys', 'show', NAME);
    expect(exitCode).toBe(0);
    expect(key).toEqual({
      tenant: 'acme',
      purpose: 'ledger.clitest',
      kind: 'data',
      minimumVersion: 1,
      rotateAfterDays: 90,
      rotateAfterUses: 2 ** 31,
      versions: [{ version: 1, keyId: expect.stringMatching(KEY_ID), state: 'active', createdAt: expect.stringMatching(TIME), usesLeased: 2 ** 24 }],
    });
    expect((await cli('keys', 'show', NAME)).out.split('\n').slice(0, 3)).toEqual([
      'acme/ledger.clitest: data key, in use',
      '  rotates after 90 days or 2,147,483,648 encryptions; versions from 1 on decrypt',
      'VERSION  KEY ID                           STATE   SINCE                     LEASED      REMAINING',
    ]);
  });

  it('rotate, then rewrap-status: the old version waits for its scan', async () => {
    expect(await json('keys', 'rotate', NAME)).toEqual({ exitCode: 0, ok: true, tenant: 'acme', purpose: 'ledger.clitest', version: 2, keyId: expect.stringMatching(KEY_ID) });
    const status = await json('keys', 'rewrap-status', '--tenant', 'acme');
    expect(status).toEqual({
      exitCode: 0,
      ok: true,
      versions: [{ tenant: 'acme', purpose: 'ledger.clitest', version: 1, keyId: expect.stringMatching(KEY_ID), state: 'decrypt-only' }],
      epoch: { current: 1, rolledAt: expect.stringMatching(TIME), remaining: 0 },
    });
    await ledger.ask('report-remaining', { tenant: 'acme', purpose: 'ledger.clitest', scanMs: 0, counts: [{ version: 1, remaining: 1234 }] });
    const { out } = await cli('keys', 'rewrap-status', '--tenant', 'acme');
    expect(out).toMatch(/^KEY +VERSION +KEY ID +REMAINING +COUNTED\nacme\/ledger\.clitest +1 +dk_\w+ +1,234 +\S+Z\nepoch 1 of subjects' keys since \S+Z, 0 keys still under an older one\n$/);
  });

  it('destroy asks for the name, schedules, and cancel takes it back', async () => {
    const refused = await typed('acme/ledger\n', 'keys', 'destroy', NAME);
    expect([refused.exitCode, refused.out]).toEqual([1, '']);
    expect(refused.err).toContain(`This destroys the data key ${NAME} in 7 days, and with that whatever is encrypted under it is lost for ever.`);
    expect(refused.err).toContain('not confirmed: nothing was changed');
    expect((await json('keys', 'show', NAME))['key']).not.toHaveProperty('destroyAt');

    const before = Date.now();
    const { exitCode, out } = await typed(`${NAME}\n`, 'keys', 'destroy', NAME, '--wait-days', '3', '--json');
    const { destroyAt, ...rest } = JSON.parse(out) as { destroyAt: string };
    expect([exitCode, rest]).toEqual([0, { ok: true, tenant: 'acme', purpose: 'ledger.clitest' }]);
    expect(Math.abs(Date.parse(destroyAt) - before - 3 * DAY_MS)).toBeLessThan(60_000);
    // A second order changes nothing of what the first has promised.
    expect(await json('keys', 'schedule', NAME, '--wait-days', '30', '--yes')).toMatchObject({ exitCode: 0, destroyAt });
    expect((await cli('keys', 'list', '--tenant', 'acme')).out).toContain(`to be destroyed ${destroyAt}`);

    expect(await json('keys', 'cancel', NAME)).toEqual({ exitCode: 0, ok: true, tenant: 'acme', purpose: 'ledger.clitest' });
    expect(await json('keys', 'cancel', NAME)).toMatchObject({ exitCode: 4, ok: false, error: { code: 'DESTRUCTION_NOT_SCHEDULED' } });
  });

  it('raise-minimum and retire-version ask for the name; a version goes only when it is shown that nothing is left under it', async () => {
    const name = 'acme/ledger.versions';
    await ledger.ask('data-key', { tenant: 'acme', purpose: 'ledger.versions' });
    for (let version = 2; version <= 3; version++) await json('keys', 'rotate', name);
    expect(await typed('acme\n', 'keys', 'raise-minimum', name, '2')).toMatchObject({ exitCode: 1, out: '', err: expect.stringContaining(`Versions of ${name} below 2 will decrypt nothing any more`) });
    expect(await typed('no\n', 'keys', 'retire-version', name, '1')).toMatchObject({ exitCode: 1, out: '', err: expect.stringContaining('not confirmed: nothing was changed') });
    expect((await json('keys', 'show', name))['key']).toMatchObject({ minimumVersion: 1, versions: [{ state: 'decrypt-only' }, { state: 'decrypt-only' }, { state: 'active' }] });

    expect(await json('keys', 'retire-version', name, '3', '--yes')).toMatchObject({ exitCode: 4, error: { code: 'KEY_IN_USE' } });
    expect(await json('keys', 'retire-version', name, '7', '--yes')).toMatchObject({ exitCode: 1, error: { code: 'KEY_UNKNOWN' } });
    // The ledger was handed the first one, and its lease has not ended; nobody was ever handed the second.
    await ledger.ask('report-remaining', { tenant: 'acme', purpose: 'ledger.versions', scanMs: 0, counts: [{ version: 1, remaining: 0 }] });
    expect(await json('keys', 'retire-version', name, '1', '--yes')).toMatchObject({ exitCode: 4, error: { code: 'KEY_SCAN_MISSING' } });
    expect((await typed(`${name}\n`, 'keys', 'raise-minimum', name, '2')).out).toBe(`${name}: versions from 2 on decrypt\n`);
    expect(await json('keys', 'retire-version', name, '2', '--yes')).toEqual({ exitCode: 0, ok: true, tenant: 'acme', purpose: 'ledger.versions', version: 2 });
    expect((await json('keys', 'show', name))['key']).toMatchObject({ minimumVersion: 2, versions: [{ state: 'decrypt-only' }, { state: 'destroyed' }, { state: 'active' }] });
    expect(await json('keys', 'raise-minimum', name, '9', '--yes')).toMatchObject({ exitCode: 1, error: { code: 'KEY_UNKNOWN' } });
  });

  it('roll-epoch says what it costs, and begins the next one', async () => {
    expect(await typed('\n', 'keys', 'roll-epoch')).toMatchObject({ exitCode: 1, out: '', err: expect.stringContaining('unusable') });
    expect(await json('keys', 'roll-epoch', '--yes')).toEqual({ exitCode: 0, ok: true, epoch: 2 });
  });

  it("destroy of a log's signing keys is refused unless it is forced", async () => {
    const { vkeys } = (await ledger.ask('vkeys', { origin: 'countersign.localhost/doomed' })).result;
    expect(vkeys).toHaveLength(2);
    const { keys } = (await json('keys', 'list', '--tenant', 'system', '--limit', '500')) as unknown as { keys: { purpose: string; kind: string }[] };
    const name = `system/${keys.filter(({ kind }) => kind === 'signing').at(-1)!.purpose}`;
    expect(await json('keys', 'destroy', name, '--yes')).toMatchObject({ exitCode: 4, error: { code: 'DESTRUCTION_NOT_FORCED' } });
    expect((await typed('no\n', 'keys', 'destroy', name, '--force')).err).toContain('its log can have no checkpoint signed ever again');
    expect(await json('keys', 'destroy', name, '--force', '--yes')).toMatchObject({ exitCode: 0, destroyAt: expect.stringMatching(TIME) });
    expect(await json('keys', 'cancel', name)).toMatchObject({ exitCode: 0 });
  });

  it.each([
    ['show', 'acme/ledger.nothing'],
    ['rotate', 'acme/ledger.nothing'],
    ['destroy', 'acme/ledger.nothing', '--yes'],
    ['cancel', 'nobody/tenant'],
    ['raise-minimum', 'acme/ledger.nothing', '2', '--yes'],
    ['retire-version', 'acme/ledger.nothing', '1', '--yes'],
  ])('%s of an unknown key %s: KEY_UNKNOWN', async (...args) => {
    expect(await json('keys', ...args)).toMatchObject({ exitCode: 1, ok: false, error: { code: 'KEY_UNKNOWN' } });
    expect((await cli('keys', ...args)).err).toContain('KEY_UNKNOWN: there is no such key; see what there is with "countersign keys list"');
  });

  it.each([
    [['show', 'acme'], 'names no key'],
    [['show', 'ACME/ledger.x'], 'names no key'],
    [['show', 'acme/x'], 'names no key'],
    [['destroy', NAME, '--wait-days', '31', '--yes'], '--wait-days must be a whole number from 1 to 30'],
    [['raise-minimum', NAME, '0'], '<version> must be a whole number from 1 to 1000000'],
    [['retire-version', NAME], "missing required argument 'version'"],
    [['import-signing', 'ledger.example/acme', '--keys-dir', 'nowhere'], 'signing-keys.sealed is not there'],
    [['list', '--limit', '501'], '--limit must be a whole number from 1 to 500'],
  ])('%j is refused before anything is asked', async (args, text) => {
    const { exitCode, err } = await cli('keys', ...args);
    expect([exitCode, err]).toEqual([1, expect.stringContaining(text)]);
  });

  it("another user's seed is refused by the bus", async () => {
    expect(await json('keys', 'list', '--operator-seed', seedOf('services'))).toMatchObject({ exitCode: 4, error: { code: 'BUS_FORBIDDEN' } });
    expect(await json('keys', 'list', '--operator-seed', seedOf('ledger'))).toMatchObject({ exitCode: 4, error: { code: 'BUS_FORBIDDEN' } });
  });

  it("answers that are not by the given key service's key are not believed", async () => {
    const other = join(folder, 'other.pub');
    writeFileSync(other, JSON.parse(readFileSync(stack.files.keys.services, 'utf8')).ledger.publicKey as string);
    expect(await json('keys', 'list', '--keys-public-key', other)).toMatchObject({ exitCode: 2, error: { code: 'KEYS_REPLY_INVALID' } });
  });

  it('gives an operator no key bytes', async () => {
    const own = await connectBus({ url: stack.natsUrl, nkeySeedFile: seedOf('operator'), name: 'test' });
    const operator = new KeyClient({ bus: own, service: 'operator', nkeySeedFile: seedOf('operator'), keysPublicKeyFile: stack.keysPublicKeyFile });
    const name = { tenant: 'acme', purpose: 'ledger.clitest' };
    const asks = [
      () => operator.ask('data-key', name),
      () => operator.ask('blind-index-key', name),
      () => operator.ask('wrap', name),
      () => operator.ask('subject-keys', { tenant: 'acme', subjects: ['user-1'], mode: 'decrypt' }),
      () => operator.ask('subject-keys-by-id', { tenant: 'acme', keyIds: ['sk_x_1'] }),
    ];
    for (const ask of asks) await expect(ask()).rejects.toMatchObject({ code: 'KEY_PURPOSE_FORBIDDEN' });
    await own.close();
  });

  it('prints the public keys of a ledger without a subcommand, as before', async () => {
    const event = ['emit', '--tenant', 'acme', '--type', 'billing.invoice.paid', '--actor', 'user:u-1'];
    expect(await json(...event)).toMatchObject({ exitCode: 0 });
    const { vkeys, exitCode } = await json('keys', '--tenant', 'acme');
    expect([exitCode, vkeys]).toEqual([0, [expect.stringMatching(/^countersign\.localhost\/acme\+/), expect.stringMatching(/^countersign\.localhost\/acme\+/)]]);
    expect(await json('keys', 'public', '--tenant', 'acme')).toMatchObject({ exitCode: 0, vkeys });
  });
});

describe('countersign shred', () => {
  const args = ['shred', 'user-17', '--tenant', 'acme', '--reason', 'request 4711'];

  it('asks first', async () => {
    expect(await typed('user-18\n', ...args)).toMatchObject({ exitCode: 1, out: '' });
    const { result } = await ledger.ask('subject-keys', { tenant: 'acme', subjects: ['user-17'], mode: 'encrypt' });
    expect(result.grants).toEqual([{ subject: 'user-17', keyId: expect.stringMatching(/^sk_/) }]);
  });

  it('destroys the key, and prints the receipt, which verifies offline; again it is the same', async () => {
    const { result } = await ledger.ask('subject-keys', { tenant: 'acme', subjects: ['user-17', 'user-18'], mode: 'decrypt' });
    const { keyId } = result.grants[0] as { readonly keyId: string };
    const file = join(folder, 'user-17.receipt');
    const { exitCode, out } = await typed('user-17\n', ...args, '--out', file);
    expect(exitCode).toBe(0);
    expect(out.split('\n').slice(0, 5)).toEqual(['countersign.localhost/erasures', 'countersign destruction receipt v1', 'acme', '"user-17"', keyId]);
    expect(readFileSync(file, 'utf8')).toBe(out);

    const said = { signer: 'countersign.localhost/erasures', tenant: 'acme', subject: 'user-17', keyId, orderedAt: expect.stringMatching(TIME) };
    expect(await json('verify', '--receipt', file, '--key', `${file}.pub`)).toEqual({ exitCode: 0, ok: true, ...said });
    expect(await json(...args, '--yes')).toEqual({ exitCode: 0, ok: true, ...said, receipt: out, vkey: readFileSync(`${file}.pub`, 'utf8').trim() });

    const after = await ledger.ask('subject-keys', { tenant: 'acme', subjects: ['user-17', 'user-18'], mode: 'decrypt' });
    expect(after.result.grants).toEqual([{ subject: 'user-17', fault: 'SUBJECT_ERASED' }, result.grants[1]]);
  });

  it('of a subject without a key says so, and none will be made', async () => {
    const document = await json('shred', 'Zoë', '--tenant', 'acme', '--reason', 'request 4712', '--yes');
    expect(document).toMatchObject({ exitCode: 0, ok: true, subject: 'Zoë' });
    expect(document).not.toHaveProperty('keyId');
    const { result } = await ledger.ask('subject-keys', { tenant: 'acme', subjects: ['Zoë'], mode: 'encrypt' });
    expect(result.grants).toEqual([{ subject: 'Zoë', fault: 'SUBJECT_ERASED' }]);
  });
});

describe('countersign backup', () => {
  const keyFile = join(stateDir, 'backup', 'archive.key');
  const copy = join(folder, 'backup-copy');

  it('wants an archive first, and makes one under a key of the key service, once', async () => {
    expect(await json('backup', 'list')).toMatchObject({ exitCode: 1, error: { code: 'BACKUP_KEY_MISSING' } });
    expect(await json('backup', 'init', '--copy', copy)).toMatchObject({ exitCode: 0, ok: true, keyFile });
    expect(await json('backup', 'init')).toMatchObject({ exitCode: 1, error: { code: 'BACKUP_ARCHIVE_EXISTS' } });
    expect(await json('backup', 'list')).toMatchObject({ exitCode: 0, backups: [] });
    expect(await json('backup', 'restore', '--catalogued', '--data-dir', join(folder, 'data'))).toMatchObject({ exitCode: 1, error: { code: 'BACKUP_UNKNOWN' } });
  });

  it('provides for a deployment what is missing, and nothing that was there and is gone', async () => {
    const [archive, ownKey, password] = [join(folder, 'provided'), join(folder, 'provided.key'), join(folder, 'password')];
    const provision = (...args: readonly string[]): Promise<Document> => json('backup', 'provision', '--archive', archive, '--key-file', ownKey, ...args);
    expect(await provision()).toMatchObject({ exitCode: 0, ok: true, done: [expect.stringContaining(ownKey)] });
    const kept = readFileSync(ownKey, 'utf8');
    writeFileSync(password, 'of-the-role');
    const secret = readFileSync(join(stateDir, 'postgres', 'superuser.password'), 'utf8').trim();
    const adminUrl = Object.assign(new URL(readFileSync(join(stateDir, 'backup', 'database-url'), 'utf8').trim()), { username: 'postgres', password: secret }).href;
    expect(await provision('--admin-url', adminUrl, '--password-file', password)).toEqual({ exitCode: 0, ok: true, done: ['the role countersign_backup is there', 'the archive is there, and opens with its key'] });
    expect(readFileSync(ownKey, 'utf8')).toBe(kept);
    const asRole = Object.assign(new URL(adminUrl), { username: 'countersign_backup', password: 'of-the-role' }).href;
    const { rows } = await withClient(asRole, (client) => client.query('SELECT rolsuper, rolreplication, rolcreatedb FROM pg_roles WHERE rolname = current_user'));
    expect(rows).toEqual([{ rolsuper: false, rolreplication: true, rolcreatedb: false }]);
    // As the stack has it.
    writeFileSync(password, readFileSync(join(stateDir, 'backup', 'password'), 'utf8'));
    expect(await json('backup', 'provision', '--admin-url', adminUrl, '--password-file', password)).toEqual({ exitCode: 0, ok: true, done: ['the role countersign_backup is there'] });

    expect(await json('backup', 'provision')).toMatchObject({ exitCode: 1, error: { code: 'USAGE' } });
    expect(await provision('--admin-url', adminUrl)).toMatchObject({ exitCode: 1, error: { code: 'USAGE' } });
    const nobody = Object.assign(new URL(adminUrl), { username: 'nobody' }).href;
    expect(await provision('--admin-url', nobody, '--password-file', password)).toMatchObject({ exitCode: 3, error: { code: 'BACKUP_SERVER_FAILED' } });
    writeFileSync(ownKey, Buffer.alloc(32, 7).toString('base64'));
    expect(await provision()).toMatchObject({ exitCode: 4, error: { code: 'BACKUP_KEY_WRONG' } });
    writeFileSync(ownKey, kept);
    rmSync(archive, { recursive: true });
    expect(await provision()).toMatchObject({ exitCode: 2, error: { code: 'BACKUP_OBJECT_MISSING' } });
    expect(existsSync(archive)).toBe(false);
  });

  it('gets the key back from the key service, when the file is lost', async () => {
    const kept = readFileSync(keyFile, 'utf8');
    expect(await json('backup', 'key')).toMatchObject({ exitCode: 1, error: { code: 'BACKUP_ARCHIVE_EXISTS' } });
    rmSync(keyFile);
    expect(await json('backup', 'key')).toMatchObject({ exitCode: 0, ok: true });
    expect(readFileSync(keyFile, 'utf8')).toBe(kept);
    chmodSync(keyFile, 0o644);
    expect(await json('backup', 'list')).toMatchObject({ exitCode: 1, error: { code: 'SEALED_FILE_PERMISSIONS' } });
    chmodSync(keyFile, 0o600);
  });

  it('takes every database of the stack as one, lists it here and in the copy, and prunes nothing that is the newest', async () => {
    const { backup } = (await json('backup', 'run', '--copy', copy)) as unknown as { backup: { id: string } };
    expect(backup).toMatchObject({ databases: ['identity', 'keys', 'keys_subjects', 'ledger', 'postgres', 'retention'], ledgers: expect.any(Number), server: { timeline: 1 } });
    for (const place of [join(stateDir, 'backup', 'archive'), copy]) {
      expect(await json('backup', 'list', '--archive', place)).toMatchObject({ exitCode: 0, backups: [{ id: backup.id, keptFor: ['newest', 'daily', 'weekly', 'monthly'] }] });
    }
    expect(await json('backup', 'prune', '--daily', '0', '--weekly', '0', '--monthly', '0')).toMatchObject({ exitCode: 0, removed: [] });
    expect(await json('backup', 'prune', '--daily', '-1')).toMatchObject({ exitCode: 1, error: { code: 'USAGE' } });
  });

  it('leaves to retention, once it is served with a seed, what becomes of a backup that no rule keeps', async () => {
    const [{ id: before }] = (await json('backup', 'list'))['backups'] as [{ id: string }];
    await json('backup', 'run', '--copy', copy);
    const serving = (...args: readonly string[]) => spawn(process.execPath, [MAIN, 'backup', 'serve', '--copy', copy, '--port', '0', ...args], { cwd: folder, env: { PATH: process.env['PATH'], HOME: folder }, stdio: ['ignore', 'pipe', 'pipe'] });
    const scratch = join(folder, 'scratch');
    mkdirSync(join(scratch, 'countersign-drill-killed', 'data'), { recursive: true });
    const served = serving('--nats-seed', seedOf('backup'), '--wal-seconds', '1', '--drill-days', '28', '--scratch', scratch);
    let said = '';
    served.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const untilSaid = async (what: RegExp): Promise<void> => {
      for (const endMs = performance.now() + 60_000; !what.test(said) && performance.now() < endMs; ) await sleep(100);
      expect(said).toMatch(what);
    };
    try {
      // It takes one of its own, whose log it has from the beginning.
      await untilSaid(/"msg":"backup taken"/);
      expect(said).toContain(`"backup":"${before}","msg":"no rule keeps it any more"`);
      await untilSaid(/"line":"recovery time .* on record in the ledger system","msg":"drill"/);
      expect(readdirSync(scratch)).not.toContain('countersign-drill-killed');
      expect(await json('backup', 'prune')).toMatchObject({ exitCode: 4, error: { code: 'BACKUP_GOVERNED' } });
      expect((await json('backup', 'prune', '--dry-run'))['removed']).toContain(before);
      expect((await cli('backup', 'list')).out).toMatch(new RegExp(`${before} .* until retention orders otherwise`));
    } finally {
      served.kill('SIGTERM');
    }
    expect(await once(served, 'exit')).toEqual([0, null]);
    expect(await json('backup', 'serve', '--drill-days', '28')).toMatchObject({ exitCode: 1, error: { code: 'USAGE' } });
    expect(await json('backup', 'serve', '--drill-days', '36', '--scratch', scratch)).toMatchObject({ exitCode: 1, error: { code: 'USAGE' } });
    const alone = serving();
    let refused = '';
    alone.stderr.on('data', (chunk: Buffer) => (refused += chunk.toString()));
    expect((await once(alone, 'exit'))[0]).toBe(4);
    expect(refused).toContain('BACKUP_GOVERNED');
  });
});
