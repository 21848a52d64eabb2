import type { JsonObject } from '@countersign/chain';
import type { HeldRole } from '@countersign/contracts';
import { defineAggregate, type DomainEvent } from '@countersign/event-store';
import { IdentityFault } from './identity-fault.js';
import { from, type Origin } from './origin.js';

/** Somebody with an account. What he is called, and what proves who he is, lies in the read tables. */
export interface User {
  readonly state: 'active' | 'disabled';
  /** By {@link roleKey}. */
  readonly roles: ReadonlySet<string>;
  readonly totp: 'none' | 'pending' | 'enrolled';
  /** Ids of codes that have not been used. */
  readonly backupCodes: ReadonlySet<string>;
}

export type RegisteredBy = 'open' | 'invitation' | 'operator';

type Change =
  | { readonly type: 'register'; readonly by: RegisteredBy; readonly email: string; readonly name: string; readonly roles: readonly HeldRole[] }
  | { readonly type: 'disable'; readonly reason: string }
  | { readonly type: 'enable' }
  | { readonly type: 'end-sessions'; readonly keptSessionId?: string }
  | { readonly type: 'change-password'; readonly keptSessionId: string }
  | { readonly type: 'rehash-password' }
  | { readonly type: 'unlock' }
  | { readonly type: 'begin-totp' }
  | { readonly type: 'enrol-totp'; readonly backupCodeIds: readonly string[] }
  | { readonly type: 'use-backup-code'; readonly codeId: string }
  | { readonly type: 'grant-role'; readonly role: HeldRole }
  | { readonly type: 'revoke-role'; readonly role: HeldRole };

export type UserCommand = Change & { readonly userId: string; readonly origin: Origin | undefined };

/** `owner` on the platform, `owner@acme` in an organisation. */
export const roleKey = ({ role, organization }: HeldRole): string => (organization === undefined ? role : `${role}@${organization}`);

interface UserEvent extends DomainEvent {
  readonly data: JsonObject;
}

export const userAggregate = defineAggregate<User | undefined, UserCommand, UserEvent>({
  name: 'user',
  initialState: undefined,
  decide: (command, user) => decide(command, user).map((event) => from(command.origin, { ...event, resource: { type: 'user', id: command.userId } })),
  evolve,
});

function decide(command: UserCommand, user: User | undefined): readonly UserEvent[] {
  if (command.type === 'register') {
    if (user !== undefined) throw new IdentityFault('CONFLICT', 'there is such a user already');
    const registered = happened('registered', { by: command.by }, { personal: [{ subject: command.userId, data: { email: command.email, name: command.name } }] });
    return [registered, ...command.roles.map((role) => happened('role-granted', { ...role }, { severity: 'notice' }))];
  }
  if (user === undefined) throw new IdentityFault('USER_UNKNOWN', 'there is no such user', { field: 'userId' });
  switch (command.type) {
    case 'disable':
      return user.state === 'disabled' ? [] : [happened('disabled', { reason: command.reason }, { severity: 'notice' })];
    case 'enable':
      return user.state === 'active' ? [] : [happened('enabled', {}, { severity: 'notice' })];
    case 'end-sessions':
      return [happened('sessions-ended', kept(command.keptSessionId), { severity: 'notice' })];
    case 'change-password':
      return [happened('password-changed', kept(command.keptSessionId), { severity: 'notice' })];
    case 'rehash-password':
      return [happened('password-rehashed', {})];
    case 'unlock':
      return [happened('unlocked', {}, { severity: 'notice' })];
    case 'grant-role':
      return user.roles.has(roleKey(command.role)) ? [] : [happened('role-granted', { ...command.role }, { severity: 'notice' })];
    case 'revoke-role':
      return user.roles.has(roleKey(command.role)) ? [happened('role-revoked', { ...command.role }, { severity: 'notice' })] : [];
    default:
      return decideFactor(command, user);
  }
}

function decideFactor(command: Extract<UserCommand, { type: 'begin-totp' | 'enrol-totp' | 'use-backup-code' }>, user: User): readonly UserEvent[] {
  switch (command.type) {
    case 'begin-totp':
      if (user.totp === 'enrolled') throw new IdentityFault('TOTP_ENROLLED', 'an authenticator is enrolled already');
      return [happened('totp-begun', {})];
    case 'enrol-totp':
      if (user.totp === 'enrolled') throw new IdentityFault('TOTP_ENROLLED', 'an authenticator is enrolled already');
      if (user.totp === 'none') throw new IdentityFault('TOTP_NOT_PENDING', 'no enrolment has been begun');
      return [happened('totp-enrolled', { backupCodeIds: command.backupCodeIds }, { severity: 'notice' })];
    case 'use-backup-code':
      // The stream decides: two requests with one code meet here, and only one of them is first.
      if (!user.backupCodes.has(command.codeId)) throw new IdentityFault('CODE_REFUSED', 'the code is wrong or has been used', { field: 'code' });
      return [happened('backup-code-used', { codeId: command.codeId, left: user.backupCodes.size - 1 }, { severity: 'notice' })];
  }
}

const NOBODY: User = { state: 'active', roles: new Set(), totp: 'none', backupCodes: new Set() };

function evolve(before: User | undefined, { type, data }: Pick<UserEvent, 'type' | 'data'>): User {
  const user = before ?? NOBODY;
  switch (type.slice('identity.user.'.length)) {
    case 'disabled':
      return { ...user, state: 'disabled' };
    case 'enabled':
      return { ...user, state: 'active' };
    case 'role-granted':
      return { ...user, roles: new Set([...user.roles, roleKey(data as unknown as HeldRole)]) };
    case 'role-revoked':
      return { ...user, roles: new Set([...user.roles].filter((key) => key !== roleKey(data as unknown as HeldRole))) };
    case 'totp-begun':
      return { ...user, totp: 'pending' };
    case 'totp-enrolled':
      return { ...user, totp: 'enrolled', backupCodes: new Set(data['backupCodeIds'] as readonly string[]) };
    case 'backup-code-used':
      return { ...user, backupCodes: new Set([...user.backupCodes].filter((id) => id !== data['codeId'])) };
    default:
      return user;
  }
}

function happened(what: string, data: JsonObject, more: Pick<DomainEvent, 'severity' | 'personal'> = {}): UserEvent {
  return { type: `identity.user.${what}`, data, ...more };
}

const kept = (sessionId: string | undefined): JsonObject => (sessionId === undefined ? {} : { keptSessionId: sessionId });
