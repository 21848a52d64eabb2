import { FAULTS_OF_KEYS, linkToken, openedRequestSchema, RETENTION_FAULTS_OF_ALL, RETENTION_OPERATIONS, type RetentionArgsInput, type RetentionContext, type SubjectRequestKind } from '@countersign/contracts';
import type { PermissionId } from '@countersign/access';
import type { RetentionClient } from '@countersign/retention-client';
import { z } from 'zod';
import { retentionRoute } from './retention-route.js';
import type { Access, Answer, Call, Route } from './route.js';

/** What is kept of whoever asks, and what he may ask for about it; and how such requests are answered. */

type Operations = typeof RETENTION_OPERATIONS;
const SESSION = { kind: 'session' } as const;
const requestParams = z.strictObject({ requestId: RETENTION_OPERATIONS['request-link'].args.shape.requestId });
const tokenParams = z.strictObject({ token: linkToken });
const { shape: ofOpening } = RETENTION_OPERATIONS['request-open'].args;
const opening = z.strictObject({ law: ofOpening.law, details: ofOpening.details });
const view = { schema: openedRequestSchema, pick: (result: unknown) => result };
const idOf = ({ params }: Call): { requestId: string } => ({ requestId: params['requestId']! });
const over = (permission: PermissionId): Access => ({ kind: 'permission', permission, target: () => ({}) });
const LINK = { kind: 'public', why: 'the link itself is the proof: signed, for one file, for a short time' } as const;

const own = (kind: SubjectRequestKind, path: string, summary: string): Route =>
  retentionRoute('request-open', {
    method: 'POST', path, tag: 'account', limit: 'write', access: SESSION, summary, status: 202,
    body: opening,
    args: ({ body }) => ({ kind, ...(body as Omit<RetentionArgsInput<'request-open'>, 'kind'>) }),
    tell: view,
  });

const answering = <O extends 'request-verify' | 'request-extend' | 'request-complete' | 'request-refuse'>(operation: O, path: string, summary: string): Route => {
  const { requestId: _id, ...rest } = RETENTION_OPERATIONS[operation].args.shape as unknown as { requestId: z.ZodType } & Record<string, z.ZodType>;
  return retentionRoute(operation, {
    method: 'POST', path: `/v1/privacy/requests/:requestId/${path}`, tag: 'admin', limit: 'write', access: SESSION, summary,
    params: requestParams,
    body: z.strictObject(rest),
    args: (call) => ({ ...idOf(call), ...(call.body as object) }) as RetentionArgsInput<O>,
  });
};

const linked = { method: 'GET', tag: 'account', limit: 'guess', access: LINK, params: tokenParams, status: 200, emits: [] } as const;
const fromOf = ({ context: { ip, userAgent, correlationId } }: Call): RetentionContext => ({ ip, userAgent, correlationId });

