import type { JsonObject } from '@countersign/chain';
import { defineAggregate, type DomainEvent } from '@countersign/event-store';
import { IdentityFault } from './identity-fault.js';
import { from, type Origin } from './origin.js';

/** How long the link of an invitation is good. */
export const INVITATION_MS = 7 * 86_400_000;

/** An invitation to one organisation. Of its link nothing is in the events; the address lies under a key of its own. */
export interface Invitation {
  readonly state: 'pending' | 'accepted' | 'revoked';
  readonly expiresAtMs: number;
}

type Change =
  | { readonly type: 'send'; readonly roles: readonly string[]; readonly email: string }
  | { readonly type: 'resend' }
  | { readonly type: 'revoke' }
  | { readonly type: 'accept'; readonly userId: string };

export type InvitationCommand = Change & { readonly invitationId: string; readonly nowMs: number; readonly origin: Origin | undefined };

interface InvitationEvent extends DomainEvent {
  readonly data: JsonObject;
}

/** Subject of what is known of somebody who is invited, until he has an account. */
export const inviteeOf = (invitationId: string): string => `invitee-${invitationId}`;

export const invitationAggregate = defineAggregate<Invitation | undefined, InvitationCommand, InvitationEvent>({
  name: 'invitation',
  initialState: undefined,
  decide: (command, invitation) =>
    decide(command, invitation).map((event) => from(command.origin, { ...event, resource: { type: 'invitation', id: command.invitationId } })),
  evolve,
});

function decide(command: InvitationCommand, invitation: Invitation | undefined): readonly InvitationEvent[] {
  const { nowMs, invitationId } = command;
  const expiresAt = new Date(nowMs + INVITATION_MS).toISOString();
  if (command.type === 'send') {
    if (invitation !== undefined) throw new IdentityFault('CONFLICT', 'there is such an invitation already');
    return [{ ...happened('sent', { roles: [...command.roles], expiresAt }), personal: [{ subject: inviteeOf(invitationId), data: { email: command.email } }] }];
  }
  if (invitation === undefined) throw new IdentityFault('INVITATION_UNKNOWN', 'there is no such invitation');
  if (invitation.state === 'accepted') throw new IdentityFault('INVITATION_USED', 'the invitation was accepted already');
  if (command.type === 'revoke') return invitation.state === 'revoked' ? [] : [happened('revoked', {})];
  if (invitation.state === 'revoked') throw new IdentityFault('INVITATION_REVOKED', 'the invitation was withdrawn');
  if (command.type === 'resend') return [happened('resent', { expiresAt })];
  if (invitation.expiresAtMs <= nowMs) throw new IdentityFault('INVITATION_EXPIRED', 'the invitation has expired');
  return [happened('accepted', { userId: command.userId })];
}

function evolve(invitation: Invitation | undefined, { type, data }: Pick<InvitationEvent, 'type' | 'data'>): Invitation | undefined {
  const what = type.slice('identity.invitation.'.length);
  if (what === 'sent') return { state: 'pending', expiresAtMs: Date.parse(data['expiresAt'] as string) };
  if (invitation === undefined) return undefined;
  if (what === 'resent') return { ...invitation, expiresAtMs: Date.parse(data['expiresAt'] as string) };
  return what === 'accepted' || what === 'revoked' ? { ...invitation, state: what } : invitation;
}

function happened(what: string, data: JsonObject): InvitationEvent {
  return { type: `identity.invitation.${what}`, data, severity: 'notice' };
}
