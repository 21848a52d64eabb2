import type { JsonObject } from '@countersign/chain';
import { API_KEY_DAYS_MAX, type GrantView } from '@countersign/contracts';
import { defineAggregate, type DomainEvent } from '@countersign/event-store';
import { IdentityFault } from './identity-fault.js';
import { from, type Origin } from './origin.js';

const DAY_MS = 86_400_000;

/** Whose a key is. */
export interface KeyOwner {
  readonly type: 'user' | 'service-account';
  readonly id: string;
}

export interface ApiKeyState {
  readonly isRevoked: boolean;
  readonly expiresAtMs: number;
}

type Change =
  | {
      readonly type: 'create';
      readonly owner: KeyOwner;
      readonly createdBy: string;
      readonly organization: string | undefined;
      /** Lies under the owner's key as a subject: people call keys after themselves. */
      readonly name: string;
      readonly grants: readonly GrantView[];
      readonly days: number;
    }
  | { readonly type: 'revoke' };

export type ApiKeyCommand = Change & { readonly keyId: string; readonly nowMs: number; readonly origin: Origin | undefined };

interface ApiKeyEvent extends DomainEvent {
  readonly data: JsonObject;
}

/** An API key from its making to its end. The key itself is in no event, and neither is anything computed of it. */
export const apiKeyAggregate = defineAggregate<ApiKeyState | undefined, ApiKeyCommand, ApiKeyEvent>({
  name: 'api-key',
  initialState: undefined,
  decide: (command, key) => decide(command, key).map((event) => from(command.origin, { ...event, resource: { type: 'api-key', id: command.keyId } })),
  evolve,
});

/** When a key ends that is made at `nowMs` for so many days. */
export const keyExpiryOf = (nowMs: number, days: number): number => nowMs + days * DAY_MS;

function decide(command: ApiKeyCommand, key: ApiKeyState | undefined): readonly ApiKeyEvent[] {
  if (command.type === 'create') {
    const { owner, createdBy, organization, name, grants, days, nowMs } = command;
    if (key !== undefined) throw new IdentityFault('CONFLICT', 'there is such a key already');
    if (!(days >= 1 && days <= API_KEY_DAYS_MAX)) throw new IdentityFault('REQUEST_MALFORMED', `a key lasts 1 to ${API_KEY_DAYS_MAX} days`, { field: 'days' });
    const data = {
      owner: { ...owner },
      createdBy,
      ...(organization === undefined ? {} : { organization }),
      grants: grants.map(({ permission, scope }) => `${permission}:${scope}`),
      expiresAt: new Date(keyExpiryOf(nowMs, days)).toISOString(),
    };
    return [{ type: 'identity.api-key.created', severity: 'notice', data, personal: [{ subject: owner.id, data: { name } }] }];
  }
  if (key === undefined) throw new IdentityFault('API_KEY_UNKNOWN', 'there is no such key', { field: 'keyId' });
  return key.isRevoked ? [] : [{ type: 'identity.api-key.revoked', severity: 'notice', data: { wasExpired: key.expiresAtMs <= command.nowMs } }];
}

function evolve(key: ApiKeyState | undefined, { type, data }: Pick<ApiKeyEvent, 'type' | 'data'>): ApiKeyState | undefined {
  if (type === 'identity.api-key.created') return { isRevoked: false, expiresAtMs: Date.parse(data['expiresAt'] as string) };
  return key === undefined ? undefined : { ...key, isRevoked: true };
}
