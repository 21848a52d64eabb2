import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Keys } from '@countersign/key-client';
import { createPool, type Pool } from '@countersign/postgres';
import { startRotation, type Rotation } from '@countersign/rotation';
import { Registry } from 'prom-client';
import { codeOf, KeysFixture, until } from './fixture/keys-fixture.js';
import { FILES, makeApp, SECRETS } from './fixture/rotation-app.js';

const HOOKS = join(import.meta.dirname, '../../../tools/resolve-source.mjs');
const TENANTS = ['acme', 'globex'] as const;
const ROWS = 1_000;
const WRITERS = 3;
const PIECES = 3;
const silent = { info: () => undefined, warn: () => undefined };
const placeOf = (id: number) => ({ table: 'factors', column: 'secret', row: String(id) });

let fixture: KeysFixture;
let app: { readonly url: string; readonly rotationUrl: string };
let pool: Pool;
let rotationPool: Pool;
let identity: Keys;
let operator: Keys;
const rotations: Rotation[] = [];
const registry = new Registry();
/** What each row must open to. */
const expected = new Map<string, string>();

beforeAll(async () => {
  fixture = await KeysFixture.make();
  // Leases of two seconds; empty versions are retired as soon as they are proven.
  await fixture.start({ leaseMs: 2_000, dataKeysKeptMs: 0 });
  app = await makeApp(fixture.stack.postgres.superuserUrl, (name) => fixture.stack.databaseUrl(name));
  pool = createPool({ url: app.url, max: 6, applicationName: 'app' });
  rotationPool = createPool({ url: app.rotationUrl, max: 4, applicationName: 'rotation' });
  // Shorter than a restart of the key service may take away an answer.
  identity = await fixture.as('identity', { timeoutMs: 2_000 });
  operator = await fixture.as('operator');
}, 60_000);
afterAll(async () => {
  for (const rotation of rotations) await rotation.stop();
  await rotationPool.end();
  await pool.end();
  await fixture.close();
});

async function put(keys: Keys, tenant: string, id: number, value: string): Promise<void> {
  const text = await keys.fields.seal(tenant, 'identity.mfa', placeOf(id), Buffer.from(value));
  await pool.query('INSERT INTO factors VALUES ($1, $2, $3, $4) ON CONFLICT (tenant, factor_id) DO UPDATE SET secret = excluded.secret', [tenant, id, 'somebody', text]);
  expected.set(`${tenant} ${id}`, value);
}

async function get(keys: Keys, tenant: string, id: number): Promise<string> {
  const { rows } = await pool.query<{ secret: string }>('SELECT secret FROM factors WHERE tenant = $1 AND factor_id = $2', [tenant, id]);
  return (await keys.fields.open(tenant, 'identity.mfa', placeOf(id), rows[0]!.secret)).toString();
}

/** Bodies in pieces, of one tenant. */
async function putFile(id: number): Promise<void> {
  const digest = createHash('sha256').update(String(id)).digest();
  const body: string[] = [];
  for (let piece = 0; piece < PIECES; piece++) body.push(await identity.fields.seal('acme', 'identity.files', FILES.place({ digest }, piece, PIECES), Buffer.from(`${id}.${piece}`)));
  await pool.query('INSERT INTO files VALUES ($1, $2, $3)', [id, digest, body]);
}

async function fileOf(keys: Keys, id: number): Promise<string> {
  const { rows } = await pool.query<{ digest: Buffer; body: string[] }>('SELECT digest, body FROM files WHERE file_id = $1', [id]);
  const { digest, body } = rows[0]!;
  const opened: string[] = [];
  for (const [piece, text] of body.entries()) opened.push((await keys.fields.open('acme', 'identity.files', FILES.place({ digest }, piece, PIECES), text)).toString());
  return opened.join(' ');
}

