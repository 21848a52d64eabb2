import type { JsonObject } from '@countersign/chain';
import type { ASSURANCES } from '@countersign/contracts';
import { defineAggregate, type DomainEvent } from '@countersign/event-store';
import { IdentityFault } from './identity-fault.js';
import { from, type Origin } from './origin.js';

export type Assurance = (typeof ASSURANCES)[number];

const DAY_MS = 86_400_000;
/** Without use for so long a session is over. */
export const SESSION_IDLE_MS = 30 * DAY_MS;
/** However much it is used, a session is over after this. */
export const SESSION_LIFE_MS = 90 * DAY_MS;
/** A session is renewed when so much of its idle time has passed: one write and one event a day, not one a request. */
export const RENEW_AFTER_MS = DAY_MS;
/** Of a shorter idle time so much. */
const RENEWALS_WHILE_IDLE = 4;

/** How long sessions last; policy may make it less. */
export interface SessionCaps {
  readonly sessionIdleMs: number;
  readonly sessionLifeMs: number;
}
export const SESSION_CAPS: SessionCaps = { sessionIdleMs: SESSION_IDLE_MS, sessionLifeMs: SESSION_LIFE_MS };

export interface Session {
  readonly userId: string;
  readonly startedAtMs: number;
  readonly expiresAtMs: number;
  readonly isEnded: boolean;
}

type Change =
  | { readonly type: 'start'; readonly userId: string; readonly assurance: Assurance; readonly caps?: SessionCaps }
  /** `expiresAtMs`: as policy has shortened it. */
  | { readonly type: 'renew'; readonly caps?: SessionCaps; readonly expiresAtMs?: number }
  | { readonly type: 'enter'; readonly organization: string | undefined }
  | { readonly type: 'step-up'; readonly assurance: Assurance }
  | { readonly type: 'end'; readonly why: 'signed-out' | 'revoked' };

export type SessionCommand = Change & { readonly sessionId: string; readonly nowMs: number; readonly origin: Origin | undefined };

interface SessionEvent extends DomainEvent {
  readonly data: JsonObject;
}

/**
 * A session from sign-in to its end. That all sessions of a user end is an event of the user: whether one is valid is asked of
 * the read table, which knows both.
 */
export const sessionAggregate = defineAggregate<Session | undefined, SessionCommand, SessionEvent>({
  name: 'session',
  initialState: undefined,
  decide: (command, session) => decide(command, session).map((event) => from(command.origin, { ...event, resource: { type: 'session', id: command.sessionId } })),
  evolve,
});

/** When a session ends that is used at `nowMs`. */
export function expiryOf(startedAtMs: number, nowMs: number, { sessionIdleMs, sessionLifeMs }: SessionCaps = SESSION_CAPS): number {
  return Math.min(nowMs + sessionIdleMs, startedAtMs + sessionLifeMs);
}

/** Whether using it at `nowMs` would move its end by a day or more. */
export function isRenewalDue({ startedAtMs, expiresAtMs }: Pick<Session, 'startedAtMs' | 'expiresAtMs'>, nowMs: number, caps: SessionCaps = SESSION_CAPS): boolean {
  return expiryOf(startedAtMs, nowMs, caps) - expiresAtMs >= Math.min(RENEW_AFTER_MS, caps.sessionIdleMs / RENEWALS_WHILE_IDLE);
}

function decide(command: SessionCommand, session: Session | undefined): readonly SessionEvent[] {
  const { type, nowMs } = command;
  if (type === 'start') {
    if (session !== undefined) throw new IdentityFault('CONFLICT', 'there is such a session already');
    const { userId, assurance, caps } = command;
    return [happened('started', { userId, assurance, at: iso(nowMs), expiresAt: iso(expiryOf(nowMs, nowMs, caps)) })];
  }
  if (session === undefined) throw new IdentityFault('SESSION_UNKNOWN', 'there is no such session', { field: 'sessionId' });
  const { userId } = session;
  if (type === 'end') return session.isEnded ? [] : [happened('ended', { userId, why: command.why })];
  if (session.isEnded || session.expiresAtMs <= nowMs) throw new IdentityFault('UNAUTHENTICATED', 'the session has ended');
  if (type === 'step-up') return [happened('stepped-up', { userId, assurance: command.assurance, at: iso(nowMs) })];
  if (type === 'enter') return [happened('organization-entered', { userId, ...(command.organization === undefined ? {} : { organization: command.organization }) })];
  const expiresAtMs = Math.min(session.expiresAtMs, command.expiresAtMs ?? session.expiresAtMs);
  const { caps } = command;
  return isRenewalDue({ ...session, expiresAtMs }, nowMs, caps) ? [happened('renewed', { userId, expiresAt: iso(expiryOf(session.startedAtMs, nowMs, caps)) })] : [];
}

function evolve(session: Session | undefined, { type, data }: Pick<SessionEvent, 'type' | 'data'>): Session | undefined {
  const what = type.slice('identity.session.'.length);
  if (what === 'started') {
    return { userId: data['userId'] as string, startedAtMs: msOf(data['at']), expiresAtMs: msOf(data['expiresAt']), isEnded: false };
  }
  if (session === undefined) return undefined;
  if (what === 'renewed') return { ...session, expiresAtMs: msOf(data['expiresAt']) };
  return what === 'ended' ? { ...session, isEnded: true } : session;
}

const iso = (ms: number): string => new Date(ms).toISOString();
const msOf = (value: unknown): number => Date.parse(value as string);

function happened(what: string, data: JsonObject): SessionEvent {
  return { type: `identity.session.${what}`, data };
}