export const PRIVACY_ROUTES: readonly Route[] = [
  retentionRoute('privacy-show', {
    method: 'GET', path: '/v1/account/privacy', tag: 'account', limit: 'read', access: SESSION,
    summary: 'What is kept about you, what a deletion would do to it, and why some of it stays.',
    args: () => ({}),
    tell: { schema: RETENTION_OPERATIONS['privacy-show'].result, pick: (result) => result },
  }),
  own('export', '/v1/account/privacy/export', 'Ask for everything that is kept about you, as an archive.'),
  own('correct', '/v1/account/privacy/correct', 'Ask for something to be corrected that you cannot change yourself.'),
  own('restrict', '/v1/account/privacy/restrict', 'Ask for your data to be kept and not used.'),
  own('delete', '/v1/account/privacy/delete', 'Delete your account, and everything about you that no law keeps. This cannot be undone.'),
  retentionRoute('request-own-list', {
    method: 'GET', path: '/v1/account/privacy/requests', tag: 'account', limit: 'read', access: SESSION,
    summary: 'What you asked for, how far it is, and until when it must be answered.',
    args: () => ({}),
    tell: { schema: RETENTION_OPERATIONS['request-own-list'].result, pick: (result) => result },
  }),
  retentionRoute('request-withdraw', {
    method: 'POST', path: '/v1/account/privacy/requests/:requestId/withdraw', tag: 'account', limit: 'write', access: SESSION,
    summary: 'Take a request back that is not carried out yet.',
    params: requestParams, args: idOf,
  }),
  retentionRoute('request-link', {
    method: 'POST', path: '/v1/account/privacy/requests/:requestId/link', tag: 'account', limit: 'write', access: SESSION,
    summary: 'A link of minutes to an archive that lies ready.',
    answersSecret: true,
    params: requestParams, args: idOf,
    tell: { schema: RETENTION_OPERATIONS['request-link'].result, pick: (result) => result },
  }),
  retentionRoute('request-list', {
    method: 'GET', path: '/v1/privacy/requests', tag: 'admin', limit: 'read', access: over('retention.read'),
    summary: 'Requests of data subjects, in pages.',
    query: z.strictObject({ state: z.enum(['open', 'closed']).optional(), after: requestParams.shape.requestId.optional() }),
    args: ({ query }) => query as RetentionArgsInput<'request-list'>,
    tell: { schema: RETENTION_OPERATIONS['request-list'].result, pick: (result) => result },
  }),
  retentionRoute('request-show', {
    method: 'GET', path: '/v1/privacy/requests/:requestId', tag: 'admin', limit: 'read', access: over('retention.read'),
    summary: 'A request of a data subject: how far it is, what it waits for, until when it must be answered.',
    params: requestParams, args: idOf,
    tell: { schema: RETENTION_OPERATIONS['request-show'].result, pick: (result) => result },
  }),
  retentionRoute('request-enter', {
    method: 'POST', path: '/v1/privacy/requests', tag: 'admin', limit: 'write', access: SESSION, status: 201,
    summary: 'Enter a request that came in by another way; it waits until somebody is sure who asked.',
    body: RETENTION_OPERATIONS['request-enter'].args,
    args: ({ body }) => body as z.input<Operations['request-enter']['args']>,
    tell: view,
  }),
  retentionRoute('restriction-list', {
    method: 'GET', path: '/v1/privacy/restrictions', tag: 'admin', limit: 'read', access: over('retention.read'),
    summary: 'Whose data is kept and not used, in pages: whatever uses it leaves these out.',
    query: z.strictObject({ after: requestParams.shape.requestId.optional() }),
    args: ({ query }) => query as RetentionArgsInput<'restriction-list'>,
    tell: { schema: RETENTION_OPERATIONS['restriction-list'].result, pick: (result) => result },
  }),
  retentionRoute('restriction-lift', {
    method: 'POST', path: '/v1/privacy/requests/:requestId/lift', tag: 'admin', limit: 'write', access: SESSION,
    summary: 'Lift a restriction: after the time of announcement, in which its subject is shown that and why.',
    params: requestParams,
    body: z.strictObject({ reason: RETENTION_OPERATIONS['restriction-lift'].args.shape.reason }),
    args: (call) => ({ ...idOf(call), ...(call.body as { reason: string }) }),
    tell: { schema: RETENTION_OPERATIONS['restriction-lift'].result, pick: (result) => result },
  }),
  retentionRoute('restriction-lift-own', {
    method: 'POST', path: '/v1/account/privacy/restriction/lift', tag: 'account', limit: 'write', access: SESSION,
    summary: 'Your data need not be kept any more, and may be used again.',
    args: () => ({}),
    tell: { schema: RETENTION_OPERATIONS['restriction-lift-own'].result, pick: (result) => result },
  }),
  answering('request-verify', 'verify', 'You are sure who asked: it is carried out.'),
  answering('request-extend', 'extend', 'Extend the time once, before it is due.'),
  answering('request-complete', 'complete', 'What somebody had to do by hand is done.'),
  answering('request-refuse', 'refuse', 'Refuse a request, with the reason.'),
  {
    ...linked, path: '/v1/files/:token', summary: 'An archive, by its link.', answerType: 'application/zip',
    faults: [...RETENTION_FAULTS_OF_ALL, ...FAULTS_OF_KEYS, 'FILE_LINK_INVALID', 'FILE_LINK_EXPIRED', 'FILE_MISSING'],
    handle: (call, { retention }) => download(retention, call.params['token']!, fromOf(call)),
  },
  {
    ...linked, path: '/v1/certificates/:token', summary: 'The certificate of an erasure, by its link.', answer: RETENTION_OPERATIONS['certificate-read'].result,
    faults: [...RETENTION_FAULTS_OF_ALL, ...FAULTS_OF_KEYS, 'FILE_LINK_INVALID', 'FILE_LINK_EXPIRED', 'CERTIFICATE_MISSING'],
    handle: async (call, { retention }) => ({ body: await retention.ask('certificate-read', fromOf(call), { token: call.params['token']! }) }),
  },
];

/** Chunk by chunk, as fast as the asker takes them; the first one before anything is answered, so that refusals are answered as such. */
async function download(retention: Pick<RetentionClient, 'ask'>, token: string, from: RetentionContext): Promise<Answer> {
  const first = await retention.ask('file-read', from, { token, chunk: 0 });
  let next = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { bytes } = next === 0 ? first : await retention.ask('file-read', from, { token, chunk: next });
      controller.enqueue(Buffer.from(bytes, 'base64'));
      next += 1;
      if (next >= first.chunks) controller.close();
    },
  });
  const headers = { 'cache-control': 'no-store', 'content-disposition': `attachment; filename="${first.name}"`, 'content-length': String(first.size) };
  return { stream: { type: 'application/zip', body, headers } };
}
