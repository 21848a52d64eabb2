import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { apiKeyMac, CredentialFault, csrfToken, newApiKey, newSessionToken, parseApiKey, sessionDigest, verifyApiKey, verifyCsrfToken } from '../src/index.js';

const KEY = new Uint8Array(32).fill(1);
const OTHER_KEY = new Uint8Array(32).fill(2);
const bytesOf = (version: number): Uint8Array | undefined => (version === 1 ? KEY : undefined);
const codeOf = (act: () => unknown): string | undefined => {
  try {
    act();
    return undefined;
  } catch (error) {
    return error instanceof CredentialFault ? error.code : String(error);
  }
};

describe('an API key', () => {
  it('is known again, and another is not', () => {
    const [key, other] = [newApiKey(), newApiKey()];
    const stored = apiKeyMac(key, { version: 1, bytes: KEY });
    expect(verifyApiKey(parseApiKey(key.text), stored, bytesOf)).toBe(true);
    expect(verifyApiKey(other, stored, bytesOf)).toBe(false);
    expect(verifyApiKey(key, stored, () => OTHER_KEY)).toBe(false);
    expect(stored).not.toContain(key.text.slice(17, 60));
  });

  it('is never stored in a form that somebody else wrote', () => {
    const key = newApiKey();
    const stored = apiKeyMac(key, { version: 1, bytes: KEY });
    for (const text of ['', stored.slice(0, -1), `${stored}=`, `k0${stored.slice(2)}`, stored.slice(3), `${stored.slice(0, -1)}\n`]) {
      expect(codeOf(() => verifyApiKey(key, text, bytesOf))).toBe('API_KEY_MALFORMED');
    }
    expect(codeOf(() => verifyApiKey(key, apiKeyMac(key, { version: 2, bytes: KEY }), bytesOf))).toBe('API_KEY_MAC_KEY_UNKNOWN');
  });

  it('with any one character changed is refused without asking anybody', () => {
    const { text } = newApiKey();
    fc.assert(
      fc.property(fc.nat({ max: text.length - 1 }), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), (at, char) => {
        const changed = text.slice(0, at) + char + text.slice(at + 1);
        expect(codeOf(() => parseApiKey(changed))).toBe(changed === text ? undefined : 'API_KEY_MALFORMED');
      }),
      { numRuns: 500 },
    );
  });

  it('shows nothing of its secret in the preview but the end of its checksum', () => {
    const { text, id, preview } = newApiKey();
    expect(preview).toBe(`csk_${id}_…${text.slice(-4)}`);
  });
});

describe('a session token', () => {
  it('is found by its digest, which is not the token', () => {
    const { token, digest } = newSessionToken();
    expect(sessionDigest(token)).toBe(digest);
    expect(digest).not.toBe(token);
    expect(newSessionToken().token).not.toBe(token);
  });

  it('with any one character changed is another or none', () => {
    const { token, digest } = newSessionToken();
    fc.assert(
      fc.property(fc.nat({ max: 42 }), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), (at, char) => {
        const changed = token.slice(0, at) + char + token.slice(at + 1);
        if (changed === token) return;
        let other: string | undefined;
        expect([undefined, 'SESSION_TOKEN_MALFORMED']).toContain(codeOf(() => (other = sessionDigest(changed))));
        expect(other).not.toBe(digest);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a CSRF token', () => {
  it('is of one session and one key', () => {
    const token = csrfToken(KEY, 'session-1');
    expect(verifyCsrfToken(KEY, 'session-1', token)).toBe(true);
    expect(verifyCsrfToken(KEY, 'session-2', token)).toBe(false);
    expect(verifyCsrfToken(OTHER_KEY, 'session-1', token)).toBe(false);
    expect(csrfToken(KEY, 'session-1')).not.toBe(token);
  });

  it('with any one character changed is refused', () => {
    const token = csrfToken(KEY, 'session-1');
    fc.assert(
      fc.property(fc.nat({ max: token.length - 1 }), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), (at, char) => {
        const changed = token.slice(0, at) + char + token.slice(at + 1);
        expect(verifyCsrfToken(KEY, 'session-1', changed)).toBe(changed === token);
      }),
      { numRuns: 500 },
    );
  });

  it.each(['', '.', '..', 'a.b', `${'A'.repeat(43)}.${'A'.repeat(22)}.x`, 'A'.repeat(100_000)])('is not %.20s', (text) => {
    expect(verifyCsrfToken(KEY, 'session-1', text)).toBe(false);
  });
});
