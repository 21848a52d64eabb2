import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Agent } from 'node:https';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { verifyCertificate } from '@countersign/certificates';
import { parseVkey } from '@countersign/chain';
import { deletionStatementSchema, type ErasureStatement } from '@countersign/contracts';
import { Account, administrator, Browser, browserAgent, Platform, startTestStack, wanted, type Devstack } from '@countersign/devstack';
import { withClient } from '@countersign/postgres';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const HERE = '/v1/organizations/home/retention';
const POLL_MS = 100;
const WAIT_MS_MAX = 60_000;

let stack: Devstack;
let platform: Platform;
let agent: Agent;
let admin: Browser;
let officer: Browser;
let service: ChildProcess;
let key: string;
let platformOrigin: string;
const said: string[] = [];

const sql = <T extends object>(text: string, values: unknown[] = [], database = 'records'): Promise<T[]> => withClient(stack.databaseUrl(database), async (client) => (await client.query<T>(text, values)).rows);
const ids = async (table: string): Promise<string[]> => (await sql<{ id: string }>(`SELECT id FROM ${table} ORDER BY id`)).map(({ id }) => id);

async function found<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const endMs = performance.now() + WAIT_MS_MAX; performance.now() < endMs; await new Promise((done) => setTimeout(done, POLL_MS))) {
    const seen = await look();
    if (seen !== undefined) return seen;
  }
  throw new Error(`not seen within a minute: ${what}; the service said: ${said.join('')}`);
}

/** Two people agree on a rule, as one that destroys asks for. */
async function agree(rule: object): Promise<void> {
  const { proposalId } = wanted(await officer.post(`${HERE}/policies`, { rule, reason: 'a test' }), 200).json as { proposalId: string };
  wanted(await admin.post(`${HERE}/proposals/${proposalId}/approve`), 204);
}

/** A key of a service account that may report, and nothing else. */
async function apiKey(): Promise<string> {
  const { accountId } = wanted(await admin.post('/v1/admin/service-accounts', { name: 'records', organization: 'home' }), 201).json as { accountId: string };
  wanted(await admin.post(`/v1/admin/service-accounts/${accountId}/roles`, { role: 'service', organization: 'home' }), 204);
  return wanted(await admin.post(`/v1/admin/service-accounts/${accountId}/api-keys`, { name: 'records', grants: [{ permission: 'resource.report', scope: 'organization' }] }), 201).json['key'] as string;
}

function startService(origin: string, keyFile: string): ChildProcess {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      RECORDS_DATABASE_URL: stack.databaseUrl('records'), RECORDS_COUNTERSIGN_URL: origin, RECORDS_ORGANIZATION: 'home', RECORDS_API_KEY_FILE: keyFile, RECORDS_POLL_MS: '200',
      NODE_EXTRA_CA_CERTS: platform.certificate.certFile,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data: Buffer) => said.push(data.toString()));
  return child;
}

beforeAll(async () => {
  stack = await startTestStack();
  platform = await Platform.open(stack, { isFast: true, env: { identity: { IDENTITY_PASSWORD_ITERATIONS: '200000' }, retention: { RETENTION_ERASURE_WAIT_SECONDS: '0', RETENTION_SWEEP_SECONDS: '1' } } });
  const { origin } = await platform.addEdge({ EDGE_LIMITS_FACTOR: '1000' });
  platformOrigin = origin;
  agent = browserAgent(platform.ca);
  const browser = (): Browser => new Browser({ origin, agent });
  admin = browser();
  await administrator(stack.nats, admin);
  officer = browser();
  const account = await new Account('officer@example.com').register(officer);
  await account.enrol(officer);
  wanted(await admin.post(`/v1/admin/users/${account.userId}/roles`, { role: 'privacy-officer' }), 204);
  await sql('CREATE DATABASE records', [], 'postgres');
  const keyFile = join(stack.stateDir, 'records-key');
  key = await apiKey();
  await writeFile(keyFile, `${key}\n`, { mode: 0o600 });
  service = startService(origin, keyFile);
}, 120_000);

afterAll(async () => {
  service.kill('SIGTERM');
  if (service.exitCode === null) await once(service, 'exit');
  agent.destroy();
  await platform.stop();
  await stack.stop();
}, 60_000);

