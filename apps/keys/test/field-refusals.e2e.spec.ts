import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EnvelopeFault } from '@countersign/envelope';
import { KeyClientError, type FieldPlace, type Keys } from '@countersign/key-client';
import { KeysFixture, until } from './fixture/keys-fixture.js';

/**
 * Every way in which a field may be refused, whoever refuses it: the key service, or the service that holds the key. Each
 * has its own code, and each is in the audit with that code.
 */
const PURPOSE = 'identity.card';
const PLACE: FieldPlace = { table: 'people', column: 'card', row: '17' };
const VALUE = Buffer.from('4111 1111 1111 1111');

let fixture: KeysFixture;
let identity: Keys;
let operator: Keys;
let text: string;

beforeAll(async () => {
  fixture = await KeysFixture.make();
  await fixture.start();
  identity = await fixture.as('identity');
  operator = await fixture.as('operator');
  text = await identity.fields.seal('acme', PURPOSE, PLACE, VALUE);
}, 60_000);
afterAll(() => fixture.close());

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof KeyClientError || error instanceof EnvelopeFault) return error.code;
    throw error;
  }
  return 'none';
}

interface Told {
  readonly tenant?: string;
  readonly keyId?: string;
  readonly code: string;
  readonly count: number;
}

/** What services have reported of their own refusals, summed. */
async function toldOf(code: string): Promise<Told[]> {
  const events = await fixture.audit('keys.cached-key.refused');
  expect(events.every(({ outcome, actor }) => outcome === 'denied' && actor.id === 'identity')).toBe(true);
  return events.flatMap(({ data }) => data['refusals'] as Told[]).filter((told) => told.code === code);
}
const countOf = async (code: string): Promise<number> => (await toldOf(code)).reduce((sum, { count }) => sum + count, 0);
const keyIdOf = (sealed: string): string => sealed.split(':')[1]!;

/** The text with its part number `at` (version, key, iv, tag, ciphertext) changed. */
function changed(sealed: string, at: number, change: (part: string) => string): string {
  return sealed.split(':').map((part, i) => (i === at ? change(part) : part)).join(':');
}
const flipped = (part: string): string => `${part.startsWith('A') ? 'B' : 'A'}${part.slice(1)}`;

describe('a field is refused by the service that holds the key, and that is in the audit:', () => {
  const open = (sealed: string, place: Partial<FieldPlace> = {}): Promise<string> => codeOf(identity.fields.open('acme', PURPOSE, { ...PLACE, ...place }, sealed));
  it.each<[string, string, () => Promise<string>]>([
    ['FIELD_NOT_AUTHENTIC', 'another row', () => open(text, { row: '18' })],
    ['FIELD_NOT_AUTHENTIC', 'another column', () => open(text, { column: 'note' })],
    ['FIELD_NOT_AUTHENTIC', 'another table', () => open(text, { table: 'staff' })],
    ['FIELD_NOT_AUTHENTIC', 'a changed byte', () => open(changed(text, 4, flipped))],
    ['FIELD_NOT_AUTHENTIC', 'a changed tag', () => open(changed(text, 3, flipped))],
    ['FIELD_MALFORMED', 'a truncated tag', () => open(changed(text, 3, (tag) => tag.slice(0, 16)))],
    ['FIELD_VERSION_UNKNOWN', 'another version', () => open(changed(text, 0, () => 'v9'))],
    ['FIELD_VERSION_RESERVED', 'the reserved version', () => open(changed(text, 0, () => 'v3'))],
    ['FIELD_MALFORMED', 'neither a field nor a tenant', () => codeOf(identity.fields.open('No Tenant', PURPOSE, PLACE, 'rubbish'))],
    ['FIELD_TOO_LARGE', 'a value too large', () => codeOf(identity.fields.seal('acme', PURPOSE, PLACE, Buffer.alloc(2 ** 21)))],
  ])('%s: %s', async (code, _what, work) => {
    const before = await countOf(code);
    expect(await work()).toBe(code);
    await identity.report();
    expect(await countOf(code)).toBe(before + 1);
  });

  it('names tenant and key, counts what comes again, and is told without being asked', async () => {
    const isKnown = ({ tenant, keyId }: Told): boolean => tenant === 'acme' && keyId === keyIdOf(text);
    const known = async (): Promise<number> => (await toldOf('FIELD_NOT_AUTHENTIC')).filter(isKnown).reduce((sum, { count }) => sum + count, 0);
    const [before, events] = [await known(), (await fixture.audit('keys.cached-key.refused')).length];
    for (let i = 0; i < 50; i++) await open(text, { row: `${i}` });
    // Row 17 is its own.
    await until('all are counted', async () => (await known()) === before + 49);
    expect((await fixture.audit('keys.cached-key.refused')).length).toBeLessThan(events + 5);
  });

  it("of a subject's part too, each item for itself", async () => {
    const keys = await identity.subjects.ensure('acme', ['u-ana']);
    const part = keys.seal('u-ana', PLACE, VALUE);
    const before = { moved: await countOf('FIELD_NOT_AUTHENTIC'), cut: await countOf('FIELD_MALFORMED') };
    const cut = changed(part, 3, (tag) => tag.slice(0, 20));
    const opened = await identity.subjects.openAll([
      { tenant: 'acme', context: PLACE, text: part },
      { tenant: 'acme', context: { ...PLACE, row: '18' }, text: part },
      { tenant: 'acme', context: PLACE, text: cut },
    ]);
    expect(opened).toEqual([{ bytes: VALUE }, { fault: 'FIELD_NOT_AUTHENTIC' }, { fault: 'FIELD_MALFORMED' }]);
    await identity.report();
    expect([await countOf('FIELD_NOT_AUTHENTIC'), await countOf('FIELD_MALFORMED')]).toEqual([before.moved + 1, before.cut + 1]);
  });

  it('is reported once the key service is there again', async () => {
    const before = await countOf('FIELD_NOT_AUTHENTIC');
    const hasty = await fixture.as('identity', { timeoutMs: 2_000 });
    await hasty.fields.open('acme', PURPOSE, PLACE, text);
    await fixture.stop();
    expect(await codeOf(hasty.fields.open('acme', PURPOSE, { ...PLACE, row: '99' }, text))).toBe('FIELD_NOT_AUTHENTIC');
    await expect(hasty.report()).rejects.toMatchObject({ code: 'KEYS_UNAVAILABLE' });
    await fixture.start();
    await hasty.report();
    expect(await countOf('FIELD_NOT_AUTHENTIC')).toBe(before + 1);
  });
});

