import type { PermissionId } from '@countersign/access';
import type { OpenedRequest, RetentionArgs, RetentionResult, SubjectRequestView } from '@countersign/contracts';
import { planErasure } from '@countersign/retention-rules';
import { RetentionFault } from '../domain/retention-fault.js';
import { certificateUrl } from '../files/file-handlers.js';
import type { Flows } from '../parts.js';
import type { Asker, Handlers } from '../request/asker.js';
import { authorise } from '../request/authorise.js';
import { RequestOpen, viewOf, type RequestRow } from '../store/request-rows.js';
import { toldTypes } from './erasure-plan.js';
import { standingHolds } from './let-go.js';
import type { Person } from './person-holders.js';
import { becauseOf } from './because.js';
import { changeRequest } from './request-store.js';
import { requireUnrestricted, restrictionHandlers } from './restrictions.js';

const MINUTE_MS = 60_000;
/** A link to an export is good for so long. */
export const LINK_MS = 10 * MINUTE_MS;

type Kind = SubjectRequestView['kind'];
type Names = 'privacy-show' | 'request-open' | 'request-own-list' | 'request-withdraw' | 'request-link' | 'request-certificate' | 'request-enter' | 'request-list' | 'request-show' | 'request-verify' | 'request-extend' | 'request-complete' | 'request-refuse' | 'restriction-list' | 'restriction-lift' | 'restriction-lift-own';

/** What takes a fresh proof of who asks takes it here too: the permission is a sensitive one. */
const PERMISSION: Readonly<Record<Kind, PermissionId>> = { export: 'personal.export', delete: 'erasure.order', correct: 'user.update', restrict: 'user.update' };

/** What people may have to see to, and then say that it is done: of exports one that is too large for an archive. */
const BY_HAND: ReadonlySet<Kind> = new Set(['correct', 'restrict', 'export']);

export function requestHandlers(flows: Flows): Pick<Handlers, Names> {
  return {
    ...restrictionHandlers(flows, (asker) => self(flows, asker, 'user.update'), (requestId, asker) => answerable(flows, requestId, asker)),
    'privacy-show': async (_args, asker) => {
      const person = self(flows, asker, 'user.read');
      const { types, kinds, keys } = await flows.persons.show(person);
      return { types: toldTypes(types, planErasure(kinds, keys, await standingHolds(flows))), ...(await ownRestriction(flows, person, asker)) };
    },
    'request-open': ({ kind, law, details }, asker) => open(flows, { ...self(flows, asker, PERMISSION[kind]), kind, law, details, isVerified: true, receivedAt: asker.now }, asker),
    'request-own-list': async (_args, asker) => {
      const { tenant, subject } = self(flows, asker, 'user.read');
      return { requests: (await flows.requests.of(tenant, subject)).map((row) => viewOf(row, asker.now)) };
    },
    'request-withdraw': async ({ requestId }, asker) => {
      const row = await own(flows, requestId, asker, 'user.update');
      await changeRequest(flows, row, { type: 'withdraw' }, becauseOf(asker));
      return {};
    },
    'request-link': ({ requestId }, asker) => link(flows, requestId, asker),
    'request-certificate': ({ requestId }, asker) => certificate(flows, requestId, asker),
    'request-enter': (args, asker) => enter(flows, args, asker),
    'request-list': async ({ state, after = '', limit }, asker) => {
      authorise(asker, 'retention.read', {});
      const rows = await flows.requests.page(state === 'open', after, limit + 1);
      const shown = rows.slice(0, limit);
      return { requests: shown.map((row) => viewOf(row, asker.now)), ...(rows.length > limit ? { next: shown.at(-1)!.request_id } : {}) };
    },
    'request-show': async ({ requestId }, asker) => {
      authorise(asker, 'retention.read', {});
      const row = await flows.requests.find(requestId);
      if (row === undefined) throw unknown();
      return viewOf(row, asker.now);
    },
    'request-verify': ({ requestId, how }, asker) => answer(flows, requestId, asker, { type: 'verify', how }),
    'request-extend': ({ requestId, reason }, asker) => answer(flows, requestId, asker, { type: 'extend', reason }),
    'request-complete': ({ requestId, outcome }, asker) => complete(flows, requestId, outcome, asker),
    'request-refuse': ({ requestId, reason }, asker) => answer(flows, requestId, asker, { type: 'refuse', reason, liftsAtMs: asker.now.getTime() + flows.announceMs }),
  };
}

