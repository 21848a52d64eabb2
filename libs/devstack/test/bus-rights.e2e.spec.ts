import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connectProvisioner, ensureIntakeStream, permissionsOf, type BusConnection } from '@countersign/bus';
import { BUS_ACCOUNTS, BUS_RIGHTS, holderRights, holderUser, type BusUser } from '@countersign/contracts';
import { startNats, type NatsServer } from '@countersign/devstack';
import { headers } from '@nats-io/transport-node';
import { hearersOf, mayPublish, maySubscribe, Probe, sampleOf, type Heard } from './rights-probe.js';

const LIMIT = { timeoutMs: 5_000 };
const HOLDER = { tenant: 'acme', service: 'crm' };
const RIGHTS = [...BUS_RIGHTS, ...holderRights(HOLDER.tenant, HOLDER.service)];
// The system account's user administers the server, and is in no account of ours.
const USERS = [...Object.keys(BUS_ACCOUNTS).filter((user) => user !== 'system'), holderUser(HOLDER.tenant, HOLDER.service)];
const SERVICES = USERS.filter((user) => user !== 'ledger' && user !== 'provisioner');

/** What nobody has a line for, and every road around subject permissions that is known. */
const FOREIGN = [
  ...['STREAM.PURGE.INTAKE', 'STREAM.CREATE.MINE', 'STREAM.UPDATE.MINE', 'STREAM.MSG.DELETE.INTAKE', 'STREAM.SNAPSHOT.INTAKE', 'STREAM.RESTORE.INTAKE', 'STREAM.NAMES', 'STREAM.PURGE.WAITING'].map((call) => `$JS.API.${call}`),
  ...['CONSUMER.CREATE.INTAKE', 'CONSUMER.CREATE.INTAKE.mine', 'CONSUMER.DURABLE.CREATE.INTAKE.mine', 'CONSUMER.MSG.NEXT.INTAKE.mine', 'CONSUMER.LIST.INTAKE', 'DIRECT.GET.INTAKE', 'ACCOUNT.PURGE.LEDGER', 'STREAM.LEADER.STEPDOWN.INTAKE', 'STREAM.PEER.REMOVE.INTAKE', 'META.LEADER.STEPDOWN'].map((call) => `$JS.API.${call}`),
  '$JS.LEDGER.API.STREAM.PURGE.INTAKE', '$JS.ACK.INTAKE.mine.1.1.1.1.0', '$JS.FC.INTAKE.ledger.x', '$JS.EVENT.ADVISORY.API', '$JSC.CI.LEDGER.INTAKE.ledger',
  '$KV.bucket.key', '$O.bucket.C.chunk', '$SYS.REQ.SERVER.PING', '$SYS.ACCOUNT.LEDGER.CONNECT', '$SYS.REQ.ACCOUNT.LEDGER.INFO', '$SRV.PING',
  '_INBOX.somebody.x', '_INBOX.ledger.x', '_INBOX.provisioner.x', 'ledger', 'ledger.receipt', 'ledger.receipt.a.b', 'ledger.anything.at.all', 'waiting', 'deliver.somewhere', 'intake', 'intake.shop', 'intake.shop.acme.more', 'anything',
];
const WIDE = ['>', '*', '*.>', 'ledger.>', 'intake.>', 'waiting.>', 'keys-erased.>', 'identity.>', 'retention.>', '$JS.>', '$JS.API.>', '$JS.EVENT.>', '$SYS.>', '$KV.>', '$O.>', '_R_.>', '_INBOX.>', '_INBOX.*.*'];

