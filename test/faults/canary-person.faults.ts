import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectBus } from '@countersign/bus';
import type { RecordedEvent, SearchPage, SubjectRequestView } from '@countersign/contracts';
import { SMS_KEY, SmsGateway, wanted } from '@countersign/devstack';
import { openKeys } from '@countersign/key-client';
import { withClient } from '@countersign/postgres';
import { exported, live, ORGANIZATION, surround, type Facts, type Life, type Surroundings } from './harness/canary-life.js';
import { countersignWith, type Ran } from './harness/cli.js';
import { Deployment } from './harness/deployment.js';
import { Postbox } from './harness/postbox.js';
import { planted, searchEverywhere } from './harness/search-everywhere.js';
import { DATABASES, putBack, startServices, stopServices, takeSnapshot, takeUpAgain } from './harness/site-snapshot.js';
import { until } from './harness/waiting.js';

const LIMIT_MS = 60_000;
const ASK_LIMIT_MS = 20_000;
const LEDGERS = ['system', ORGANIZATION];

const ROSALIND: Facts = {
  name: 'Rosalind Quillfeather-Obi', email: 'rosalind@quillfeather.example', secondEmail: 'r.obi@brackenmoor.example', password: 'heliotrope mandolin quarry 88',
  phone: '+41790555012', ip: '2001:db8:7c1f:19aa::e51', userAgent: 'Quillbrowser/77.4 (Rosalind)', keyName: 'key of the Quillfeather boat', passkeyName: 'Obi family phone',
  nationalId: '1890-7741-2236-05', details: 'I was never called Marchbanks-Thule',
};
const BEN: Facts = {
  name: 'Benedict Farrowdale', email: 'ben@farrowdale.example', secondEmail: 'b.farrow@otherside.example', password: 'umbrella nineteen copper 41',
  phone: '+41790555013', ip: '2001:db8:44::b0b', userAgent: 'Farrow/1.0', keyName: 'key of Ben', passkeyName: 'phone of Ben', nationalId: '5521-0098-1177-02', details: 'my street is spelled otherwise',
};

let deployment: Deployment;
let postbox: Postbox;
let sms: SmsGateway;
let around: Surroundings;
let rosalind: Life;
let ben: Life;
let archiveUrl: string;

/** What each person's events say: the name that a service wrote down, or what stands in its place. */
async function eventsOf(userId: string): Promise<RecordedEvent[]> {
  const found: RecordedEvent[] = [];
  for (const ledger of LEDGERS) {
    for (let cursor = ''; ; ) {
      const page = (await (await fetch(`${deployment.platform.ledger.url}/ledgers/${ledger}/events?limit=200${cursor}`)).json()) as SearchPage;
      found.push(...page.events.filter(({ parts }) => parts.some(({ subject }) => subject === userId)));
      if (page.next === undefined) break;
      cursor = `&cursor=${encodeURIComponent(page.next)}`;
    }
  }
  return found;
}

const statesOf = async ({ account: { userId } }: Life): Promise<string[]> => [...new Set((await eventsOf(userId)).flatMap(({ parts }) => parts.filter(({ subject }) => subject === userId).map(({ state }) => state)))];

/** `who`: a verifier with a memory of his own. */
const run = (who: string, ...args: readonly string[]): Promise<Ran> => countersignWith(join(deployment.folder, who), { COUNTERSIGN_LEDGER_URL: deployment.platform.ledger.url }, ...args, '--json');

async function cli(who: string, ...args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await run(who, ...args);
  expect({ args, code, err }).toEqual({ args, code: 0, err: expect.any(String) });
  return JSON.parse(out) as Record<string, unknown>;
}

/** Online, and from a file with no service asked. */
async function ledgersVerify(who: string): Promise<void> {
  for (const tenant of LEDGERS) {
    await until(`${tenant} verifies`, LIMIT_MS, async () => (await run(who, 'verify', '--tenant', tenant)).code === 0);
    const file = join(deployment.folder, `${tenant}-${who}.csx`);
    expect(await cli(who, 'export', '--tenant', tenant, '--out', file)).toMatchObject({ ok: true });
    expect(await cli(who, 'verify', '--file', file, '--key', `${file}.pub`)).toMatchObject({ ok: true });
  }
}

