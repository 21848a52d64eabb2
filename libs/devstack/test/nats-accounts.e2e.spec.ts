import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connectBus, ensureIntakeStream, publishIntake, type BusConnection } from '@countersign/bus';
import { natsServerProgram, startNats, type NatsServer } from '@countersign/devstack';
import { createUser } from '@nats-io/nkeys';

const LIMIT = { timeoutMs: 1_000 };
let dir: string;
let nats: NatsServer;
let ledger: BusConnection;
let services: BusConnection;
let other: BusConnection;
let keys: BusConnection;
let operator: BusConnection;
let identity: BusConnection;
let edge: BusConnection;

const json = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));
const streamState = async (): Promise<unknown> => {
  const { state } = json((await ledger.request('$JS.API.STREAM.INFO.INTAKE', '', LIMIT)).data) as { state: { messages: number; last_seq: number } };
  return { messages: state.messages, lastSequence: state.last_seq };
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'countersign-nats-'));
  nats = await startNats({ dir });
  ledger = await connectBus({ url: nats.url, nkeySeedFile: nats.users.ledger, name: 'ledger' });
  services = await connectBus({ url: nats.url, nkeySeedFile: nats.users.services, name: 'services' });
  other = await connectBus({ url: nats.url, nkeySeedFile: nats.users.services, name: 'another service' });
  keys = await connectBus({ url: nats.url, nkeySeedFile: nats.users.keys, name: 'keys' });
  operator = await connectBus({ url: nats.url, nkeySeedFile: nats.users.operator, name: 'operator' });
  identity = await connectBus({ url: nats.url, nkeySeedFile: nats.users.identity, name: 'identity' });
  edge = await connectBus({ url: nats.url, nkeySeedFile: nats.users.edge, name: 'edge' });
});
afterAll(async () => {
  for (const bus of [ledger, services, other, keys, operator, identity, edge]) await bus.close();
  await nats.stop();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  await ledger.request('$JS.API.STREAM.DELETE.INTAKE', '', LIMIT).catch(() => undefined);
  await ensureIntakeStream(ledger);
});

