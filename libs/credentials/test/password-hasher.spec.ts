import { describe, expect, it } from '@jest/globals';
import { hashingAdmission, ITERATIONS_MIN, passwordHasher } from '../src/index.js';
import { formatPasswordRecord, parsePasswordRecord } from '../src/password-record.js';
import { countingSeams, peppersOf, quickHasher } from './quick.js';

const PASSWORD = 'correct horse battery staple';
const fault = (code: string): unknown => expect.objectContaining({ code });

describe('a password', () => {
  it('is known again, and no other is', async () => {
    const hasher = quickHasher(10, peppersOf(1));
    const stored = await hasher.hash(PASSWORD);
    expect(stored).toMatch(/^\$pbkdf2-sha256\$i=10,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(await hasher.verify(PASSWORD, stored)).toEqual({ isRight: true, needsRehash: false });
    expect(await hasher.verify(PASSWORD.toUpperCase(), stored)).toEqual({ isRight: false, needsRehash: false });
  });

  it('is hashed with a salt of its own each time', async () => {
    const hasher = quickHasher(1, peppersOf(1));
    expect(await hasher.hash(PASSWORD)).not.toBe(await hasher.hash(PASSWORD));
  });

  it('is worth nothing without the pepper', async () => {
    const stored = await quickHasher(10, peppersOf(1)).hash(PASSWORD);
    const { hash, ...record } = parsePasswordRecord(stored, 1);
    const unpeppered = formatPasswordRecord({ ...record, pepperVersion: undefined, hash });
    expect(await quickHasher(10, peppersOf(1)).verify(PASSWORD, unpeppered)).toMatchObject({ isRight: false });
    await expect(quickHasher(10, peppersOf(2)).verify(PASSWORD, stored)).rejects.toMatchObject({ code: 'PEPPER_UNKNOWN' });
  });

  it.each([
    ['more iterations than now', 20, 1, false],
    ['the iterations of now', 10, 1, false],
    ['fewer iterations', 9, 1, true],
    ['an older pepper', 10, 2, true],
  ])('that was hashed with %s needs a new hash: %#', async (_why, iterations, pepper, needsRehash) => {
    const stored = await quickHasher(iterations, peppersOf(pepper)).hash(PASSWORD);
    const hasher = quickHasher(10, peppersOf(1, 2));
    expect(await hasher.verify(PASSWORD, stored)).toEqual({ isRight: true, needsRehash });
    expect(await hasher.verify('another password', stored)).toEqual({ isRight: false, needsRehash: false });
  });

  it('costs the same whether the account is unknown, the password wrong, or the record an old one', async () => {
    const old = await quickHasher(3, peppersOf(1)).hash(PASSWORD);
    const young = await quickHasher(10, peppersOf(1)).hash(PASSWORD);
    for (const stored of [undefined, old, young]) {
      const seams = countingSeams();
      expect(await quickHasher(10, peppersOf(1), seams).verify('another password', stored)).toEqual({ isRight: false, needsRehash: false });
      expect(seams.iterations).toBe(10);
    }
  });

  it.each([['too long', 'a'.repeat(257)], ['no text', 'aaaaaaaaaaaa\ud800']])('that is %s is wrong at no cost, known account or not', async (_why, password) => {
    const stored = await quickHasher(10, peppersOf(1)).hash(PASSWORD);
    const seams = countingSeams();
    const hasher = quickHasher(10, peppersOf(1), seams);
    expect([await hasher.verify(password, stored), await hasher.verify(password, undefined)]).toEqual(Array(2).fill({ isRight: false, needsRehash: false }));
    expect(seams.iterations).toBe(0);
    expect(await hasher.matchesAny(password, [stored])).toBe(false);
  });

  it('is found among those used before', async () => {
    const hasher = quickHasher(5, peppersOf(1));
    const before = await Promise.all(['first password', PASSWORD, 'third password'].map((password) => hasher.hash(password)));
    expect(await hasher.matchesAny(PASSWORD, before)).toBe(true);
    expect(await hasher.matchesAny('fourth password', before)).toBe(false);
    expect(await hasher.matchesAny(PASSWORD, [])).toBe(false);
  });

  it('that is too long is not hashed', async () => {
    await expect(quickHasher(1, peppersOf(1)).hash('a'.repeat(257))).rejects.toMatchObject({ code: 'PASSWORD_TOO_LONG' });
  });
});

describe('what the package exports', () => {
  const options = { peppers: peppersOf(1), admission: hashingAdmission() };

  it.each([ITERATIONS_MIN - 1, 1, 0, -1, Number.NaN, 300_000.5, 10_000_001])('hashes with no %p iterations', (iterations) => {
    expect(() => passwordHasher({ ...options, iterations })).toThrow(fault('PASSWORD_HASH_WEAK'));
  });

  it('reads no record that was hashed with fewer', async () => {
    const weak = await quickHasher(ITERATIONS_MIN - 1, peppersOf(1)).hash(PASSWORD);
    await expect(passwordHasher({ ...options, iterations: ITERATIONS_MIN }).verify(PASSWORD, weak)).rejects.toMatchObject({ code: 'PASSWORD_HASH_WEAK' });
  });

  it('hashes and verifies off the event loop', async () => {
    const hasher = passwordHasher({ ...options, iterations: ITERATIONS_MIN });
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 1);
    const stored = await hasher.hash(PASSWORD);
    const verdict = await hasher.verify(PASSWORD, stored);
    clearInterval(timer);
    expect(verdict).toEqual({ isRight: true, needsRehash: false });
    expect(ticks).toBeGreaterThan(2);
  });
});
