import { secretTokenSchema, type RequestContext } from '@countersign/contracts';
import type { FastifyRequest } from 'fastify';
import { DEVICE_COOKIE, SESSION_COOKIE } from './cookies.js';

const AGENT_CHARS_MAX = 512;

/** Where the request came from, and with which cookies; malformed ones are none. With an API key no cookie counts. */
export function contextOf(request: FastifyRequest, apiKey?: string): RequestContext {
  const token = (name: string): string | undefined => secretTokenSchema.safeParse(request.cookies[name]).data;
  const from = { ip: request.ip, userAgent: printable(request.headers['user-agent'] ?? ''), correlationId: request.id };
  if (apiKey !== undefined) return { ...from, apiKey };
  const session = token(SESSION_COOKIE);
  const device = token(DEVICE_COOKIE);
  return {
    ...from,
    ...(session === undefined ? {} : { session }),
    ...(device === undefined ? {} : { device }),
  };
}

/** Header bytes are Latin-1 to Node; what is no text is kept out of the record. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, AGENT_CHARS_MAX);
}