/** Reads, is read, signs in, and gets everything that is held of him. */
async function isUntouched(life: Life): Promise<void> {
  const { account, browser } = life;
  expect(wanted(await browser.get('/v1/account/profile'), 200).json).toMatchObject({ name: BEN.name, email: BEN.secondEmail });
  expect(await statesOf(life)).toEqual(['present']);
  const again = deployment.browser(1);
  const { challenge } = wanted(await again.post('/v1/sign-in', { email: BEN.secondEmail, password: BEN.password }), 200).json;
  wanted(await again.post('/v1/sign-in/verify', { challenge, code: await account.code() }), 200);
  expect((await exported({ account, browser: again })).length).toBeGreaterThan(1_000);
}

async function asOperator<T>(work: (keys: ReturnType<typeof openKeys>) => Promise<T>): Promise<T> {
  const { nats } = deployment.stack;
  const bus = await connectBus({ url: nats.url, nkeySeedFile: nats.users.operator, name: 'operator' });
  const keys = openKeys({ bus, service: 'operator', nkeySeedFile: nats.users.operator, keysPublicKeyFile: join(deployment.folder, 'keys-service/keys-public-key'), timeoutMs: ASK_LIMIT_MS });
  try {
    return await work(keys);
  } finally {
    await keys.close();
    await bus.close();
  }
}

const epochs = (): string[] => readdirSync(join(deployment.folder, 'keys-service/epochs/keys'));

async function rollEpoch(): Promise<void> {
  await asOperator(async ({ client }) => {
    const { result } = await client.ask('roll-epoch', {});
    await until('the epoch has rolled', LIMIT_MS, async () => {
      const { epoch } = (await client.ask('rewrap-status', {})).result;
      return epoch.current === result.epoch && epoch.remaining === 0;
    });
  });
  await until('the key of the epoch before is gone', LIMIT_MS, () => epochs().length === 1);
}

