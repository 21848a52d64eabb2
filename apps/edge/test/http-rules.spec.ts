import { describe, expect, it } from '@jest/globals';
import { IdentityClientError } from '@countersign/identity-client';
import fc from 'fast-check';
import { csrfTokenOf, requireOwnPage } from '../src/http/csrf.js';
import { EdgeFault } from '../src/http/edge-fault.js';
import { parseBody } from '../src/http/i-json.js';
import { MemoryIdempotency } from '../src/http/idempotency.js';
import { JSON_DEPTH_MAX, requireShallow } from '../src/http/json-depth.js';
import { KeyGuesses } from '../src/http/key-guesses.js';
import { LIMITS, networkOf, RateLimits, scaledLimits } from '../src/http/rate-limits.js';
import { idempotencyContract } from './idempotency-contract.js';

const ORIGIN = 'https://countersign.example';
const SESSION = 'a'.repeat(43);
const TOKEN = csrfTokenOf(SESSION);

function codeOf(work: () => unknown): string {
  try {
    work();
    return 'none';
  } catch (error) {
    if (error instanceof EdgeFault) return error.code;
    throw error;
  }
}
const codeOfAsync = (work: Promise<unknown>): Promise<string> => work.then(() => 'none', (error: unknown) => (error instanceof EdgeFault || error instanceof IdentityClientError ? error.code : String(error)));

describe('a mutation by cookie', () => {
  it.each<[string, Record<string, string>, string | undefined, string]>([
    ['with its token, from our own page', { 'sec-fetch-site': 'same-origin', origin: ORIGIN, 'x-csrf-token': TOKEN }, TOKEN, 'none'],
    ['with its token, from a program', { 'x-csrf-token': TOKEN }, TOKEN, 'none'],
    ['without the header', {}, TOKEN, 'CSRF_TOKEN_INVALID'],
    ['without the cookie', { 'x-csrf-token': TOKEN }, undefined, 'CSRF_TOKEN_INVALID'],
    ['with the token of another session in both', { 'x-csrf-token': csrfTokenOf('b'.repeat(43)) }, csrfTokenOf('b'.repeat(43)), 'CSRF_TOKEN_INVALID'],
    ['with a planted cookie and the same header', { 'x-csrf-token': 'planted' }, 'planted', 'CSRF_TOKEN_INVALID'],
    ['from another site', { 'sec-fetch-site': 'cross-site', 'x-csrf-token': TOKEN }, TOKEN, 'ORIGIN_FORBIDDEN'],
    ['from a neighbouring host', { 'sec-fetch-site': 'same-site', 'x-csrf-token': TOKEN }, TOKEN, 'ORIGIN_FORBIDDEN'],
    ['from another origin, by an old browser', { origin: 'https://evil.example', 'x-csrf-token': TOKEN }, TOKEN, 'ORIGIN_FORBIDDEN'],
    ['from a page without an origin', { origin: 'null', 'x-csrf-token': TOKEN }, TOKEN, 'ORIGIN_FORBIDDEN'],
  ])('%s', (_what, headers, cookie, code) => {
    expect(codeOf(() => requireOwnPage(headers, SESSION, cookie, ORIGIN))).toBe(code);
  });
});

describe('a body', () => {
  const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);

  it('has a limit of levels, and a deep one does not exhaust the stack', () => {
    expect(codeOf(() => requireShallow(nested(JSON_DEPTH_MAX)))).toBe('none');
    expect(codeOf(() => requireShallow(nested(JSON_DEPTH_MAX + 1)))).toBe('BODY_TOO_DEEP');
    expect(codeOf(() => requireShallow(JSON.parse('['.repeat(500_000) + ']'.repeat(500_000))))).toBe('BODY_TOO_DEEP');
  });
});

idempotencyContract('an Idempotency-Key, in memory', async (times) => new MemoryIdempotency(times));