describe('a service with tables of its own', () => {
  it('has registered its types, and reports what is there and what is not any more', async () => {
    const types = await found('three types', async () => {
      const listed = wanted(await admin.get(`${HERE}/types`), 200).json['types'] as { type: string; clock: string; classes: string[] }[];
      return listed.length === 3 ? listed : undefined;
    });
    expect(types.map(({ type, clock, classes }) => [type, clock, ...classes])).toEqual([['home.attachment', 'created', 'attachment'], ['home.contract', 'closed', 'legal'], ['home.message', 'created', 'content']]);
    await sql(`INSERT INTO contracts SELECT 'c-' || n, 'customer-' || n, 'terms', now() - interval '12 years', CASE n WHEN 1 THEN now() - interval '8 years' WHEN 2 THEN now() - interval '8 years' WHEN 3 THEN now() - interval '1 year' END FROM generate_series(1, 4) n`);
    await sql(`INSERT INTO messages SELECT 'm-' || n, 'customer-' || (n % 4 + 1), 'hello', now() - CASE WHEN n <= 300 THEN interval '90 days' ELSE interval '1 day' END FROM generate_series(1, 310) n`);
    await sql(`INSERT INTO attachments VALUES ('a-1', 'customer-3', 'x', now() - interval '90 days'), ('a-2', 'customer-3', 'x', now())`);
    await sql(`DELETE FROM messages WHERE id = 'm-310'`);
    const counts = await found('everything is reported', async () => {
      const listed = wanted(await admin.get(`${HERE}/types`), 200).json['types'] as { resources: number }[];
      return listed.map(({ resources }) => resources).join() === '2,4,309' ? listed : undefined;
    });
    expect(counts).toHaveLength(3);
  });

  it('deletes what is due and nothing else; what a hold covers stays', async () => {
    wanted(await admin.post(`${HERE}/holds`, { matter: 'Lawsuit', scope: { subjects: ['customer-2'], types: ['home.contract'] }, reason: 'letter of 2 November' }), 201);
    wanted(await admin.post(`${HERE}/policies`, { rule: { name: 'Contracts', type: 'home.contract', keep: { years: 7 }, byLaw: 'HGB § 257' }, reason: 'law' }), 200);
    await agree({ name: 'Contracts go', type: 'home.contract', dispose: { after: { years: 7 }, action: 'delete' } });
    await agree({ name: 'Messages', type: 'home.message', dispose: { after: { days: 30 }, action: 'delete' } });
    await agree({ name: 'Attachments', class: 'attachment', dispose: { after: { days: 30 }, action: 'delete' } });
    await found('what is due is gone', async () => ((await ids('messages')).length === 9 && (await ids('attachments')).length === 1 && !(await ids('contracts')).includes('c-1') ? true : undefined));
    expect({ contracts: await ids('contracts'), attachments: await ids('attachments') }).toEqual({ contracts: ['c-2', 'c-3', 'c-4'], attachments: ['a-2'] });
    expect((await ids('messages'))[0]).toBe('m-301');
  });

  it('has a certificate for each deletion, and hears of nothing twice', async () => {
    const kept = await found('certificates', async () => {
      const rows = await sql<{ gone: string[]; certificate: string | null }>('SELECT gone, certificate FROM carried_out');
      return rows.every(({ certificate }) => certificate !== null) ? rows : undefined;
    });
    expect(kept.flatMap(({ gone }) => gone).sort()).toEqual([...Array.from({ length: 300 }, (_, n) => `m-${n + 1}`), 'a-1', 'c-1'].sort());
    expect(new Set(kept.map(({ certificate }) => certificate)).size).toBe(kept.length);
  });

  it('erases a person but for what a law keeps, which the person is shown; everything verifies offline', async () => {
    // Customer 3: a contract that ended a year ago, a young attachment, messages 302 and 306.
    const { requestId } = wanted(await admin.post('/v1/privacy/requests', { kind: 'delete', tenant: 'home', subject: 'customer-3' }), 201).json as { requestId: string };
    wanted(await admin.post(`/v1/privacy/requests/${requestId}/verify`, { how: 'passport' }), 204);
    const request = await found('the erasure is complete', async () => {
      const { requests } = wanted(await admin.get('/v1/privacy/requests?state=closed'), 200).json as { requests: { requestId: string; state: string; kept?: { type: string; reason: string }[] }[] };
      return requests.find((one) => one.requestId === requestId && one.state === 'completed');
    });
    expect(request.kept).toContainEqual(expect.objectContaining({ type: 'home.contract', reason: 'must be kept: HGB § 257', count: 1 }));
    expect(await sql(`SELECT id FROM messages WHERE customer = 'customer-3' UNION SELECT id FROM attachments WHERE customer = 'customer-3'`)).toEqual([]);
    expect(await ids('contracts')).toContain('c-3');
    expect((await ids('messages')).length).toBe(7);
    const [proof] = await sql<{ certificate: string; vkey: string }>('SELECT certificate, vkey FROM subject_requests WHERE request_id = $1', [requestId], 'retention');
    const keys = [parseVkey(proof!.vkey)];
    const erased = verifyCertificate(proof!.certificate, keys).statement as ErasureStatement;
    expect(erased.scrubbed).toEqual(expect.arrayContaining([expect.objectContaining({ holder: 'reported.home.records', type: 'home.message', count: 2 }), expect.objectContaining({ type: 'home.attachment', count: 1 })]));
    const notes = await sql<{ certificate: string; gone: string[] }>('SELECT certificate, gone FROM carried_out');
    for (const note of notes) {
      const { kind, statement } = verifyCertificate(note.certificate, keys);
      expect([kind, deletionStatementSchema.parse(statement)]).toMatchObject(['deletion', { tenant: 'home', holder: 'reported.home.records', resources: note.gone.length }]);
    }
  });

  it('can do nothing else with its key, and nothing where it is not at home', async () => {
    const program = new Browser({ origin: platformOrigin, agent });
    const asked = (method: string, path: string, body?: object) => program.ask(method, path, { headers: { authorization: `Bearer ${key}` }, ...(body === undefined ? {} : { body }) });
    const answers = [await asked('GET', `${HERE}/policies`), await asked('POST', `${HERE}/types/home.message/withdraw`, { reason: 'a test' }), await asked('POST', '/v1/organizations/elsewhere/retention/types', { type: 'elsewhere.message', service: 'records', clock: 'created', actions: ['delete'], classes: ['content'] }), await asked('POST', '/v1/retention/types/system.note/orders', {})];
    expect(answers.map(({ status, json: { code } }) => [status, code])).toEqual([[403, 'FORBIDDEN'], [403, 'FORBIDDEN'], [403, 'FORBIDDEN'], [403, 'FORBIDDEN']]);
  });
});