/** Writes and reads its own rows until told to stop, each through its own client; whatever fails, fails the test. How many operations. */
async function load(writer: number, isOver: () => boolean): Promise<number> {
  const keys = await fixture.as('identity');
  let operations = 0;
  for (let n = 0; !isOver(); n++) {
    const tenant = TENANTS[n % 2]!;
    const id = writer + WRITERS * (n % (ROWS / WRITERS | 0));
    await put(keys, tenant, id, `${id}-${n}`);
    const other = writer + WRITERS * ((n * 7) % (ROWS / WRITERS | 0));
    expect(await get(keys, tenant, other)).toBe(expected.get(`${tenant} ${other}`));
    const place = { table: 'events', column: 'personal', row: String(n) };
    const text = (await keys.subjects.ensure(tenant, [`user-${n % 50}`])).seal(`user-${n % 50}`, place, Buffer.from('x'));
    expect(await keys.subjects.openAll([{ tenant, context: place, text }])).toEqual([{ bytes: Buffer.from('x') }]);
    operations += 4;
  }
  return operations;
}

const under = async (version: number): Promise<number> =>
  Number((await pool.query<{ count: string }>(`SELECT count(*) FROM factors WHERE split_part(secret, ':', 2) ~ '_${version}$'`)).rows[0]!.count);
const versionsOf = async (tenant: string, purpose: string) => (await operator.client.ask('show', { tenant, purpose })).result.versions;

