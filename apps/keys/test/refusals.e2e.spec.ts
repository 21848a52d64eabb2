import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectBus, type BusConnection } from '@countersign/bus';
import { keysReplySchema, keysSubject, type KeysOperation } from '@countersign/contracts';
import { formatX25519, nkeyPrivateKey, nkeyPublicKey, openReply, signRequest } from '@countersign/envelope';
import type { Keys } from '@countersign/key-client';
import { createUser } from '@nats-io/nkeys';
import { LEASES_A_BLOCK } from '../src/operations/lease-blocks.js';
import { codeOf, KeysFixture, until } from './fixture/keys-fixture.js';

let fixture: KeysFixture;
let ledger: Keys;
let identity: Keys;
let operator: Keys;
let bus: BusConnection;

beforeAll(async () => {
  fixture = await KeysFixture.make();
  await fixture.start();
  ledger = await fixture.as('ledger');
  identity = await fixture.as('identity');
  operator = await fixture.as('operator');
  bus = await connectBus({ url: fixture.stack.nats.url, nkeySeedFile: fixture.stack.nats.users.ledger, name: 'test' });
}, 60_000);
afterAll(async () => {
  await bus.close();
  await fixture.close();
});

interface Forged {
  readonly seed?: string;
  readonly operation?: string;
  readonly subjectOperation?: string;
  readonly body?: Record<string, unknown>;
}

function requestOf({ seed = fixture.seedOf('ledger'), operation = 'vkeys', body = {} }: Forged): Buffer {
  const request = {
    service: 'ledger',
    operation,
    issuedAt: new Date().toISOString(),
    nonce: randomBytes(16).toString('base64url'),
    ephemeral: formatX25519(generateKeyPairSync('x25519').publicKey),
    args: { origin: 'ledger.example/acme' },
    ...body,
  };
  return signRequest(Buffer.from(JSON.stringify(request)), nkeyPrivateKey(seed));
}

async function sent(message: Buffer, subject = keysSubject('vkeys', 'ledger')): Promise<string> {
  const { data } = await bus.request(subject, message, { timeoutMs: 5_000 });
  const reply = keysReplySchema.parse(JSON.parse(openReply(data, message, nkeyPublicKey(fixture.stack.nats.publicKeys.keys)).toString()));
  return 'error' in reply ? reply.error.code : 'none';
}

const refusedWith = async (code: string, operation: string): Promise<boolean> =>
  (await fixture.audit('keys.request.refused')).some(({ data, outcome }) => data['code'] === code && data['operation'] === operation && outcome === 'denied');

describe('a request as such is refused, and the refusal is on record:', () => {
  const stranger = new TextDecoder().decode(createUser().getSeed());
  it.each<[string, string, () => Promise<string>]>([
    ['REQUEST_SIGNATURE_INVALID', 'signed by somebody else', () => sent(requestOf({ seed: stranger }))],
    ['REQUEST_STALE', 'two minutes old', () => sent(requestOf({ body: { issuedAt: new Date(Date.now() - 120_000).toISOString() } }))],
    ['REQUEST_STALE', 'two minutes early', () => sent(requestOf({ body: { issuedAt: new Date(Date.now() + 120_000).toISOString() } }))],
    ['REQUEST_MALFORMED', 'no signature', () => sent(Buffer.from('{}'))],
    ['REQUEST_MALFORMED', 'a body for another operation', () => sent(requestOf({ operation: 'sign-checkpoint' }))],
    ['REQUEST_MALFORMED', 'an argument too many', () => sent(requestOf({ body: { args: { origin: 'x', more: 1 } } }))],
    ['REQUEST_MALFORMED', 'a body of another service', () => sent(requestOf({ body: { service: 'identity' } }))],
  ])('%s: %s', async (code, _what, work) => {
    expect(await work()).toBe(code);
    await until(code, () => refusedWith(code, 'vkeys'));
  });

  it('REQUEST_REPLAYED: the same message twice, also after a restart of the service', async () => {
    const message = requestOf({});
    expect(await sent(message)).toBe('none');
    expect(await sent(message)).toBe('REQUEST_REPLAYED');
    await fixture.stop();
    await fixture.start();
    expect(await sent(message)).toBe('REQUEST_REPLAYED');
    await until('replay', () => refusedWith('REQUEST_REPLAYED', 'vkeys'));
  });

  it('SERVICE_UNKNOWN: a service without a key', async () => {
    const services = await connectBus({ url: fixture.stack.nats.url, nkeySeedFile: fixture.stack.nats.users.edge, name: 'edge' });
    const message = requestOf({ body: { service: 'edge' } });
    const { data } = await services.request(keysSubject('vkeys', 'edge'), message, { timeoutMs: 5_000 });
    expect(openReply(data, message, nkeyPublicKey(fixture.stack.nats.publicKeys.keys)).toString()).toContain('SERVICE_UNKNOWN');
    await services.close();
    await until('unknown service', () => refusedWith('SERVICE_UNKNOWN', 'vkeys'));
  });

  it('is counted when it comes again and again', async () => {
    const count = async (): Promise<number> =>
      (await fixture.audit('keys.request.refused')).filter(({ data }) => data['code'] === 'REQUEST_SIGNATURE_INVALID' && data['operation'] === 'rotate').reduce((sum, { data }) => sum + (data['count'] as number), 0);
    for (let i = 0; i < 20; i++) await sent(requestOf({ seed: stranger, operation: 'rotate' }), keysSubject('rotate', 'ledger'));
    await until('twenty refusals', async () => (await count()) === 20);
    expect((await fixture.audit('keys.request.refused')).filter(({ data }) => data['operation'] === 'rotate').length).toBeLessThan(10);
  });
});

