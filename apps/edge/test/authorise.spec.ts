import { describe, expect, it } from '@jest/globals';
import { encodeSet, roleSet } from '@countersign/access';
import type { IdentityPrincipal } from '@countersign/contracts';
import { IdentityClientError } from '@countersign/identity-client';
import { authorise } from '../src/session/authorise.js';
import { callerOf } from '../src/session/caller.js';

const NOW_MS = Date.parse('2026-01-01T00:10:00Z');
const AUDITOR: IdentityPrincipal = {
  kind: 'person', userId: 'u1', sessionId: 's1', roles: [{ role: 'auditor' }], permissions: encodeSet(roleSet('auditor', 'global')),
  mfa: { needed: true, enrolled: true }, assurance: { level: 'mfa', at: '2026-01-01T00:00:00.000Z' }, expiresAt: '2026-01-31T00:00:00.000Z',
};

describe('who reads a ledger', () => {
  it.each<[string, string, Partial<IdentityPrincipal>]>([
    ['none', 'may', {}],
    ['PASSWORD_CHANGE_REQUIRED', 'signed in with a stolen password', { passwordDue: 'leaked' }],
    ['PASSWORD_CHANGE_REQUIRED', 'has a password that is too old', { passwordDue: 'age' }],
    ['MFA_ENROLLMENT_REQUIRED', 'has no second factor', { mfa: { needed: true, enrolled: false } }],
    ['FORBIDDEN', 'holds nothing', { permissions: encodeSet(roleSet('operator', 'global')) }],
  ])('%s: %s', (code, _who, change) => {
    let refused = 'none';
    try {
      authorise(callerOf({ ...AUDITOR, ...change }), 'audit.read', { organization: 'acme' }, NOW_MS);
    } catch (error) {
      refused = error instanceof IdentityClientError ? error.code : String(error);
    }
    expect(refused).toBe(code);
  });
});
