import { describe, expect, it } from '@jest/globals';
import type { KeysFaultCode } from '@countersign/contracts';
import { FieldCipher } from '../src/field-cipher.js';
import { isPassing, KeyClientError } from '../src/key-client-error.js';
import type { KeyClient } from '../src/key-client.js';
import { RefusalCounter } from '../src/refusal-counter.js';
import { SubjectCipher } from '../src/subject-cipher.js';
import { UseCounter } from '../src/use-counter.js';

const PLACE = { table: 't', column: 'c', row: '1' };
const key = (): Buffer => Buffer.alloc(32, 7);

/** A key service that leases `usesMax` uses at a time, and ciphers that ask it. */
function stand(usesMax: number) {
  const state = { leases: 0, nowMs: 0, refusal: undefined as KeysFaultCode | undefined };
  const ask = async (operation: string, args: { readonly subjects?: readonly string[]; readonly keyIds?: readonly string[] }): Promise<unknown> => {
    if (state.refusal !== undefined) throw new KeyClientError(state.refusal, 'no');
    if (operation === 'data-key') return { result: { keyId: 'dk_a_1', usesMax: (state.leases++, usesMax), ttlMs: 1_000 }, keys: [key()] };
    const ids = args.keyIds ?? args.subjects!.map((subject) => `sk_${subject}_1`);
    if (args.subjects !== undefined) state.leases += 1;
    const grants = ids.map((keyId, at) => ({ keyId, ...(args.subjects === undefined ? {} : { subject: args.subjects[at] }) }));
    return { result: { grants, usesMax, ttlMs: 1_000 }, keys: ids.map(key) };
  };
  const client = { ask } as unknown as KeyClient;
  const uses = new UseCounter(client, () => new Date(0).toISOString(), () => undefined);
  const refusals = new RefusalCounter(client, () => new Date(0).toISOString(), () => undefined);
  const options = { entriesMax: 100, monotonicMs: () => state.nowMs };
  return { state, subjects: new SubjectCipher(client, uses, refusals, options), fields: new FieldCipher(client, uses, refusals, options) };
}

const items = (count: number) => Array.from({ length: count }, (_, n) => ({ tenant: 'acme', subject: `u${n % 2}`, context: PLACE, bytes: Buffer.from(`n ${n}`) }));
const X = Buffer.from('x');
const codeOf = (work: () => unknown): string => {
  try {
    return String(work());
  } catch (error) {
    return (error as KeyClientError).code;
  }
};

describe('a lease whose uses end', () => {
  it('in the middle of a batch is followed by the next one', async () => {
    const { state, subjects } = stand(3);
    const sealed = (await subjects.sealAll(items(14))) as { text: string }[];
    const opened = await subjects.openAll(sealed.map(({ text }) => ({ tenant: 'acme', context: PLACE, text })));
    expect(opened.map((one) => ('bytes' in one ? one.bytes.toString() : one.fault))).toEqual(items(14).map(({ bytes }) => bytes.toString()));
    expect(state.leases).toBeGreaterThanOrEqual(3);
  });

  it('is told from a key that is used up: LEASE_SPENT passes, and the next lease seals', async () => {
    const { subjects } = stand(1);
    const keys = await subjects.ensure('acme', ['u0']);
    expect(keys.seal('u0', PLACE, Buffer.from('x'))).toMatch(/^v2:sk_u0_1:/);
    expect(codeOf(() => keys.seal('u0', PLACE, Buffer.from('x')))).toBe('LEASE_SPENT');
    expect([isPassing('LEASE_SPENT'), isPassing('KEY_EXHAUSTED')]).toEqual([true, false]);
    expect((await subjects.ensure('acme', ['u0'])).seal('u0', PLACE, Buffer.from('x'))).toMatch(/^v2:/);
  });

  it('seals at once while it lasts and is not about to end, with the digest of its key', async () => {
    const { state, subjects } = stand(2);
    expect(subjects.leased('acme', ['u0'])).toBeUndefined();
    const keys = await subjects.ensure('acme', ['u0', 'u1']);
    expect([subjects.leased('acme', ['u0', 'u2']), subjects.leased('globex', ['u0'])]).toEqual([undefined, undefined]);
    const both = subjects.leased('acme', ['u0', 'u1'])!;
    const { bytes, digest } = both.seal('u0', PLACE, X);
    expect(digest).toBe(keys.digest('u0', PLACE, X));
    expect(await subjects.openAll([{ tenant: 'acme', context: PLACE, text: bytes.toString() }])).toEqual([{ bytes: X }]);
    both.seal('u0', PLACE, X);
    expect(subjects.leased('acme', ['u0'])).toBeUndefined();
    expect([codeOf(() => both.seal('u0', PLACE, X)), codeOf(() => both.seal('u2', PLACE, X))]).toEqual(['LEASE_SPENT', 'LEASE_SPENT']);

    // At 80 % of its time it is not fresh any more, at its end it does not seal.
    state.nowMs = 850;
    expect(subjects.leased('acme', ['u1'])).toBeUndefined();
    expect(both.seal('u1', PLACE, X).bytes.toString()).toMatch(/^v2:sk_u1_1:/);
    state.nowMs = 1_000;
    expect(codeOf(() => both.seal('u1', PLACE, X))).toBe('LEASE_SPENT');
  });

  it('does not seal once it has left, though somebody still has it: the one that came after it does, and counts the use', async () => {
    const { subjects } = stand(2);
    await subjects.ensure('acme', ['u0']);
    const held = subjects.leased('acme', ['u0'])!;
    held.seal('u0', PLACE, X);
    subjects.drop('acme', 'u0', undefined);
    expect(codeOf(() => held.seal('u0', PLACE, X))).toBe('LEASE_SPENT');
    await subjects.ensure('acme', ['u0']);
    held.seal('u0', PLACE, X);
    expect(subjects.live().map(([, key]) => key.sealedCount)).toEqual([1]);
  });

  it('without one use ends the attempt instead of asking for ever', async () => {
    const { state, subjects, fields } = stand(0);
    await expect(subjects.sealAll(items(2))).rejects.toMatchObject({ code: 'LEASE_SPENT' });
    await expect(fields.seal('acme', 'p.q', PLACE, Buffer.from('x'))).rejects.toMatchObject({ code: 'LEASE_SPENT' });
    expect(state.leases).toBe(2);
  });

  it('of a data key is followed by the next one too, for all who seal at once', async () => {
    const { state, fields } = stand(2);
    const texts = await Promise.all(Array.from({ length: 4 }, () => fields.seal('acme', 'p.q', PLACE, Buffer.from('x'))));
    for (const text of texts) expect((await fields.open('acme', 'p.q', PLACE, text)).toString()).toBe('x');
    expect(state.leases).toBeGreaterThanOrEqual(2);
  });
});

describe('a lease that is not renewed', () => {
  it.each([
    ['is not used any more when the key service refuses for good', 'TENANT_FORBIDDEN' as const, false],
    ['is used to its end while the key service is away', 'ROOT_KEY_UNAVAILABLE' as const, true],
  ])('%s', async (_what, refusal, isServed) => {
    const { state, subjects } = stand(100);
    await subjects.ensure('acme', ['u0']);
    state.refusal = refusal;
    state.nowMs = 900;
    expect(subjects.atHand('acme', ['u0'])).toBeDefined();
    await new Promise((resolve) => setImmediate(resolve));
    expect(subjects.atHand('acme', ['u0']) !== undefined).toBe(isServed);
  });
});