describe('what a service may not do, or a key cannot, is refused and on record:', () => {
  const NAME = { tenant: 'acme', purpose: 'identity.mfa' };
  const cases: [string, KeysOperation, () => Promise<unknown>][] = [
    ['KEY_PURPOSE_FORBIDDEN', 'data-key', () => ledger.client.ask('data-key', NAME)],
    ['TENANT_FORBIDDEN', 'data-key', () => identity.client.ask('data-key', { tenant: 'initech', purpose: 'identity.mfa' })],
    ['KEY_UNKNOWN', 'data-key', () => identity.client.ask('data-key', { ...NAME, keyId: 'dk_aaaaaaaaaaaaaaaaaaaaaaaaaa_1' })],
    ['KEY_UNKNOWN', 'rotate', () => operator.client.ask('rotate', { tenant: 'acme', purpose: 'identity.nothing' })],
    ['DESTRUCTION_NOT_SCHEDULED', 'cancel-destruction', () => operator.client.ask('cancel-destruction', { tenant: 'acme', purpose: 'tenant' })],
    ['WRAPPED_KEY_INVALID', 'unwrap', async () => {
      const { result } = await identity.client.ask('wrap', NAME);
      return identity.client.ask('unwrap', { ...NAME, keyId: result.keyId, wrapped: `${result.wrapped.slice(0, -1)}${result.wrapped.endsWith('A') ? 'Q' : 'A'}` });
    }],
  ];
  it.each(cases)('%s for %s', async (code, operation, work) => {
    await identity.client.ask('data-key', NAME);
    expect(await codeOf(work())).toBe(code);
    await until(code, () => refusedWith(code, operation));
  });

  it('KEY_VERSION_TOO_OLD, KEY_IN_USE, KEY_SCAN_MISSING and KEY_DESTROYED in the life of a key', async () => {
    const name = { tenant: 'acme', purpose: 'identity.life' };
    const place = { table: 't', column: 'c', row: '1' };
    const text = await identity.fields.seal('acme', name.purpose, place, Buffer.from('x'));
    const open = async () => (await fixture.as('identity')).fields.open('acme', name.purpose, place, text);
    expect(await codeOf(operator.client.ask('retire-version', { ...name, version: 1 }))).toBe('KEY_IN_USE');
    await operator.client.ask('rotate', name);
    expect((await open()).toString()).toBe('x');
    const retire = () => operator.client.ask('retire-version', { ...name, version: 1 });
    const report = (remaining: number) => identity.client.ask('report-remaining', { ...name, scanMs: 0, counts: [{ version: 1, remaining }] });
    expect(await codeOf(retire())).toBe('KEY_SCAN_MISSING');
    await report(1);
    expect(await codeOf(retire())).toBe('KEY_IN_USE');
    // A lease of the old version may still encrypt: what this scan has not found may be written behind it.
    await report(0);
    expect(await codeOf(retire())).toBe('KEY_SCAN_MISSING');
    await fixture.main.query(`UPDATE key_versions SET created_at = created_at - interval '1 hour' WHERE purpose = $1`, [name.purpose]);
    await operator.client.ask('raise-minimum', { ...name, version: 2 });
    expect(await codeOf(open())).toBe('KEY_VERSION_TOO_OLD');
    await report(0);
    await retire();
    expect(await codeOf(open())).toBe('KEY_DESTROYED');
    for (const code of ['KEY_VERSION_TOO_OLD', 'KEY_DESTROYED']) await until(code, () => refusedWith(code, 'data-key'));
    for (const code of ['KEY_IN_USE', 'KEY_SCAN_MISSING']) await until(code, () => refusedWith(code, 'retire-version'));
  });

  it('the leases of a version are counted over all services, and the next version comes before the limit', async () => {
    const name = { tenant: 'acme', purpose: 'identity.busy' };
    const { result } = await identity.client.ask('data-key', name);
    await fixture.main.query('UPDATE key_versions SET uses_leased = 4294967295 - 999 WHERE key_id = $1', [result.keyId]);
    const next = await identity.client.ask('data-key', name);
    expect(next.result.version).toBe(2);
    expect((await fixture.audit('keys.data-key.rotated')).some(({ data }) => data['purpose'] === name.purpose && data['reason'] === 'uses')).toBe(true);
  });

  it("SUBJECT_ERASED and KEY_EXHAUSTED stand in a batch's event", async () => {
    const retention = await fixture.as('retention');
    await retention.client.ask('destroy-subject', { tenant: 'acme', subject: 'gone', reason: 'test' });
    await ledger.subjects.ensure('acme', ['busy']);
    await fixture.subjects.query('UPDATE subject_keys SET leases = 1000000 WHERE wrapped IS NOT NULL');
    // What the process has in stock was counted before.
    for (let i = 1; i < LEASES_A_BLOCK; i++) await ledger.client.ask('subject-keys', { tenant: 'acme', subjects: ['busy'], mode: 'encrypt' });
    const fresh = await fixture.as('ledger');
    expect((await fresh.subjects.ensure('acme', ['gone', 'busy'])).faults).toEqual(new Map([['gone', 'SUBJECT_ERASED'], ['busy', 'KEY_EXHAUSTED']]));
    expect((await fixture.audit('keys.subject-key.leased')).at(-1)?.data).toMatchObject({ asked: 2, granted: 0, refused: { SUBJECT_ERASED: 1, KEY_EXHAUSTED: 1 } });
  });
});

