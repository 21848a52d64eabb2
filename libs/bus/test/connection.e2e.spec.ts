import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectBus, findIntakeStream, type BusStatus } from '@countersign/bus';
import { createUser } from '@nats-io/nkeys';
import { headers } from '@nats-io/transport-node';
import { openStand, text, until, type BusStand } from './bus-stand.js';

let stand: BusStand;

beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());

describe('connecting', () => {
  it('UNAUTHORIZED at once with a key that the server does not know', async () => {
    const nkeySeed = text(createUser().getSeed());
    await expect(connectBus({ url: stand.nats.url, nkeySeed, name: 'stranger' })).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });

  it('UNAUTHORIZED without a key', async () => {
    await expect(connectBus({ url: stand.nats.url, name: 'stranger' })).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });

  it('DISCONNECTED when no server answers in time', async () => {
    const before = performance.now();
    await expect(connectBus({ url: 'nats://127.0.0.1:9', name: 'nobody', firstConnectLimitMs: 300 })).rejects.toMatchObject({ code: 'DISCONNECTED' });
    expect(performance.now() - before).toBeLessThan(3_000);
  });

  it('tells that it lost the server and came back, and subscriptions come back with it', async () => {
    const told: BusStatus['type'][] = [];
    const received: string[] = [];
    const stop = stand.services.onStatus(({ type }) => told.push(type));
    const subscription = stand.services.subscribe('ledger.receipt.shop', (message) => received.push(text(message.data)));
    await stand.services.flush();
    const { reconnects } = stand.services;
    await stand.nats.kill('SIGKILL');
    await until(() => told.includes('disconnected'));
    expect(stand.services.connected).toBe(false);
    expect(() => stand.services.publish('_INBOX.x', 'lost')).toThrow(expect.objectContaining({ code: 'DISCONNECTED' }));
    await expect(stand.services.flush()).rejects.toMatchObject({ code: 'DISCONNECTED' });
    await stand.restart();
    expect(told).toContain('reconnected');
    expect(stand.services.reconnects).toBe(reconnects + 1);
    await stand.services.flush();
    stand.ledger.publish('ledger.receipt.shop', 'after');
    await until(() => received.length === 1);
    expect(received).toEqual(['after']);
    subscription.unsubscribe();
    stop();
  });

  it('counts what failed by its code, once each, and what the server refused of what nobody waits for', async () => {
    const { services } = stand;
    const before = new Map(services.failures);
    const risen = (): Record<string, number> => Object.fromEntries([...services.failures].map(([code, count]) => [code, count - (before.get(code) ?? 0)]).filter(([, count]) => count !== 0));
    expect([...before.keys()]).toEqual(expect.arrayContaining(['TIMEOUT', 'NO_RESPONDERS', 'DISCONNECTED', 'FORBIDDEN']));
    await expect(services.request('ledger.receipt.shop', 'x', { timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    services.publish('ledger.receipt.shop', 'x');
    services.subscribe('intake.shop.acme', () => undefined);
    await until(() => risen()['FORBIDDEN'] === 3);
    expect(risen()).toEqual({ FORBIDDEN: 3 });
    const late = stand.ledger.failures.get('TIMEOUT')!;
    await expect(stand.ledger.request('keys.data-key.ledger', '{}', { timeoutMs: 200 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(stand.ledger.failures.get('TIMEOUT')).toBe(late + 1);
  });

  it('asks for the seed at every connection, so that a rotated one needs no restart', async () => {
    const seeds = [stand.nats.users.services, stand.nats.users.ledger].map((file) => readFileSync(file, 'utf8'));
    let current = seeds[0]!;
    const asked: string[] = [];
    const nkeySeed = (): string => {
      asked.push(current);
      return current;
    };
    const bus = await connectBus({ url: stand.nats.url, nkeySeed, name: 'rotating' });
    current = seeds[1]!;
    await stand.nats.kill('SIGKILL');
    await until(() => !bus.connected);
    await stand.restart();
    await until(() => bus.connected);
    expect([asked[0], asked.at(-1)]).toEqual(seeds);
    // Only the ledger's account may do this.
    await findIntakeStream(bus);
    await bus.close();
  });

  it('may be closed twice, and nothing is sent afterwards', async () => {
    const bus = await connectBus({ url: stand.nats.url, nkeySeedFile: stand.nats.users.services, name: 'short' });
    await bus.close();
    await bus.close();
    expect(bus.connected).toBe(false);
    await expect(bus.request('_INBOX.x', '', { timeoutMs: 100 })).rejects.toMatchObject({ code: 'DISCONNECTED' });
  });
});

describe('request and reply', () => {
  it('carries a question and its answer', async () => {
    stand.system.subscribe('keys.sign', (message) => message.respond(`signed ${text(message.data)}`));
    await stand.system.flush();
    const answer = await stand.system.request('keys.sign', 'this', { timeoutMs: 1_000 });
    expect(text(answer.data)).toBe('signed this');
  });

  it('carries headers, and leaves them out of a message that they would make too large', async () => {
    stand.system.subscribe('keys.heads', (message) => message.respond(message.headers?.get('traceparent') ?? 'none'));
    await stand.system.flush();
    const given = headers();
    given.set('traceparent', 'here');
    const ask = async (bytes: number): Promise<string> => text((await stand.system.request('keys.heads', new Uint8Array(bytes), { timeoutMs: 1_000, headers: given })).data);
    const max = stand.system.maxPayloadBytes;
    expect([await ask(0), await ask(max - 2_048), await ask(max - 10), await ask(max)]).toEqual(['here', 'here', 'none', 'none']);
  });

  it('gives each question to one of a queue group', async () => {
    const answered: number[] = [0, 0];
    for (const instance of [0, 1]) {
      stand.system.subscribe('keys.list', (message) => {
        answered[instance] = (answered[instance] ?? 0) + 1;
        message.respond('');
      }, { queue: 'keys' });
    }
    await stand.system.flush();
    for (let i = 0; i < 20; i += 1) await stand.system.request('keys.list', '', { timeoutMs: 1_000 });
    expect((answered[0] ?? 0) + (answered[1] ?? 0)).toBe(20);
  });

  it('NO_RESPONDERS when nobody listens', async () => {
    await expect(stand.system.request('_INBOX.nobody', '', { timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'NO_RESPONDERS' });
  });

  it('TIMEOUT when nobody answers', async () => {
    stand.system.subscribe('keys.silent', () => undefined);
    await stand.system.flush();
    await expect(stand.system.request('keys.silent', '', { timeoutMs: 100 })).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('never answers on a subject outside the inboxes, whatever the requester names', async () => {
    const seen: string[] = [];
    stand.system.subscribe('ledger.receipt.>', (message) => seen.push(message.subject));
    stand.system.subscribe('keys.echo', (message) => message.respond(message.data));
    await stand.system.flush();
    stand.system.nats.publish('keys.echo', 'forged receipt', { reply: 'ledger.receipt.shop' });
    await stand.system.request('keys.echo', 'fence', { timeoutMs: 1_000 });
    expect(seen).toEqual([]);
  });
});