describe('a person who was active in every service and is erased', () => {
  beforeAll(async () => {
    [postbox, sms] = await Promise.all([Postbox.start(), SmsGateway.start()]);
    deployment = await Deployment.open({ EDGE_LIMITS_FACTOR: '1000' }, async ({ stateDir, nats: { publicKeys } }) => {
      const file = (name: string, text: string): string => {
        writeFileSync(join(stateDir, name), text, { mode: 0o600 });
        return join(stateDir, name);
      };
      const services = Object.fromEntries((['ledger', 'identity', 'retention', 'operator'] as const).map((name) => [name, { publicKey: publicKeys[name] }]));
      return {
        keys: { KEYS_SERVICES_FILE: file('services.json', JSON.stringify(services)), KEYS_LEASE_SECONDS: '10' },
        identity: {
          IDENTITY_SMTP_HOST: '127.0.0.1', IDENTITY_SMTP_PORT: String(postbox.port), IDENTITY_SMTP_SECURITY: 'none', IDENTITY_MAIL_FROM: 'countersign@example.com',
          IDENTITY_SMS_URL: sms.url, IDENTITY_SMS_KEY_FILE: file('sms-key', SMS_KEY),
        },
        retention: { RETENTION_ERASURE_WAIT_SECONDS: '0' },
      };
    });
    around = { deployment, postbox, sms, sender: await surround(deployment) };
    rosalind = await live(around, ROSALIND);
    ben = await live(around, BEN);
  }, 300_000);
  afterAll(async () => {
    await deployment.close();
    await postbox.stop();
    await sms.stop();
  }, 60_000);

  it('is told of in the ledger as long as she is there, and lies in the clear nowhere even then', async () => {
    await deployment.audit();
    expect(await statesOf(rosalind)).toEqual(['present']);
    expect((await eventsOf(rosalind.account.userId)).length).toBeGreaterThan(15);
    expect((await searchEverywhere(deployment, rosalind.canaries)).found).toEqual([]);
    // It looks, and finds what is there.
    const name = 'Nobody Thistlewick';
    const { where, done } = await planted(deployment, name);
    expect((await searchEverywhere(deployment, { name })).found).toEqual(expect.arrayContaining(where.map((one) => `${one}: name`)));
    await done();
    await takeSnapshot(deployment);
    expect(await statesOf(rosalind)).toEqual(['present']);
  });

  it('is gone: signed out for good, unreadable in every ledger, with a certificate that verifies offline', async () => {
    const { browser, account } = rosalind;
    archiveUrl = await linkOfArchive(rosalind);
    const { certificateUrl } = wanted(await browser.post('/v1/account/privacy/delete', {}), 202).json as unknown as SubjectRequestView & { certificateUrl: string };
    let note: { certificate: string; vkey: string } | undefined;
    await until('the certificate', LIMIT_MS, async () => {
      const answer = await deployment.browser().get(certificateUrl);
      note = answer.status === 200 ? (answer.json as unknown as typeof note) : undefined;
      return note !== undefined;
    });
    const file = join(deployment.folder, 'erasure.certificate');
    writeFileSync(file, note!.certificate);
    expect(await cli('auditor', 'retention', 'certificate', 'verify', file, '--key', note!.vkey)).toMatchObject({ ok: true, kind: 'erasure', statement: { subject: account.userId } });
    wanted(await browser.get('/v1/account/profile'), 401);
    for (const email of [ROSALIND.email, ROSALIND.secondEmail]) expect(wanted(await deployment.browser().post('/v1/sign-in', { email, password: ROSALIND.password }), 401).json.code).toBe('SIGN_IN_REFUSED');
    expect(wanted(await deployment.browser().get(archiveUrl), 404).json.code).toBe('FILE_MISSING');
    await until('the ledger has dropped her keys', LIMIT_MS, async () => !(await statesOf(rosalind)).includes('present'));
    expect(await statesOf(rosalind)).toEqual(['erased']);
    await ledgersVerify('auditor');
    await isUntouched(ben);
  });

  it('is found nowhere once the epoch has rolled, not in snapshots either, which no key is left for', async () => {
    await rollEpoch();
    const { found, rowsOf, bytes } = await searchEverywhere(deployment, rosalind.canaries);
    expect(found).toEqual([]);
    expect(rowsOf).toEqual(expect.arrayContaining([...DATABASES, ...DATABASES.map((name) => `${name}_before`)]));
    expect(bytes).toBeGreaterThan(100_000_000);
    const left = epochs().map((name) => (JSON.parse(readFileSync(join(deployment.folder, 'keys-service/epochs/keys', name), 'utf8')) as { keyId: string }).keyId);
    const wrapped = await withClient(deployment.stack.databaseUrl('keys_subjects_before'), async (client) => (await client.query<{ wrapped: string }>('SELECT wrapped FROM subject_keys WHERE wrapped IS NOT NULL')).rows);
    expect(wrapped.length).toBeGreaterThan(3);
    expect(wrapped.filter((row) => left.includes(row.wrapped.split(':')[1]!))).toEqual([]);
  });

  it('stays gone when every database is put back from before', async () => {
    await stopServices(deployment);
    await putBack(deployment, DATABASES);
    await expect(deployment.platform.keys.start()).rejects.toMatchObject({ code: 'START_FAILED', message: expect.stringContaining('the key of epoch') });
    await deployment.platform.keys.stop();
    // By the rule: the subjects' keys of this epoch, all else from the snapshot.
    await takeUpAgain(deployment, 'keys_subjects');
    await startServices(deployment);
    expect(await statesOf(rosalind)).toEqual(['erased']);
    await staysOut();
    await isUntouched(ben);
    // Whoever has seen more is not told that less is all; somebody new finds nothing wrong.
    expect(await run('auditor', 'verify', '--tenant', 'system')).toMatchObject({ code: 2 });
    await ledgersVerify('newcomer');
    expect((await searchEverywhere(deployment, rosalind.canaries)).found).toEqual([]);
  });
});

/** Her password, session and API key are in the database again, and open nothing; of the account is left that it was there. */
async function staysOut(): Promise<void> {
  const { account: { userId }, browser, canaries } = rosalind;
  for (const email of [ROSALIND.email, ROSALIND.secondEmail]) expect(wanted(await deployment.browser().post('/v1/sign-in', { email, password: ROSALIND.password }), 401).json.code).toBe('SIGN_IN_REFUSED');
  wanted(await browser.stolen().get('/v1/account/principal'), 401);
  wanted(await deployment.browser().ask('GET', '/v1/account/profile', { headers: { authorization: `Bearer ${canaries['apiKey'] as string}` } }), 401);
  await until('identity has let go of her again', LIMIT_MS, async () => wanted(await deployment.admin.browser.get(`/v1/admin/users/${userId}`), 200).json['state'] === 'erased');
}

async function linkOfArchive({ browser }: Life): Promise<string> {
  const { requests } = wanted(await browser.get('/v1/account/privacy/requests'), 200).json as unknown as { requests: SubjectRequestView[] };
  const ready = requests.find(({ kind, state }) => kind === 'export' && state === 'ready')!;
  return (wanted(await browser.post(`/v1/account/privacy/requests/${ready.requestId}/link`), 200).json as { url: string }).url;
}