describe('a field is refused by the key service, and that is in the audit:', () => {
  const refused = async (code: string, operation: string): Promise<boolean> =>
    (await fixture.audit('keys.request.refused')).some(({ data, outcome }) => data['code'] === code && data['operation'] === operation && outcome === 'denied');
  const batches = async (code: string): Promise<boolean> =>
    (await fixture.audit('keys.subject-key.leased')).some(({ data }) => ((data['refused'] ?? {}) as Record<string, number>)[code] === 1);
  /** Opens with nothing cached. */
  const open = async (tenant: string, purpose: string, sealed: string): Promise<string> => codeOf((await fixture.as('identity')).fields.open(tenant, purpose, PLACE, sealed));

  it('KEY_UNKNOWN: the key of another tenant, and one that never was', async () => {
    await identity.fields.seal('globex', PURPOSE, PLACE, VALUE);
    expect(await open('globex', PURPOSE, text)).toBe('KEY_UNKNOWN');
    await until('on record for globex', async () => (await fixture.audit('keys.request.refused')).some(({ data }) => data['code'] === 'KEY_UNKNOWN' && data['tenant'] === 'globex'));
    expect(await open('acme', PURPOSE, changed(text, 1, () => 'dk_aaaaaaaaaaaaaaaaaaaaaaaaaa_1'))).toBe('KEY_UNKNOWN');
    await until('on record for acme', async () => (await fixture.audit('keys.request.refused')).some(({ data }) => data['code'] === 'KEY_UNKNOWN' && data['tenant'] === 'acme'));
  });

  it("KEY_UNKNOWN, in the batch's event: a subject's part of another tenant", async () => {
    const part = (await identity.subjects.ensure('acme', ['u-ben'])).seal('u-ben', PLACE, VALUE);
    const fresh = await fixture.as('identity');
    expect(await fresh.subjects.openAll([{ tenant: 'globex', context: PLACE, text: part }])).toEqual([{ fault: 'KEY_UNKNOWN' }]);
    expect(await batches('KEY_UNKNOWN')).toBe(true);
  });

  it('KEY_DESTROYED: a version that was retired', async () => {
    const name = { tenant: 'acme', purpose: 'identity.retired' };
    const sealed = await identity.fields.seal('acme', name.purpose, PLACE, VALUE);
    await operator.client.ask('rotate', name);
    // Long enough ago for every lease of it to have ended.
    await fixture.main.query(`UPDATE key_versions SET created_at = created_at - interval '1 hour' WHERE purpose = $1`, [name.purpose]);
    await identity.client.ask('report-remaining', { ...name, scanMs: 0, counts: [{ version: 1, remaining: 0 }] });
    await operator.client.ask('retire-version', { ...name, version: 1 });
    expect(await open('acme', name.purpose, sealed)).toBe('KEY_DESTROYED');
    await until('on record', () => refused('KEY_DESTROYED', 'data-key'));
  });

  it('KEY_EXHAUSTED: a subject whose key has been leased as often as it may', async () => {
    await identity.subjects.ensure('acme', ['u-busy']);
    await fixture.stop();
    await fixture.subjects.query('UPDATE subject_keys SET leases = 1000000 WHERE wrapped IS NOT NULL');
    await fixture.start();
    const fresh = await fixture.as('identity');
    expect((await fresh.subjects.ensure('acme', ['u-busy'])).faults).toEqual(new Map([['u-busy', 'KEY_EXHAUSTED']]));
    expect(await batches('KEY_EXHAUSTED')).toBe(true);
  });

  it('KEY_PURPOSE_FORBIDDEN, TENANT_FORBIDDEN: a service that may not', async () => {
    const ledger = await fixture.as('ledger');
    expect(await codeOf(ledger.fields.open('acme', PURPOSE, PLACE, text))).toBe('KEY_PURPOSE_FORBIDDEN');
    await until('on record', () => refused('KEY_PURPOSE_FORBIDDEN', 'data-key'));
    expect(await codeOf(identity.fields.open('initech', PURPOSE, PLACE, text))).toBe('TENANT_FORBIDDEN');
    await until('on record', () => refused('TENANT_FORBIDDEN', 'data-key'));
  });
});
