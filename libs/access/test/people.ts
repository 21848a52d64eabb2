import type { Principal } from '../src/index.js';

export * from '../src/index.js';

/** A person in acme who has just proved who they are with a second factor. */
export function withAssurance(nowMs: number, changes: Pick<Principal, 'permissions'> & Partial<Principal>): Principal {
  return { kind: 'person', userId: 'u1', organization: 'acme', mfa: { needed: true, enrolled: true }, assurance: { level: 'mfa', atMs: nowMs }, ...changes };
}