let dir: string;
let nats: NatsServer;
let provisioner: BusConnection;
const heard: Heard[] = [];
let probes: Map<string, Probe>;
const probe = (user: string): Probe => probes.get(user)!;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'countersign-rights-'));
  nats = await startNats({ dir, holders: [HOLDER] });
  provisioner = await connectProvisioner({ url: nats.url, nkeySeedFile: nats.users.provisioner });
  const open = async (user: string): Promise<[string, Probe]> => [user, await Probe.open(nats.url, user, nats.users[user as BusUser] ?? nats.holderSeedFile(HOLDER), heard)];
  probes = new Map(await Promise.all(USERS.map(open)));
  for (const user of USERS) for (const pattern of permissionsOf(user, RIGHTS).subscribe) probe(user).subscribe(pattern);
  await settle();
});
afterAll(async () => {
  for (const { nats: connection } of probes.values()) await connection.close();
  await provisioner.close();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  await provisioner.request('$JS.API.STREAM.DELETE.INTAKE', '', LIMIT).catch(() => undefined);
  await ensureIntakeStream(provisioner);
  await settle();
  heard.length = 0;
  for (const { refused } of probes.values()) refused.clear();
});

async function settle(): Promise<void> {
  // Twice: what one account sends another hears after its own turn.
  for (const _ of [1, 2]) await Promise.all([...probes.values()].map((one) => one.settle()));
}

interface Stored {
  readonly subject: string;
  readonly data: string;
}

async function storedMessages(): Promise<Stored[]> {
  const json = async (subject: string, body: string) => JSON.parse(Buffer.from((await provisioner.request(subject, body, LIMIT)).data).toString('utf8')) as { state: { last_seq: number }; message?: { subject: string; data?: string } };
  const { state } = await json('$JS.API.STREAM.INFO.INTAKE', '');
  const stored: Stored[] = [];
  for (let seq = 1; seq <= state.last_seq; seq += 1) {
    const { message } = await json('$JS.API.STREAM.MSG.GET.INTAKE', JSON.stringify({ seq }));
    if (message !== undefined) stored.push({ subject: message.subject, data: Buffer.from(message.data ?? '', 'base64').toString('utf8') });
  }
  return stored;
}

const sorted = (cells: Iterable<string>): string[] => [...new Set(cells)].sort();
const SUBJECTS = [...new Set([...RIGHTS.map(({ subject }) => sampleOf(subject)), ...FOREIGN])];
// Done in earnest, these would take the stream away.
const HARMLESS = SUBJECTS.filter((subject) => !subject.includes('.DELETE.'));

describe('the whole matrix on a real server', () => {
  it.each(USERS)('%s may publish what is declared, and nothing else', async (user) => {
    for (const subject of HARMLESS) probe(user).publish(subject);
    await probe(user).settle();
    expect(sorted(probe(user).refused)).toEqual(sorted(HARMLESS.filter((subject) => !mayPublish(RIGHTS, user, subject)).map((subject) => `publish ${subject}`)));
  });

  it.each(USERS)('%s may listen where it is declared, and nowhere else', async (user) => {
    const one = await Probe.open(nats.url, user, nats.users[user as BusUser] ?? nats.holderSeedFile(HOLDER), []);
    const patterns = [...new Set([...RIGHTS.map(({ subject }) => subject), ...SUBJECTS, ...WIDE])];
    for (const pattern of patterns) one.subscribe(pattern);
    await one.settle();
    const may = (pattern: string): boolean => maySubscribe(RIGHTS, user, pattern) || (pattern === '_INBOX.>' && user !== 'provisioner');
    expect(sorted(one.refused)).toEqual(sorted(patterns.filter((pattern) => !may(pattern)).map((pattern) => `subscribe ${pattern}`)));
    await one.nats.close();
  });

  it('brings every message to those whom it is meant for, and to nobody else', async () => {
    const cells = USERS.flatMap((user) => RIGHTS.filter(({ from, kind }) => from === user && (kind === 'ask' || kind === 'tell')).map(({ subject }) => ({ user, subject: sampleOf(subject) })));
    for (const { user, subject } of cells) probe(user).publish(subject, `of ${user}`);
    await settle();
    const expected = cells.flatMap(({ user, subject }) => hearersOf(RIGHTS, user, subject, USERS).map((hearer) => `${hearer} hears ${subject} of ${user}`));
    expect(expected.length).toBeGreaterThan(40);
    expect(sorted(heard.map(({ user, subject, data }) => `${user} hears ${subject} ${data}`))).toEqual(sorted(expected));
  });

  it('stores what is declared under the names that are declared', async () => {
    const cells = RIGHTS.filter(({ kind, subject }) => kind === 'store' && subject.startsWith('intake.') && !subject.includes('_probe')).map(({ from, subject }) => ({ user: from, subject: sampleOf(subject) }));
    const acks = await Promise.all(cells.map(async ({ user, subject }) => JSON.parse((await probe(user).nats.request(subject, user, { timeout: 5_000 })).string()) as { stream: string }));
    expect(new Set(acks.map(({ stream }) => stream))).toEqual(new Set(['INTAKE']));
    expect((await storedMessages()).map(({ subject, data }) => `${data} ${subject}`).sort()).toEqual(cells.map(({ user, subject }) => `${user} ${subject}`).sort());
  });

  it('answers questions across accounts', async () => {
    const responders = ['keys', 'identity', 'retention', 'services', 'ledger'];
    const cells = RIGHTS.filter(({ kind, to }) => kind === 'ask' && to.some((user) => responders.includes(user) || user.startsWith('holder-')));
    for (const { from, to, subject } of cells) {
      const answering = probe(to[0]!).nats.subscribe(sampleOf(subject), { callback: (_, message) => void message.respond(`answer of ${to[0]!}`) });
      await probe(to[0]!).settle();
      expect((await probe(from).nats.request(sampleOf(subject), '', { timeout: 5_000 })).string()).toBe(`answer of ${to[0]!}`);
      answering.unsubscribe();
    }
    expect(cells.length).toBeGreaterThan(12);
  });
});