describe('under overload', () => {
  it('KEYS_OVERLOADED: told at once, counted, and nothing else is harmed', async () => {
    const codes = await Promise.all(Array.from({ length: 600 }, () => codeOf(ledger.client.ask('vkeys', { origin: 'ledger.example/busy' }))));
    const refused = codes.filter((code) => code === 'KEYS_OVERLOADED').length;
    expect(new Set(codes)).toEqual(new Set(['none', 'KEYS_OVERLOADED']));
    const counted = async (): Promise<number> => (await fixture.audit('keys.request.refused')).filter(({ data }) => data['code'] === 'KEYS_OVERLOADED').reduce((sum, { data }) => sum + (data['count'] as number), 0);
    await until('all are counted', async () => (await counted()) === refused);
    expect(await codeOf(ledger.client.ask('vkeys', { origin: 'ledger.example/busy' }))).toBe('none');
  });
});

describe('on the bus', () => {
  it.each(['identity', 'retention', 'operator'])('the ledger cannot ask in the name of %s', async (service) => {
    expect(await bus.request(keysSubject('vkeys', service), requestOf({ body: { service } }), { timeoutMs: 500 }).then(() => 'answered', (error: { code: string }) => error.code)).toBe('FORBIDDEN');
  });

  it('no other service can ask in the name of the ledger', async () => {
    const services = await connectBus({ url: fixture.stack.nats.url, nkeySeedFile: fixture.stack.nats.users.services, name: 'x' });
    expect(await services.request(keysSubject('vkeys', 'ledger'), requestOf({}), { timeoutMs: 500 }).then(() => 'answered', (error: { code: string }) => error.code)).toMatch(/TIMEOUT|FORBIDDEN|NO_RESPONDERS/);
    await services.close();
  });

  it('KEYS_UNAVAILABLE when the service is away; what is cached goes on until its lease ends', async () => {
    let nowMs = 0;
    const keys = await fixture.as('ledger', { monotonicMs: () => nowMs, timeoutMs: 5_000 });
    const place = { table: 't', column: 'c', row: '1' };
    await keys.fields.seal('acme', 'ledger.away', place, Buffer.from('x'));
    await fixture.stop();
    nowMs = 59_999;
    expect(await keys.fields.seal('acme', 'ledger.away', place, Buffer.from('x'))).toMatch(/^v2:/);
    nowMs = 60_000;
    expect(await codeOf(keys.fields.seal('acme', 'ledger.away', place, Buffer.from('x')))).toBe('KEYS_UNAVAILABLE');
    await fixture.start();
    expect(await keys.fields.seal('acme', 'ledger.away', place, Buffer.from('x'))).toMatch(/^v2:/);
  });
});