/** Whoever asks, as the subject of his own data. Throws FORBIDDEN, STEP_UP_REQUIRED. */
function self({ tenant }: Flows, asker: Asker, permission: PermissionId): Person {
  if (asker.view.kind !== 'person') throw new RetentionFault('FORBIDDEN', 'no API key does this: sign in');
  authorise(asker, permission, { userId: asker.view.userId });
  return { tenant, subject: asker.view.userId };
}

/** What its subject is told before it is lifted, too. */
async function ownRestriction({ restrictions }: Flows, { tenant, subject }: Person, { now }: Asker): Promise<Pick<RetentionResult<'privacy-show'>, 'isRestricted' | 'restriction'>> {
  const known = await restrictions.find(tenant, subject, now);
  if (known === undefined) return { isRestricted: false };
  const { since, liftsAt, reason } = known;
  return { isRestricted: true, restriction: { since, ...(liftsAt === undefined ? {} : { liftsAt, reason }) } };
}

/** Throws SUBJECT_REQUEST_UNKNOWN, for somebody else's too: nobody is told who has asked. */
async function own(flows: Flows, requestId: string, asker: Asker, permission: PermissionId): Promise<RequestRow> {
  const { tenant, subject } = self(flows, asker, permission);
  const row = await flows.requests.find(requestId);
  if (row === undefined || row.tenant !== tenant || row.subject !== subject) throw unknown();
  return row;
}

const unknown = (): RetentionFault => new RetentionFault('SUBJECT_REQUEST_UNKNOWN', 'there is no such request', { field: 'requestId' });

interface NewRequest extends Person {
  readonly kind: Kind;
  readonly law: SubjectRequestView['law'];
  readonly details: string | undefined;
  readonly isVerified: boolean;
  readonly receivedAt: Date;
}

/** The same that is open already is the same request: its clock goes on, and this is on record as a repetition. */
async function open(flows: Flows, { tenant, subject, kind, law, details, isVerified, receivedAt }: NewRequest, asker: Asker): Promise<OpenedRequest> {
  const { requests, newId, calendar, worker, erasureWaitMs } = flows;
  // Asked again under its Idempotency-Key: the request has the key's name, and is there.
  const { commandId } = asker.command;
  const done = commandId === undefined ? undefined : await requests.find(commandId);
  if (done?.subject === subject && done.kind === kind) return shown(flows, done.request_id, isVerified);
  for (;;) {
    const known = await requests.open(tenant, subject, kind);
    if (known !== undefined) return repeat(flows, known, isVerified, asker);
    const requestId = commandId ?? newId();
    try {
      await changeRequest(flows, { request_id: requestId, tenant }, { type: 'open', kind, law, subject, receivedAtMs: receivedAt.getTime(), isVerified, details, calendar, waitMs: kind === 'delete' ? erasureWaitMs : 0 }, { ...becauseOf(asker), command: {} });
    } catch (error) {
      if (error instanceof RequestOpen) continue;
      throw error;
    }
    worker.wake();
    return shown(flows, requestId, isVerified);
  }
}

/** To the person himself with where the certificate of his erasure will be. */
async function shown(flows: Flows, requestId: string, isOwn: boolean): Promise<OpenedRequest> {
  const { kind, law, received_at, due_at } = (await flows.requests.find(requestId))!;
  const opened = { requestId, kind, law, receivedAt: received_at.toISOString(), dueAt: due_at.toISOString() };
  return isOwn && kind === 'delete' ? { ...opened, certificateUrl: await certificateUrl(flows, requestId, received_at) } : opened;
}