/** Another instance, in a process of its own, killed in the middle of its work. */
async function killedInTheMiddle(): Promise<void> {
  const { NODE_OPTIONS: _jest, ...env } = process.env;
  const { url, users, publicKeys } = fixture.stack.nats;
  const flags = ['--experimental-transform-types', '--disable-warning=ExperimentalWarning', '--conditions=@countersign/source', '--import', HOOKS];
  const args = [...flags, join(import.meta.dirname, 'fixture/rotation-child.ts'), app.rotationUrl, url, users.identity, publicKeys.keys];
  const child = spawn(process.execPath, args, { env: { ...env, IDENTITY_SEED: fixture.seedOf('identity') }, stdio: ['ignore', 'ignore', 'inherit'] });
  const before = await under(1);
  await until('some rows re-encrypted', async () => (await under(1)) < before - 200);
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function start(): void {
  const instance = new Registry();
  rotations.push(startRotation({ columns: [SECRETS, FILES], pool: rotationPool, keys: identity, registry: rotations.length === 0 ? registry : instance, log: silent, rowsPerSecondMax: 100_000, intervalMs: 100 }));
}

describe('rotation of every key in use, under load', () => {
  it('fails no operation and loses nothing; what is left reaches zero, old versions are retired, and what lay under them is refused', async () => {
    for (const tenant of TENANTS) for (let id = 0; id < ROWS; id++) await put(identity, tenant, id, `${id}-first`);
    for (let id = 0; id < 30; id++) await putFile(id);
    const { rows: [old] } = await pool.query<{ secret: string }>(`SELECT secret FROM factors WHERE tenant = 'acme' AND factor_id = 1`);
    let isOver = false;
    const loads = Array.from({ length: WRITERS }, (_, writer) => load(writer, () => isOver));
    const names = TENANTS.flatMap((tenant) => ['tenant', 'identity.mfa'].map((purpose) => ({ tenant, purpose }))).concat({ tenant: 'acme', purpose: 'identity.files' });
    for (const name of names) await operator.client.ask('rotate', name);
    await operator.client.ask('roll-epoch', {});
    expect(await codeOf(operator.client.ask('retire-version', { ...names[1]!, version: 1 }))).toBe('KEY_SCAN_MISSING');
    await killedInTheMiddle();
    expect(await under(1)).toBeGreaterThan(0);
    start();
    start();
    for (const { tenant, purpose } of names) await until(`${tenant}/${purpose} retired`, async () => (await versionsOf(tenant, purpose))[0]!.state === 'destroyed');
    isOver = true;
    const operations = (await Promise.all(loads)).reduce((sum, each) => sum + each, 0);
    expect(operations).toBeGreaterThan(100);
    expect(await under(1)).toBe(0);
    const fresh = await fixture.as('identity');
    for (const [name, value] of expected) {
      const [tenant, id] = name.split(' ') as [string, string];
      expect(await get(fresh, tenant, Number(id))).toBe(value);
    }
    for (let id = 0; id < 30; id++) expect(await fileOf(fresh, id)).toBe([0, 1, 2].map((piece) => `${id}.${piece}`).join(' '));
    expect(await codeOf(fresh.fields.open('acme', 'identity.mfa', placeOf(1), old!.secret))).toBe('KEY_DESTROYED');
    const { result } = await operator.client.ask('rewrap-status', {});
    expect([result.versions, result.epoch.remaining]).toEqual([[], 0]);
    const retired = (await fixture.audit('keys.data-key.version-retired')).map(({ data: { tenant, purpose, version } }) => [tenant, purpose, version].join(' '));
    expect(retired.sort()).toEqual(['acme identity.files 1', 'acme identity.mfa 1', 'globex identity.mfa 1']);
    await until('the refusal is on record', async () => (await fixture.audit('keys.request.refused')).some(({ data }) => data['code'] === 'KEY_DESTROYED'));
    const metrics = await registry.metrics();
    expect(metrics).toMatch(/countersign_rotation_rows_reencrypted_total\{purpose="identity.mfa"\} [1-9]/);
    expect(metrics).not.toMatch(/acme|globex/);
  }, 120_000);

  it('a row that does not open holds up no other, and keeps its version from being retired', async () => {
    await pool.query(`UPDATE factors SET secret = (SELECT secret FROM factors WHERE tenant = 'acme' AND factor_id = 2) WHERE tenant = 'acme' AND factor_id = 1`);
    await operator.client.ask('rotate', { tenant: 'acme', purpose: 'identity.mfa' });
    await until('one is left', async () => (await versionsOf('acme', 'identity.mfa'))[1]!.remaining === 1);
    expect(await codeOf(operator.client.ask('retire-version', { tenant: 'acme', purpose: 'identity.mfa', version: 2 }))).toBe('KEY_IN_USE');
    await until('it is counted', async () => (await registry.metrics()).includes('countersign_rotation_rows_unreadable{purpose="identity.mfa",code="FIELD_NOT_AUTHENTIC"} 1'));
    expect(await registry.metrics()).toContain('countersign_rotation_rows_remaining{purpose="identity.mfa",version="2"} 1');
    await pool.query(`DELETE FROM factors WHERE tenant = 'acme' AND factor_id = 1`);
    await until('retired', async () => (await versionsOf('acme', 'identity.mfa'))[1]!.state === 'destroyed');
  }, 60_000);

  it('what comes back under a version that was proven empty is re-encrypted before it is retired', async () => {
    await fixture.stop();
    await fixture.start({ leaseMs: 1_000 });
    const name = { tenant: 'globex', purpose: 'identity.mfa' };
    const { rows: [kept] } = await pool.query<{ secret: string }>(`SELECT secret FROM factors WHERE tenant = 'globex' AND factor_id = 5`);
    await operator.client.ask('rotate', name);
    const old = async () => (await versionsOf(name.tenant, name.purpose))[1]!;
    await until('proven', async () => (await fixture.main.query(`SELECT FROM key_holders WHERE key_id = $1 AND remaining = 0 AND scanned_at > now() - interval '10 minutes' AND scanned_at > (SELECT created_at + interval '1 second' FROM key_versions WHERE tenant = 'globex' AND purpose = 'identity.mfa' AND version = 3)`, [(await old()).keyId])).rowCount === 1);
    // As a backup that is put back.
    await pool.query(`UPDATE factors SET secret = $1 WHERE tenant = 'globex' AND factor_id = 5`, [kept!.secret]);
    await until('re-encrypted', async () => (await pool.query(`SELECT FROM factors WHERE secret LIKE $1`, [`v2:${(await old()).keyId}:%`])).rowCount === 0);
    expect(await get(identity, 'globex', 5)).toBe(expected.get('globex 5'));
    await until('proven again', async () => (await old()).remaining === 0);
    expect(await codeOf(operator.client.ask('retire-version', { ...name, version: 2 }))).toBe('none');
  }, 60_000);

  it('the role of rotation reads and writes these columns only', async () => {
    const refused = (text: string): Promise<unknown> => rotationPool.query(text).then(() => 'none', (error: { code?: string }) => error.code);
    expect(await refused('SELECT owner FROM factors')).toBe('42501');
    expect(await refused(`UPDATE factors SET owner = 'x'`)).toBe('42501');
    expect(await refused('DELETE FROM factors')).toBe('42501');
    expect(await refused(`INSERT INTO factors VALUES ('a', 1, 'b', 'c')`)).toBe('42501');
  });
});
