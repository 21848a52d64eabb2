import type { JsonObject } from '@countersign/chain';
import type { HeldRole } from '@countersign/contracts';
import { defineAggregate, type DomainEvent } from '@countersign/event-store';
import { IdentityFault } from './identity-fault.js';
import { from, type Origin } from './origin.js';
import { roleKey } from './user.js';

/** A program with an account: no password, no session, only API keys. */
export interface ServiceAccount {
  readonly state: 'active' | 'disabled';
  /** By `roleKey`. */
  readonly roles: ReadonlySet<string>;
}

type Change =
  | { readonly type: 'create'; readonly name: string; readonly organization: string | undefined }
  | { readonly type: 'disable'; readonly reason: string }
  | { readonly type: 'enable' }
  | { readonly type: 'grant-role'; readonly role: HeldRole }
  | { readonly type: 'revoke-role'; readonly role: HeldRole };

export type ServiceAccountCommand = Change & { readonly accountId: string; readonly origin: Origin | undefined };

interface ServiceAccountEvent extends DomainEvent {
  readonly data: JsonObject;
}

export const serviceAccountAggregate = defineAggregate<ServiceAccount | undefined, ServiceAccountCommand, ServiceAccountEvent>({
  name: 'service-account',
  initialState: undefined,
  decide: (command, account) => decide(command, account).map((event) => from(command.origin, { ...event, severity: 'notice', resource: { type: 'service-account', id: command.accountId } })),
  evolve,
});

function decide(command: ServiceAccountCommand, account: ServiceAccount | undefined): readonly ServiceAccountEvent[] {
  if (command.type === 'create') {
    if (account !== undefined) throw new IdentityFault('CONFLICT', 'there is such an account already');
    const { name, organization } = command;
    return [happened('created', { name, ...(organization === undefined ? {} : { organization }) })];
  }
  if (account === undefined) throw new IdentityFault('SERVICE_ACCOUNT_UNKNOWN', 'there is no such account', { field: 'accountId' });
  switch (command.type) {
    case 'disable':
      return account.state === 'disabled' ? [] : [happened('disabled', { reason: command.reason })];
    case 'enable':
      return account.state === 'active' ? [] : [happened('enabled', {})];
    case 'grant-role':
      return account.roles.has(roleKey(command.role)) ? [] : [happened('role-granted', { ...command.role })];
    case 'revoke-role':
      return account.roles.has(roleKey(command.role)) ? [happened('role-revoked', { ...command.role })] : [];
  }
}

function evolve(before: ServiceAccount | undefined, { type, data }: Pick<ServiceAccountEvent, 'type' | 'data'>): ServiceAccount {
  const account = before ?? { state: 'active', roles: new Set<string>() };
  const key = (): string => roleKey(data as unknown as HeldRole);
  switch (type.slice('identity.service-account.'.length)) {
    case 'disabled':
      return { ...account, state: 'disabled' };
    case 'enabled':
      return { ...account, state: 'active' };
    case 'role-granted':
      return { ...account, roles: new Set([...account.roles, key()]) };
    case 'role-revoked':
      return { ...account, roles: new Set([...account.roles].filter((one) => one !== key())) };
    default:
      return account;
  }
}

const happened = (what: string, data: JsonObject): ServiceAccountEvent => ({ type: `identity.service-account.${what}`, data });
