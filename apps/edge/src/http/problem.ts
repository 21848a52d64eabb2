import { STATUS_CODES } from 'node:http';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { IdentityClientError } from '@countersign/identity-client';
import { RetentionClientError } from '@countersign/retention-client';
import { LedgerRefusal } from '../upstream/ledger-client.js';
import { EdgeFault, type EdgeFaultCode } from './edge-fault.js';
import { retryAfterSeconds, statusOf, type ProblemCode } from './fault-status.js';

/** The body of an error response (RFC 9457). */
export const problemSchema = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  /** Stable: clients match on it. */
  code: z.string(),
  field: z.string().optional(),
  correlationId: z.string(),
});
export type Problem = z.output<typeof problemSchema>;

interface Fault {
  readonly code: string;
  readonly status: number;
  readonly detail: string;
  readonly field?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

const FASTIFY_CODES: Readonly<Record<string, EdgeFaultCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'MEDIA_TYPE_UNSUPPORTED',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'BODY_MALFORMED',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'BODY_MALFORMED',
  FST_ERR_CTP_INVALID_JSON_BODY: 'BODY_MALFORMED',
  FST_ERR_BAD_URL: 'REQUEST_INVALID',
  FST_ERR_MAX_PARAM_LENGTH: 'URL_TOO_LONG',
};
const MESSAGES: Partial<Record<EdgeFaultCode, string>> = {
  BODY_TOO_LARGE: 'the body is too large',
  MEDIA_TYPE_UNSUPPORTED: 'this route takes no body of this type',
  BODY_MALFORMED: 'the body must be JSON',
  REQUEST_INVALID: 'the address is not valid',
  URL_TOO_LONG: 'the address is too long',
  INTERNAL: 'the edge failed; its log has the reason under this correlation id',
};

function faultOf(error: unknown): Fault {
  if (error instanceof LedgerRefusal) return { ...error.problem };
  if (error instanceof EdgeFault || error instanceof IdentityClientError || error instanceof RetentionClientError) {
    const { code, message, detail } = error;
    const seconds = detail.retryAfterMs === undefined ? retryAfterSeconds(code) : Math.ceil(detail.retryAfterMs / 1_000);
    return { code, status: statusOf(code), detail: message, field: detail.field, retryAfterSeconds: seconds };
  }
  const code = codeOf(error);
  return { code, status: statusOf(code), detail: MESSAGES[code] ?? code };
}

function codeOf(error: unknown): EdgeFaultCode {
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown };
  if (typeof code === 'string' && FASTIFY_CODES[code] !== undefined) return FASTIFY_CODES[code];
  // A body that Fastify's own parser refused, for a reason without a code: poisoned prototypes above all.
  return statusCode === 400 ? 'BODY_MALFORMED' : 'INTERNAL';
}

/** Whether an error leaves open if something was done: whoever asked may have been too slow to hear of it. */
export const isOutcomeOpen = (error: unknown): boolean => faultOf(error).status >= 500 && !isUnsent(error);

/** A message that was refused by whoever was to send it: nothing is under way. */
const isUnsent = (error: unknown): boolean => error instanceof IdentityClientError && error.code === 'SMS_UNSENT';

/** Identity has carried out the command before, and what it told was told once. */
export const isCommandDone = (error: unknown): boolean => (error instanceof IdentityClientError || error instanceof RetentionClientError) && error.code === 'COMMAND_DONE';

/** Answers the error. The message of an unknown one stays in the log: it may quote anything. Returns the status. */
export function sendProblem(reply: FastifyReply, error: unknown, correlationId: string): { readonly status: number; readonly code: string } {
  const { code, status, detail, field, retryAfterSeconds: seconds } = faultOf(error);
  const problem: Problem = {
    type: `urn:countersign:fault:${code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail,
    code,
    ...(field === undefined ? {} : { field }),
    correlationId,
  };
  if (seconds !== undefined) reply.header('retry-after', String(seconds));
  // RFC 9110 §15.5.2. Cookies have no scheme.
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="countersign"');
  reply.header('cache-control', 'no-store').status(status).type('application/problem+json').send(JSON.stringify(problem));
  return { status, code };
}

export type { ProblemCode };
