import { STATUS_CODES } from 'node:http';
import { ChainFault } from '@countersign/chain';
import type { Problem } from '@countersign/contracts';
import { HttpException } from '@nestjs/common';
import { isKeysAway } from '../keys/keys-away.js';
import { ReadFault } from '../store/read-fault.js';
import { EdgeFault } from './edge-fault.js';
import { statusOf, type ProblemCode } from './fault-status.js';

const FASTIFY_CODES: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'MEDIA_TYPE_UNSUPPORTED',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'BODY_MALFORMED',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'BODY_MALFORMED',
  FST_ERR_CTP_INVALID_JSON_BODY: 'BODY_MALFORMED',
  FST_ERR_NOT_FOUND: 'ROUTE_UNKNOWN',
  FST_ERR_BAD_URL: 'REQUEST_INVALID',
  FST_ERR_MAX_PARAM_LENGTH: 'URL_TOO_LONG',
  FST_ERR_HANDLER_TIMEOUT: 'TOOK_TOO_LONG',
};
const STATUS_FALLBACK: Readonly<Record<number, ProblemCode>> = {
  400: 'BODY_MALFORMED',
  404: 'ROUTE_UNKNOWN',
  413: 'BODY_TOO_LARGE',
  414: 'URL_TOO_LONG',
  415: 'MEDIA_TYPE_UNSUPPORTED',
};
const MESSAGES: Partial<Record<ProblemCode, string>> = {
  URL_TOO_LONG: 'the address is too long',
  ROUTE_UNKNOWN: 'there is nothing at this address',
  BODY_TOO_LARGE: 'the body is too large',
  BODY_MALFORMED: 'the body must be JSON',
  MEDIA_TYPE_UNSUPPORTED: 'the body must be application/json',
  REQUEST_INVALID: 'the address is not valid',
  TOOK_TOO_LONG: 'the answer took too long',
  QUERY_TOO_SLOW: 'the query took too long; narrow it',
  STORE_UNAVAILABLE: 'the database cannot be reached',
  KEYS_UNAVAILABLE: 'the key service cannot be reached',
  INTERNAL: 'the ledger failed; its log has the reason under this correlation id',
};

// PostgreSQL's SQLSTATE, or Node's code of a broken connection.
const QUERY_CANCELED = '57014';
const UNAVAILABLE = /^(08...|53...|57P0.|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH)$/;
// Errors of pg and pg-pool that have no code.
const CONNECTION_LOST = /timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|Cannot use a pool after calling end/;

/** Names what went wrong. The message of an unknown error stays in the log: it may quote anything. */
export function faultOf(error: unknown): { code: ProblemCode; detail: string; field?: string } {
  if (error instanceof EdgeFault || error instanceof ReadFault) return { code: error.code, detail: error.message, field: error.field };
  if (error instanceof ChainFault) return { code: error.code, detail: error.message, field: error.detail.field };
  const code = codeOf(error);
  return { code, detail: MESSAGES[code] ?? code };
}

/** The body of an error response (RFC 9457). */
export function problemOf(error: unknown, correlationId: string): Problem {
  const { code, detail, field } = faultOf(error);
  const status = statusOf(code);
  const title = STATUS_CODES[status] ?? 'Error';
  return { type: `urn:countersign:fault:${code}`, title, status, detail, code, field, correlationId };
}

function codeOf(error: unknown): ProblemCode {
  if (isKeysAway(error)) return 'KEYS_UNAVAILABLE';
  if (error instanceof HttpException) return STATUS_FALLBACK[error.getStatus()] ?? 'INTERNAL';
  const { code, statusCode, message } = (error ?? {}) as { code?: unknown; statusCode?: unknown; message?: unknown };
  if (typeof code === 'string') {
    if (FASTIFY_CODES[code] !== undefined) return FASTIFY_CODES[code];
    if (code === QUERY_CANCELED) return 'QUERY_TOO_SLOW';
    if (UNAVAILABLE.test(code)) return 'STORE_UNAVAILABLE';
  }
  if (typeof message === 'string' && CONNECTION_LOST.test(message)) return 'STORE_UNAVAILABLE';
  return typeof statusCode === 'number' ? (STATUS_FALLBACK[statusCode] ?? 'INTERNAL') : 'INTERNAL';
}