/** Whoever proves who he is verifies what came in his name by another way. */
async function repeat(flows: Flows, row: RequestRow, isVerified: boolean, asker: Asker): Promise<OpenedRequest> {
  await changeRequest(flows, row, repetitionOf(row, isVerified), becauseOf(asker));
  flows.worker.wake();
  return shown(flows, row.request_id, isVerified);
}

/** A deletion that waited for somebody else to be able to administer is tried again. */
function repetitionOf({ kind, state }: RequestRow, isVerified: boolean): Parameters<typeof changeRequest>[2] {
  if (isVerified && state === 'unverified') return { type: 'verify', how: 'signed in, with a fresh proof' };
  return kind === 'delete' && state === 'waiting' ? { type: 'resume' } : { type: 'repeat' };
}

async function enter(flows: Flows, { tenant, subject, kind, law, details, receivedAt }: RetentionArgs<'request-enter'>, asker: Asker): Promise<OpenedRequest> {
  authorise(asker, PERMISSION[kind === 'export' ? 'export' : 'delete'], tenant === flows.tenant ? {} : { organization: tenant });
  if (kind === 'delete') await requireUnrestricted(flows, { tenant, subject }, asker.now);
  return open(flows, { tenant, subject, kind, law, details, isVerified: false, receivedAt: receivedAt === undefined ? asker.now : new Date(receivedAt) }, asker);
}

/** By whoever answers requests: what it is about decides who may. */
async function answer(flows: Flows, requestId: string, asker: Asker, change: Parameters<typeof changeRequest>[2]): Promise<Record<string, never>> {
  await changeRequest(flows, await answerable(flows, requestId, asker), change, becauseOf(asker));
  flows.worker.wake();
  return {};
}

async function answerable(flows: Flows, requestId: string, asker: Asker): Promise<RequestRow> {
  const row = await flows.requests.find(requestId);
  // Whoever may not see any must not learn which there are.
  authorise(asker, row?.kind === 'export' ? 'personal.export' : 'erasure.order', row === undefined || row.tenant === flows.tenant ? {} : { organization: row.tenant });
  if (row === undefined) throw unknown();
  return row;
}

async function complete(flows: Flows, requestId: string, outcome: string, asker: Asker): Promise<Record<string, never>> {
  const row = await answerable(flows, requestId, asker);
  if (row.closed_at === null && (row.state !== 'waiting' || !BY_HAND.has(row.kind))) throw new RetentionFault('SUBJECT_REQUEST_NOT_WAITING', 'nobody has to do anything for it by hand');
  await changeRequest(flows, row, { type: 'complete', outcome: { outcome } }, becauseOf(asker));
  return {};
}

async function link(flows: Flows, requestId: string, asker: Asker): Promise<RetentionResult<'request-link'>> {
  const row = await own(flows, requestId, asker, 'personal.export');
  const file = await flows.files.ofRequest(row.request_id, asker.now);
  if (file === undefined) throw new RetentionFault('EXPORT_NOT_READY', 'there is nothing to be fetched');
  const until = new Date(Math.floor((asker.now.getTime() + LINK_MS) / 1_000) * 1_000);
  const token = await flows.files.link(file.file_id, until);
  await flows.handOuts.issued(file, until, becauseOf(asker));
  return { url: `/v1/files/${token}`, until: until.toISOString(), ...(file.vkey === null ? {} : { vkey: file.vkey }) };
}

async function certificate(flows: Flows, requestId: string, asker: Asker): Promise<RetentionResult<'request-certificate'>> {
  const row = await answerable(flows, requestId, asker);
  if (row.certificate === null || row.vkey === null) throw new RetentionFault('CERTIFICATE_MISSING', 'nothing was erased by this request');
  return { certificate: row.certificate, vkey: row.vkey };
}