describe('a service', () => {
  it('gets a PubAck through the import', async () => {
    expect(await publishIntake(services, 'intake.shop.acme', 'event', LIMIT)).toEqual({ stream: 'INTAKE', sequence: 1 });
  });

  it.each(['receipt', 'refused', 'checkpoint', 'integrity'])('hears ledger.%s.x from the ledger', async (kind) => {
    const heard = new Promise<string>((resolve) => other.subscribe(`ledger.${kind}.>`, (message) => resolve(`${message.subject} ${String(message.data)}`)));
    await other.flush();
    ledger.publish(`ledger.${kind}.x`, 'A');
    expect(await heard).toBe(`ledger.${kind}.x A`);
  });

  it('cannot publish on ledger.> so that the ledger or another service sees it', async () => {
    const seen: string[] = [];
    for (const bus of [ledger, other]) {
      bus.subscribe('ledger.>', (message) => seen.push(String(message.data)));
      await bus.flush();
    }
    for (const kind of ['receipt', 'refused', 'checkpoint', 'integrity']) services.publish(`ledger.${kind}.x`, 'forged');
    await services.flush();
    await ledger.flush();
    await other.flush();
    expect(seen).toEqual([]);
  });

  it.each([
    '$JS.API.STREAM.INFO.INTAKE',
    '$JS.API.STREAM.PURGE.INTAKE',
    '$JS.API.STREAM.DELETE.INTAKE',
    '$JS.API.STREAM.UPDATE.INTAKE',
    '$JS.API.STREAM.CREATE.MINE',
    '$JS.API.STREAM.MSG.GET.INTAKE',
    '$JS.API.CONSUMER.DELETE.INTAKE.ledger',
    '$JS.API.CONSUMER.MSG.NEXT.INTAKE.ledger',
    '$JS.ACK.INTAKE.ledger.1.1.1.1.0',
    '$JS.LEDGER.API.STREAM.PURGE.INTAKE',
    '$SYS.REQ.SERVER.PING',
    '$SYS.ACCOUNT.LEDGER.CONNECT',
  ])('cannot reach %s', async (subject) => {
    await publishIntake(services, 'intake.shop.acme', 'event', LIMIT);
    await expect(services.request(subject, '', LIMIT)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await streamState()).toEqual({ messages: 1, lastSequence: 1 });
  });

  // JetStream ignores a message that names an ack subject for its reply.
  it.each([
    ['intake.other.acme', 2],
    ['$JS.API.STREAM.PURGE.INTAKE', 2],
    ['$JS.API.STREAM.DELETE.INTAKE', 2],
    ['$JS.ACK.INTAKE.ledger.1.1.1.1.0', 1],
  ])(
    'stores and changes nothing else by naming %s as its reply subject',
    async (reply, messages) => {
      services.nats.publish('intake.shop.acme', 'event', { reply });
      services.nats.publish('_INBOX.nobody', 'event', { reply });
      await services.flush();
      await publishIntake(services, 'intake.shop.acme', 'fence', LIMIT);
      expect(await streamState()).toEqual({ messages, lastSequence: messages });
    },
  );

  it('cannot make a receipt by naming its subject for the PubAck: only the PubAck arrives', async () => {
    const seen: unknown[] = [];
    other.subscribe('ledger.receipt.other', (message) => seen.push(json(message.data)));
    await other.flush();
    services.nats.publish('intake.shop.acme', '{"recorded":[],"repeated":[]}', { reply: 'ledger.receipt.other' });
    await services.flush();
    await publishIntake(services, 'intake.shop.acme', 'fence', LIMIT);
    await other.flush();
    expect(seen).toEqual([{ stream: 'INTAKE', seq: 1 }]);
  });

  it.each(['intake.>', 'intake.shop.acme', '>', '$JS.>', '$SYS.>'])('cannot listen on %s', async (subject) => {
    const heard: string[] = [];
    const refused = new Promise<string>((resolve) => other.subscribe(subject, (message) => heard.push(message.subject), { onError: (error) => resolve(error.code) }));
    expect(await refused).toBe('FORBIDDEN');
    await publishIntake(services, 'intake.shop.acme', 'event', LIMIT);
    await other.flush();
    expect(heard).toEqual([]);
  });
});

