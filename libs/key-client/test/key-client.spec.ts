import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import type { BusConnection, BusMessage } from '@countersign/bus';
import { formatNkey, nkeyPublicKey, signReply, splitMessage, verifyRequest } from '@countersign/envelope';
import { createUser } from '@nats-io/nkeys';
import { KeyClient } from '../src/key-client.js';
import { KeyClientError } from '../src/key-client-error.js';

const dir = mkdtempSync(join(tmpdir(), 'key-client-'));
afterAll(() => rmSync(dir, { recursive: true }));

const ed25519 = (): KeyObject => generateKeyPairSync('ed25519').privateKey;
const seedOf = (user: ReturnType<typeof createUser>): string => new TextDecoder().decode(user.getSeed());

/** A bus at whose end one with this key answers everything, and remembers what it was asked. */
function busOf(answerer: { key: KeyObject }): { bus: BusConnection; asked: Uint8Array[] } {
  const asked: Uint8Array[] = [];
  const request = async (_subject: string, data: Uint8Array | string): Promise<Pick<BusMessage, 'data'>> => {
    asked.push(data as Uint8Array);
    return { data: signReply(Buffer.from('{"result":{}}'), data as Uint8Array, answerer.key) };
  };
  return { bus: { request } as unknown as BusConnection, asked };
}

const codeOf = (work: Promise<unknown>): Promise<string> => work.then(() => 'none', (error: KeyClientError) => error.code);

describe('the client of the key service', () => {
  it('follows a new key of the key service when its file names it beside the old one', async () => {
    const [old, next] = [ed25519(), ed25519()];
    const file = join(dir, 'public-key');
    writeFileSync(file, `${formatNkey(old)}\n`);
    const answerer = { key: old };
    const client = new KeyClient({ bus: busOf(answerer).bus, service: 'ledger', nkeySeed: seedOf(createUser()), keysPublicKeyFile: file });
    const ask = (): Promise<string> => codeOf(client.ask('report-uses', { since: new Date(0).toISOString(), uses: [] }));
    expect(await ask()).toBe('none');
    answerer.key = next;
    expect(await ask()).toBe('KEYS_REPLY_INVALID');
    writeFileSync(file, `${formatNkey(old)}\n${formatNkey(next)}\n`);
    expect(await ask()).toBe('none');
    answerer.key = old;
    expect(await ask()).toBe('none');
    answerer.key = ed25519();
    expect(await ask()).toBe('KEYS_REPLY_INVALID');
  });

  it('believes only the key that it was given, where it was given no file', async () => {
    const answerer = { key: ed25519() };
    const client = new KeyClient({ bus: busOf(answerer).bus, service: 'ledger', nkeySeed: seedOf(createUser()), keysPublicKey: formatNkey(answerer.key) });
    expect(await codeOf(client.ask('rotate', { tenant: 'acme', purpose: 'tenant' }))).toBe('KEYS_REPLY_INVALID');
    expect(await codeOf(client.ask('cancel-destruction', { tenant: 'acme', purpose: 'tenant' }))).toBe('none');
    answerer.key = ed25519();
    expect(await codeOf(client.ask('cancel-destruction', { tenant: 'acme', purpose: 'tenant' }))).toBe('KEYS_REPLY_INVALID');
  });

  it('rejects everything at once when its process ends, from the first question that nobody answers on', async () => {
    const answerer = { key: ed25519() };
    const { bus: answering, asked } = busOf(answerer);
    let isAway = false;
    const unanswered: (() => void)[] = [];
    const nobody = (): Promise<never> => new Promise((_, reject) => unanswered.push(() => reject(new Error('TIMEOUT'))));
    const bus = { request: (...args: Parameters<BusConnection['request']>) => (isAway ? nobody() : answering.request(...args)) } as unknown as BusConnection;
    const client = new KeyClient({ bus, service: 'ledger', nkeySeed: seedOf(createUser()), keysPublicKey: formatNkey(answerer.key) });
    const ask = (): Promise<string> => codeOf(client.ask('cancel-destruction', { tenant: 'acme', purpose: 'tenant' }));
    isAway = true;
    const before = ask();
    unanswered[0]!();
    expect(await before).toBe('KEYS_UNAVAILABLE');
    isAway = false;
    expect(await ask()).toBe('none');
    client.endSoon();
    expect(await ask()).toBe('none');
    isAway = true;
    const underWay = [ask(), ask()];
    unanswered[1]!();
    // The second is never answered, nor timed out.
    expect(await Promise.all(underWay)).toEqual(['KEYS_UNAVAILABLE', 'KEYS_UNAVAILABLE']);
    isAway = false;
    expect([await ask(), asked.length]).toEqual(['KEYS_UNAVAILABLE', 2]);
  });

  it('signs each request with the seed of the moment', async () => {
    const [first, second] = [createUser(), createUser()];
    let seed = seedOf(first);
    const answerer = { key: ed25519() };
    const { bus, asked } = busOf(answerer);
    const client = new KeyClient({ bus, service: 'ledger', nkeySeed: () => seed, keysPublicKey: formatNkey(answerer.key) });
    await client.ask('cancel-destruction', { tenant: 'acme', purpose: 'tenant' });
    seed = seedOf(second);
    await client.ask('cancel-destruction', { tenant: 'acme', purpose: 'tenant' });
    [first, second].forEach((user, at) => verifyRequest(splitMessage(asked[at]!), nkeyPublicKey(user.getPublicKey())));
  });
});
