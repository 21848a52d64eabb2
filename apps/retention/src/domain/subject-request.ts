import type { JsonObject } from '@countersign/chain';
import type { PrivacyLaw, SubjectRequestKind, SubjectRequestState } from '@countersign/contracts';
import { defineAggregate, from, type AskedFrom, type DomainEvent } from '@countersign/event-store';
import { requestClock, type Calendar } from '@countersign/legal-clock';
import { RetentionFault } from './retention-fault.js';

/** A request of a data subject, from when it came in until it is answered. */
export interface SubjectRequest {
  readonly kind: SubjectRequestKind;
  readonly law: PrivacyLaw;
  readonly subject: string;
  readonly state: SubjectRequestState;
  readonly receivedAtMs: number;
  readonly dueAtMs: number;
  readonly extendedDueAtMs: number | undefined;
  readonly isExtended: boolean;
  readonly alerts: number;
  /** Something of the person may be gone. */
  readonly isErasing: boolean;
}

type Change =
  | { readonly type: 'open'; readonly kind: SubjectRequestKind; readonly law: PrivacyLaw; readonly subject: string; readonly receivedAtMs: number; readonly isVerified: boolean; readonly details: string | undefined; readonly calendar: Calendar; readonly waitMs: number; readonly continues?: string }
  /** The same was asked for again. */
  | { readonly type: 'repeat' }
  | { readonly type: 'verify'; readonly how: string }
  | { readonly type: 'extend'; readonly reason: string }
  | { readonly type: 'withdraw' }
  /** `liftsAtMs`: what it restricts stays so until then. */
  | { readonly type: 'refuse'; readonly reason: string; readonly liftsAtMs?: number }
  /** A person must do something first, or a hold stands against it. */
  | { readonly type: 'wait'; readonly reason: string; readonly isHeld: boolean }
  /** From now on it is kept and not used. */
  | { readonly type: 'restrict'; readonly reason: string }
  /** That is over at a time. */
  | { readonly type: 'lift'; readonly reason: string; readonly liftsAtMs: number }
  | { readonly type: 'resume' }
  | { readonly type: 'begin-erasure' }
  | { readonly type: 'prepare'; readonly bytes: number; readonly digest: string; readonly untilMs: number }
  | { readonly type: 'complete'; readonly outcome: JsonObject }
  | { readonly type: 'alert'; readonly alerts: number };

export type SubjectRequestCommand = Change & { readonly requestId: string; readonly nowMs: number; readonly origin: AskedFrom | undefined };

interface RequestEvent extends DomainEvent {
  readonly data: JsonObject;
}

const CLOSED: ReadonlySet<SubjectRequestState> = new Set(['completed', 'refused', 'withdrawn']);
export const isClosed = (state: SubjectRequestState): boolean => CLOSED.has(state);

export const subjectRequestAggregate = defineAggregate<SubjectRequest | undefined, SubjectRequestCommand, RequestEvent>({
  name: 'subject-request',
  initialState: undefined,
  decide: (command, request) => decide(command, request).map((event) => from(command.origin, { ...event, resource: { type: 'subject-request', id: command.requestId } })),
  evolve,
});

const iso = (ms: number): string => new Date(ms).toISOString();
const msOf = (value: unknown): number => Date.parse(value as string);
const happened = (what: string, data: JsonObject, more: Pick<DomainEvent, 'severity' | 'personal'> = {}): RequestEvent => ({ type: `retention.${what}`, data, ...more });

function decide(command: SubjectRequestCommand, request: SubjectRequest | undefined): readonly RequestEvent[] {
  if (command.type === 'open') return open(command, request);
  if (request === undefined) throw new RetentionFault('SUBJECT_REQUEST_UNKNOWN', 'there is no such request', { field: 'requestId' });
  const { subject } = request;
  if (command.type === 'lift') {
    if (request.kind !== 'restrict') throw new RetentionFault('RESTRICTION_UNKNOWN', 'nothing is restricted by this request', { field: 'requestId' });
    return [happened('restriction.lifted', { subject, reason: command.reason, liftsAt: iso(command.liftsAtMs) }, { severity: 'notice' })];
  }
  if (isClosed(request.state)) {
    // Said again of what is over, as after a crash, it changes nothing.
    if (command.type === 'complete' || command.type === 'alert' || command.type === 'wait' || command.type === 'restrict' || command.type === 'resume') return [];
    throw new RetentionFault('SUBJECT_REQUEST_CLOSED', 'the request was answered already');
  }
  switch (command.type) {
    case 'repeat':
      return [happened('subject-request.repeated', { subject })];
    case 'verify':
      return request.state === 'unverified' ? [happened('subject-request.verified', { subject, how: command.how }, { severity: 'notice' })] : [];
    case 'extend':
      return extend(command.reason, command.nowMs, request);
    case 'withdraw':
      requireWhole(request);
      return [happened('subject-request.withdrawn', { subject })];
    case 'refuse':
      requireWhole(request);
      return refuse(command, request);
    case 'wait':
      return request.state === 'waiting' || request.state === 'held' ? [] : [happened('subject-request.waiting', { subject, reason: command.reason, state: command.isHeld ? 'held' : 'waiting' }, { severity: 'notice' })];
    case 'restrict':
      return request.state === 'waiting' ? [] : [happened('restriction.placed', { subject }, { severity: 'notice' }), happened('subject-request.waiting', { subject, reason: command.reason, state: 'waiting' }, { severity: 'notice' })];
    case 'resume':
      return request.state === 'held' || request.state === 'waiting' ? [happened('subject-request.resumed', { subject }, { severity: 'notice' })] : [];
    case 'begin-erasure':
      // After a crash it is said again.
      return request.isErasing ? [] : [happened('erasure.begun', { subject }, { severity: 'warning' })];
    case 'prepare':
      return [happened('subject-request.prepared', { subject, bytes: command.bytes, digest: command.digest, until: iso(command.untilMs) }, { severity: 'notice' })];
    case 'complete':
      return [happened('subject-request.completed', { subject, ...command.outcome }, { severity: request.kind === 'delete' ? 'warning' : 'notice' })];
    case 'alert':
      return command.alerts <= request.alerts ? [] : [alerted(request, command)];
  }
}