describe('a JSON text', () => {
  const codeOfText = (text: string | Uint8Array): string => codeOf(() => parseBody(Buffer.from(text as string)));

  it.each<[string, string | Uint8Array, string]>([
    ['a name twice in one object', '{"a":1,"b":{"a":1},"a":2}', 'BODY_MALFORMED'],
    ['a name twice, spelt otherwise', '{"a":1,"\\u0061":2}', 'BODY_MALFORMED'],
    ['the same name in different objects', '[{"a":1},{"a":{"a":[{"a":1},{"a":2}]}}]', 'none'],
    ['names and punctuation within texts', '{"a":"\\"a\\":{[,","b":"}]"}', 'none'],
    ['__proto__', '{"a":[{"__proto__":1}]}', 'BODY_MALFORMED'],
    ['__proto__, spelt otherwise', '{"\\u005f_proto__":1}', 'BODY_MALFORMED'],
    ['constructor.prototype', '{"constructor":{"prototype":{}}}', 'BODY_MALFORMED'],
    ['constructor and prototype apart', '{"constructor":[{"prototype":1}],"prototype":1}', 'none'],
    ['half a surrogate pair', '{"a":"\\ud800"}', 'BODY_MALFORMED'],
    ['a whole one', '{"a":"\\ud83d\\udc80"}', 'none'],
    ['a byte order mark', '\ufeff{}', 'BODY_MALFORMED'],
    ['bytes that are no UTF-8', Uint8Array.of(0x22, 0xc0, 0xaf, 0x22), 'BODY_MALFORMED'],
    ['nothing', '', 'BODY_MALFORMED'],
    ['a megabyte of quotes', JSON.stringify({ a: '"'.repeat(500_000) }), 'none'],
  ])('with %s', (_what, text, code) => {
    expect(codeOfText(text)).toBe(code);
  });

  it('is read as JSON.parse reads it', () => {
    fc.assert(fc.property(fc.json(), (text) => {
      if (codeOfText(text) === 'none') expect(parseBody(Buffer.from(text))).toEqual(JSON.parse(text));
      else expect(text).toMatch(/\\u|__proto__|prototype/);
    }));
  });
});

describe('a rate limit', () => {
  it('counts an address and a user each, and says when to come again', async () => {
    const limits = new RateLimits(undefined, { ...LIMITS, guess: { ip: 2, user: 1 } });
    const count = (of: 'ip' | 'user', key: string): Promise<string> => codeOfAsync(limits.count('guess', of, key));
    expect([await count('ip', '192.0.2.1'), await count('ip', '192.0.2.1'), await count('ip', '192.0.2.1')]).toEqual(['none', 'none', 'RATE_LIMITED']);
    expect([await count('user', 'u1'), await count('user', 'u1'), await count('user', 'u2')]).toEqual(['none', 'RATE_LIMITED', 'none']);
    expect(await limits.count('guess', 'ip', '192.0.2.1').catch((error: unknown) => (error as EdgeFault).detail.retryAfterMs)).toBeGreaterThan(0);
  });

  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['2001:0DB8:0001:0002::', '2001:db8:1:2::/64'],
  ])('takes %s as %s', (ip, network) => {
    expect(networkOf(ip)).toBe(network);
  });

  it('of API keys counts guesses by network, keys that are over by themselves, and lets those through that were good', async () => {
    const keys = new KeyGuesses(new RateLimits(undefined, { ...LIMITS, 'key-guess': { ip: 2, user: 2 } }));
    const ask = (key: string, code?: 'API_KEY_REFUSED' | 'API_KEY_REVOKED') => codeOfAsync(keys.run('192.0.2.1', key, async () => {
      if (code !== undefined) throw new IdentityClientError(code, 'x');
    }));
    expect(await ask('good')).toBe('none');
    for (let time = 0; time < 2; time++) expect(await ask('over', 'API_KEY_REVOKED')).toBe('API_KEY_REVOKED');
    expect([await ask('over', 'API_KEY_REVOKED'), await ask('another')]).toEqual(['RATE_LIMITED', 'none']);
    for (let time = 0; time < 2; time++) expect(await ask(`guess${String(time)}`, 'API_KEY_REFUSED')).toBe('API_KEY_REFUSED');
    expect([await ask('never seen'), await ask('good'), await ask('another')]).toEqual(['RATE_LIMITED', 'none', 'none']);
  });

  it('is multiplied by the factor of the installation, and never nothing', () => {
    expect(scaledLimits(1)).toEqual(LIMITS);
    expect(scaledLimits(2.5).guess).toEqual({ ip: 75, user: 50 });
    expect(scaledLimits(0.001).guess).toEqual({ ip: 1, user: 1 });
  });

  it('takes all addresses of one /64 as one', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 }), fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 4, maxLength: 4 }), (groups, others) => {
      const text = (all: number[]): string => all.map((group) => group.toString(16)).join(':');
      return networkOf(text(groups)) === networkOf(text([...groups.slice(0, 4), ...others]));
    }));
  });
});