const ROADS = ['ledger.receipt.victim', 'ledger.refused.victim', 'ledger.checkpoint.acme', 'ledger.integrity.acme', 'intake.ledger.acme', 'intake.http.acme', 'intake.keys.acme', 'intake.victim.acme', 'waiting.d.shop.acme'];
const API_ROADS = ['$JS.API.STREAM.PURGE.INTAKE', '$JS.API.STREAM.DELETE.INTAKE', '$JS.API.STREAM.CREATE.MINE', '$JS.ACK.INTAKE.ledger.1.1.1.1.0', '$JS.API.CONSUMER.MSG.NEXT.INTAKE.ledger'];

/** Configurations that would have JetStream itself publish or copy what the account of the ledger holds. */
const MADE_TO_SPEAK: readonly (readonly [string, string, object])[] = [
  ['republish', '$JS.API.STREAM.CREATE.MINE', { name: 'MINE', subjects: ['mine.>'], republish: { src: '>', dest: 'ledger.receipt.victim' } }],
  ['a mirror of the intake', '$JS.API.STREAM.CREATE.MINE', { name: 'MINE', mirror: { name: 'INTAKE' } }],
  ['a source of the intake', '$JS.API.STREAM.CREATE.MINE', { name: 'MINE', sources: [{ name: 'INTAKE', external: { api: '$JS.LEDGER.API', deliver: 'deliver.somewhere' } }] }],
  ['a stream over ledger.>', '$JS.API.STREAM.CREATE.MINE', { name: 'MINE', subjects: ['ledger.>'] }],
  ['another list of subjects for the intake', '$JS.API.STREAM.UPDATE.INTAKE', { name: 'INTAKE', subjects: ['intake.>', 'mine.>'] }],
  ['a push consumer that delivers to ledger.receipt', '$JS.API.CONSUMER.DURABLE.CREATE.INTAKE.mine', { stream_name: 'INTAKE', config: { durable_name: 'mine', deliver_subject: 'ledger.receipt.victim', ack_policy: 'none' } }],
  ['a stream restored from a snapshot', '$JS.API.STREAM.RESTORE.INTAKE', { config: { name: 'INTAKE' } }],
];