/** What is half gone cannot be had back: it is carried through. Throws SUBJECT_REQUEST_CLOSED. */
function requireWhole({ isErasing }: SubjectRequest): void {
  if (isErasing) throw new RetentionFault('SUBJECT_REQUEST_CLOSED', 'the erasure has begun');
}

/** Its subject is told before a restriction ends (Article 18(3)). */
function refuse({ reason, liftsAtMs }: Extract<Change, { type: 'refuse' }>, { subject, kind, state }: SubjectRequest): readonly RequestEvent[] {
  const lifted = kind === 'restrict' && state === 'waiting' && liftsAtMs !== undefined ? { liftsAt: iso(liftsAtMs) } : undefined;
  const events = [happened('subject-request.refused', { subject, reason, ...lifted }, { severity: 'notice' })];
  return lifted === undefined ? events : [...events, happened('restriction.lifted', { subject, reason, ...lifted }, { severity: 'notice' })];
}

function open(command: Extract<SubjectRequestCommand, { type: 'open' }>, request: SubjectRequest | undefined): readonly RequestEvent[] {
  if (request !== undefined) throw new RetentionFault('CONFLICT', 'there is such a request already');
  const { kind, law, subject, receivedAtMs, calendar, isVerified, details, nowMs, waitMs, continues } = command;
  if (receivedAtMs > nowMs) throw new RetentionFault('REQUEST_MALFORMED', 'it has not been received yet', { field: 'receivedAt' });
  const { confirmBy, dueAt, extendedDueAt } = requestClock(law, kind, receivedAtMs, calendar);
  const clock = { receivedAt: iso(receivedAtMs), dueAt: iso(dueAt), ...(extendedDueAt === undefined ? {} : { extendedDueAt: iso(extendedDueAt) }), ...(confirmBy === undefined ? {} : { confirmBy: iso(confirmBy) }) };
  return [happened('subject-request.opened', { kind, law, subject, isVerified, notBefore: iso(nowMs + waitMs), ...clock, ...(continues === undefined ? {} : { continues }) }, { severity: 'notice', ...(details === undefined ? {} : { personal: [{ subject, data: { details } }] }) })];
}

/** Once, and before it is due: afterwards nothing is left to be extended. */
function extend(reason: string, nowMs: number, { subject, isExtended, dueAtMs, extendedDueAtMs }: SubjectRequest): readonly RequestEvent[] {
  if (isExtended || extendedDueAtMs === undefined || nowMs >= dueAtMs) throw new RetentionFault('EXTENSION_NOT_POSSIBLE', 'it is extended once, before it is due, where the law knows an extension');
  return [happened('subject-request.extended', { subject, reason, dueAt: iso(extendedDueAtMs) }, { severity: 'notice' })];
}

function alerted({ subject, dueAtMs, kind }: SubjectRequest, { alerts, nowMs }: { readonly alerts: number; readonly nowMs: number }): RequestEvent {
  const isOverdue = nowMs >= dueAtMs;
  return happened('subject-request.alerted', { subject, kind, alerts, dueAt: iso(dueAtMs), isOverdue }, { severity: isOverdue ? 'alert' : 'warning' });
}

function evolve(request: SubjectRequest | undefined, { type, data }: Pick<RequestEvent, 'type' | 'data'>): SubjectRequest | undefined {
  const what = type.slice('retention.'.length);
  if (what === 'subject-request.opened') {
    const { kind, law, subject, isVerified, receivedAt, dueAt, extendedDueAt } = data as { kind: SubjectRequestKind; law: PrivacyLaw; subject: string; isVerified: boolean; receivedAt: string; dueAt: string; extendedDueAt?: string };
    return { kind, law, subject, state: isVerified ? 'working' : 'unverified', receivedAtMs: msOf(receivedAt), dueAtMs: msOf(dueAt), extendedDueAtMs: extendedDueAt === undefined ? undefined : msOf(extendedDueAt), isExtended: false, alerts: 0, isErasing: false };
  }
  if (request === undefined) return undefined;
  switch (what) {
    case 'subject-request.verified':
    case 'subject-request.resumed':
      return { ...request, state: 'working' };
    case 'subject-request.extended':
      return { ...request, isExtended: true, dueAtMs: msOf(data['dueAt']), alerts: 0 };
    case 'subject-request.waiting':
      return { ...request, state: data['state'] as SubjectRequestState, isErasing: false };
    case 'erasure.begun':
      return { ...request, isErasing: true };
    case 'subject-request.prepared':
      return { ...request, state: 'ready' };
    case 'subject-request.alerted':
      return { ...request, alerts: data['alerts'] as number };
    case 'subject-request.withdrawn':
      return { ...request, state: 'withdrawn' };
    case 'subject-request.refused':
      return { ...request, state: 'refused' };
    case 'subject-request.completed':
      return { ...request, state: 'completed' };
    default:
      return request;
  }
}