describe('an operator', () => {
  it('reaches the key service in its own name, which no service does', async () => {
    keys.subscribe('keys.>', (message) => message.respond(message.subject));
    await keys.flush();
    expect(String((await operator.request('keys.list.operator', '', LIMIT)).data)).toBe('keys.list.operator');
    await expect(services.request('keys.list.operator', '', LIMIT)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    // The ledger may publish anything in its account, and nothing of it leaves.
    await expect(ledger.request('keys.list.operator', '', LIMIT)).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
  });

  it.each(['keys.list.identity', 'keys.data-key.ledger', 'intake.shop.acme', 'ledger.receipt.x', 'keys-erased.acme', '$JS.API.STREAM.INFO.INTAKE', '$SYS.REQ.SERVER.PING'])('may not publish %s', async (subject) => {
    await expect(operator.request(subject, '', LIMIT)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it.each(['keys.>', 'keys-erased.>', 'ledger.>', 'intake.>', '>'])('may not listen on %s', async (subject) => {
    const refused = new Promise<string>((resolve) => operator.subscribe(subject, () => resolve('heard'), { onError: (error) => resolve(error.code) }));
    expect(await refused).toBe('FORBIDDEN');
  });
});

describe('identity', () => {
  it('is asked by the edge, by operators in theirs, and by nobody in the name of another', async () => {
    const questions = identity.subscribe('identity.*.*', (message) => message.respond(message.subject));
    await identity.flush();
    expect(String((await edge.request('identity.session-check.edge', '', LIMIT)).data)).toBe('identity.session-check.edge');
    expect(String((await operator.request('identity.admin-create.operator', '', LIMIT)).data)).toBe('identity.admin-create.operator');
    await expect(edge.request('identity.admin-create.operator', '', LIMIT)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(services.request('identity.session-check.edge', '', LIMIT)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(operator.request('identity.session-check.edge', '', LIMIT)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(ledger.request('identity.session-check.edge', '', LIMIT)).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
    questions.unsubscribe();
  });

  it('tells edges of revocations, and hears that they are in force', async () => {
    const told = new Promise<string>((resolve) => edge.subscribe('identity-revoked', (message) => resolve(String(message.data))));
    const acked = new Promise<string>((resolve) => identity.subscribe('identity-acked.*', (message) => resolve(message.subject)));
    await edge.flush();
    await identity.flush();
    identity.publish('identity-revoked', 'r-1');
    expect(await told).toBe('r-1');
    edge.publish('identity-acked.i-1', 'r-1');
    expect(await acked).toBe('identity-acked.i-1');
  });

  it('alone speaks for itself: no edge answers in its place or revokes', async () => {
    const refused = new Promise<string>((resolve) => edge.subscribe('identity.>', () => resolve('heard'), { onError: (error) => resolve(error.code) }));
    expect(await refused).toBe('FORBIDDEN');
    await expect(edge.request('identity-revoked', '', LIMIT)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('asks the key service in its own name only, which no other service does', async () => {
    keys.subscribe('keys.>', (message) => message.respond(message.subject));
    await keys.flush();
    expect(String((await identity.request('keys.data-key.identity', '', LIMIT)).data)).toBe('keys.data-key.identity');
    await expect(services.request('keys.data-key.identity', '', LIMIT)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(identity.request('keys.data-key.edge', '', LIMIT)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

describe('the edge', () => {
  it('sends events as http, which no other service does, and as nobody else', async () => {
    expect(await publishIntake(edge, 'intake.http.acme', 'event', LIMIT)).toEqual({ stream: 'INTAKE', sequence: 1 });
    await expect(services.request('intake.http.acme', 'event', LIMIT)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    for (const subject of ['intake.identity.acme', 'intake.shop.acme', 'ledger.receipt.http']) await expect(edge.request(subject, 'event', LIMIT)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('hears its own receipts, and no others', async () => {
    const heard: string[] = [];
    edge.subscribe('ledger.receipt.http', ({ subject }) => heard.push(subject));
    await edge.flush();
    ledger.publish('ledger.receipt.shop', 'A');
    ledger.publish('ledger.receipt.http', 'B');
    await ledger.flush();
    await edge.flush();
    expect(heard).toEqual(['ledger.receipt.http']);
    const refused = new Promise<string>((resolve) => edge.subscribe('ledger.receipt.*', () => resolve('heard'), { onError: (error) => resolve(error.code) }));
    expect(await refused).toBe('FORBIDDEN');
  });
});

describe('secrets', () => {
  it('are in files that only their owner reads, not in the configuration and not on the command line', async () => {
    const visible = [await readFile(join(dir, 'nats.conf'), 'utf8'), await readFile(`/proc/${String(nats.pid)}/cmdline`, 'utf8')].join('\n');
    for (const file of Object.values(nats.users)) {
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(visible).not.toContain((await readFile(file, 'utf8')).trim());
    }
  });
});

describe('the template for production', () => {
  it('is a configuration that the server accepts', () => {
    const template = fileURLToPath(new URL('../../../deploy/nats/nats-server.conf', import.meta.url));
    const key = (): string => createUser().getPublicKey();
    const env = { COUNTERSIGN_NKEY_LEDGER: key(), COUNTERSIGN_NKEY_KEYS: key(), COUNTERSIGN_NKEY_IDENTITY: key(), COUNTERSIGN_NKEY_RETENTION: key(), COUNTERSIGN_NKEY_EDGE: key(), COUNTERSIGN_NKEY_SERVICES: key(), COUNTERSIGN_NKEY_OPERATOR: key(), COUNTERSIGN_NKEY_SYSTEM: key(), COUNTERSIGN_NATS_STORE_KEY: `k${'0'.repeat(64)}` };
    const check = spawnSync(natsServerProgram(join(dir, 'program'), () => undefined), ['--config', template, '-t'], { env, encoding: 'utf8' });
    expect([check.status, check.stderr]).toEqual([0, expect.stringContaining('is valid')]);
  });
});