describe('forgery', () => {
  it.each(SERVICES)('%s has nobody else hear it on ledger.>, and nothing stored under another name, by naming that as the reply of what it may publish', async (user) => {
    const responders = ['keys', 'identity', 'retention', 'ledger', 'services'].map((one) => probe(one).nats.subscribe(`${one === 'services' ? 'holders' : one}.*.*`.replace('ledger.*.*', 'ledger.*'), { callback: (_, message) => void message.respond(`forged by ${user}`) }));
    await settle();
    const allowed = RIGHTS.filter(({ from, kind }) => from === user && kind !== 'hear').map(({ subject }) => sampleOf(subject));
    for (const subject of allowed) for (const reply of [...ROADS, ...API_ROADS]) probe(user).publish(subject, `forged by ${user}`, reply);
    for (const reply of ROADS) probe(user).publish('_INBOX.nobody', `forged by ${user}`, reply);
    await settle();
    await settle();
    for (const responder of responders) responder.unsubscribe();
    const others = USERS.filter((one) => one !== user);
    const named = new Set(allowed);
    expect(heard.filter((one) => others.includes(one.user) && one.data.includes('forged') && !named.has(one.subject))).toEqual([]);
    expect(heard.filter((one) => others.includes(one.user) && ROADS.includes(one.subject))).toEqual([]);
    const foreign = (await storedMessages()).filter(({ subject }) => !mayPublish(RIGHTS, user, subject));
    expect(foreign).toEqual([]);
    expect(await streamsThere()).toEqual(['INTAKE', 'WAITING']);
  });

  it.each(MADE_TO_SPEAK)('no service has JetStream do it by %s, and the ledger neither', async (_, call, body) => {
    for (const user of [...SERVICES, 'ledger']) probe(user).publish(call, JSON.stringify(body), `_INBOX.${user}.x`);
    await settle();
    for (const user of [...SERVICES, 'ledger']) expect([user, ...probe(user).refused]).toEqual([user, `publish ${call}`]);
    expect(await streamsThere()).toEqual(['INTAKE', 'WAITING']);
    expect(heard.filter(({ subject }) => !subject.startsWith('_INBOX.'))).toEqual([]);
  });

  it('no message takes others away: the stream obeys no roll-up', async () => {
    await probe('edge').nats.request('intake.http.acme', 'first', { timeout: 5_000 });
    for (const value of ['all', 'sub']) {
      const rollup = headers();
      rollup.set('Nats-Rollup', value);
      await probe('edge').nats.request('intake.http.acme', 'roll-up', { timeout: 5_000, headers: rollup });
    }
    expect((await storedMessages()).map(({ data }) => data)).toEqual(['first']);
  });

  it('who sends a PubAck to a name of the ledger hears it alone', async () => {
    probe('keys').publish('intake.keys.acme', 'event', 'ledger.receipt.keys');
    probe('edge').publish('intake.http.acme', 'event', 'ledger.receipt.keys');
    await settle();
    expect(heard.map(({ user, subject, data }) => [user, subject, Object.keys(JSON.parse(data) as object)])).toEqual([['keys', 'ledger.receipt.keys', ['stream', 'seq']]]);
  });
});

async function streamsThere(): Promise<string[]> {
  const { streams } = JSON.parse(Buffer.from((await provisioner.request('$JS.API.STREAM.LIST', '', LIMIT)).data).toString('utf8')) as { streams: { config: { name: string } }[] };
  return streams.map(({ config }) => config.name).sort();
}

describe('secrets', () => {
  it('are in files that only their owner reads, not in the configuration and not on the command line', async () => {
    const visible = [await readFile(join(dir, 'nats.conf'), 'utf8'), await readFile(`/proc/${String(nats.pid)}/cmdline`, 'utf8')].join('\n');
    for (const file of [...Object.values(nats.users), nats.holderSeedFile(HOLDER)]) {
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(visible).not.toContain((await readFile(file, 'utf8')).trim());
    }
  });
});
