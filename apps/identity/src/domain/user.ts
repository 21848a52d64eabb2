import type { JsonObject } from '@countersign/chain';
import type { HeldRole } from '@countersign/contracts';
import { defineAggregate, type DomainEvent } from '@countersign/event-store';
import { IdentityFault } from './identity-fault.js';
import { from, type Origin } from './origin.js';
import { decideFactor, evolveFactors, isFactorChange, NO_FACTORS, type FactorChange, type Factors } from './user-factors.js';

/** Somebody with an account. What he is called, and what proves who he is, lies in the read tables. */
export interface User {
  readonly state: 'active' | 'disabled' | 'erased';
  /** By {@link roleKey}. */
  readonly roles: ReadonlySet<string>;
  readonly factors: Factors;
}

export type RegisteredBy = 'open' | 'invitation' | 'operator' | 'setup';

type Change =
  | { readonly type: 'register'; readonly by: RegisteredBy; readonly email: string; readonly name: string; readonly roles: readonly HeldRole[] }
  | { readonly type: 'disable'; readonly reason: string }
  | { readonly type: 'enable' }
  | { readonly type: 'erase'; readonly requestId: string }
  | { readonly type: 'end-sessions'; readonly keptSessionId?: string }
  | { readonly type: 'change-password'; readonly keptSessionId: string }
  | { readonly type: 'rehash-password' }
  | { readonly type: 'ask-password-reset' }
  | { readonly type: 'reset-password' }
  | { readonly type: 'require-password'; readonly why: 'leaked' | 'age' }
  | { readonly type: 'change-profile'; readonly name?: string; readonly locale?: string }
  | { readonly type: 'ask-email-change'; readonly email: string }
  | { readonly type: 'change-email'; readonly email: string }
  | { readonly type: 'unlock' }
  | { readonly type: 'resume-keys' }
  | { readonly type: 'grant-role'; readonly role: HeldRole }
  | { readonly type: 'revoke-role'; readonly role: HeldRole }
  | FactorChange;

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
  if (command.type === 'erase') return user.state === 'erased' ? [] : [happened('erased', { requestId: command.requestId }, { severity: 'warning' })];
  if (user.state === 'erased') throw new IdentityFault('USER_UNKNOWN', 'this user was erased', { field: 'userId' });
  if (isFactorChange(command)) return decideFactor(command, user.factors, command.userId).map(({ what, data, ...more }) => happened(what, data, more));
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
    case 'ask-password-reset':
      return [happened('password-reset-asked', {})];
    case 'reset-password':
      return [happened('password-reset', {}, { severity: 'warning' })];
    case 'require-password':
      return [happened('password-due', { why: command.why }, { severity: command.why === 'leaked' ? 'warning' : 'notice' })];
    case 'change-profile':
    case 'ask-email-change':
    case 'change-email':
      return decideProfile(command);
    case 'resume-keys':
      return [happened('api-keys-resumed', {}, { severity: 'notice' })];
    case 'unlock':
      return [happened('unlocked', {}, { severity: 'notice' })];
    case 'grant-role':
      return user.roles.has(roleKey(command.role)) ? [] : [happened('role-granted', { ...command.role }, { severity: 'notice' })];
    case 'revoke-role':
      return user.roles.has(roleKey(command.role)) ? [happened('role-revoked', { ...command.role }, { severity: 'notice' })] : [];
  }
}

type ProfileChange = Extract<UserCommand, { readonly type: 'change-profile' | 'ask-email-change' | 'change-email' }>;

/** What changes is on record; what it changes to is about the user alone, but for the language. */
function decideProfile(command: ProfileChange): readonly UserEvent[] {
  const personal = (data: JsonObject): Pick<UserEvent, 'personal'> => ({ personal: [{ subject: command.userId, data }] });
  if (command.type !== 'change-profile') {
    const what = command.type === 'change-email' ? 'email-changed' : 'email-change-asked';
    return [happened(what, {}, { severity: 'notice', ...personal({ email: command.email }) })];
  }
  const { name, locale } = command;
  if (name === undefined && locale === undefined) return [];
  return [happened('profile-changed', locale === undefined ? {} : { locale }, name === undefined ? {} : personal({ name }))];
}

const NOBODY: User = { state: 'active', roles: new Set(), factors: NO_FACTORS };

function evolve(before: User | undefined, { type, data }: Pick<UserEvent, 'type' | 'data'>): User {
  const user = before ?? NOBODY;
  const what = type.slice('identity.user.'.length);
  switch (what) {
    case 'disabled':
      return { ...user, state: 'disabled' };
    case 'enabled':
      return { ...user, state: 'active' };
    case 'erased':
      return { ...user, state: 'erased', roles: new Set() };
    case 'role-granted':
      return { ...user, roles: new Set([...user.roles, roleKey(data as unknown as HeldRole)]) };
    case 'role-revoked':
      return { ...user, roles: new Set([...user.roles].filter((key) => key !== roleKey(data as unknown as HeldRole))) };
    default:
      return { ...user, factors: evolveFactors(user.factors, what, data) };
  }
}

function happened(what: string, data: JsonObject, more: Pick<DomainEvent, 'severity' | 'personal' | 'outcome'> = {}): UserEvent {
  return { type: `identity.user.${what}`, data, ...more };
}

const kept = (sessionId: string | undefined): JsonObject => (sessionId === undefined ? {} : { keptSessionId: sessionId });
