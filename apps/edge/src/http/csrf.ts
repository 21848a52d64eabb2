import { csrfToken, verifyCsrfToken } from '@countersign/credentials';
import { EdgeFault } from './edge-fault.js';

/** Sent back by pages in this header; a form of another site cannot set one. */
export const CSRF_HEADER = 'x-csrf-token';

/** What the key is used for, besides naming its session. */
const PURPOSE = 'edge.csrf';
const keyOf = (sessionToken: string): Buffer => Buffer.from(sessionToken, 'base64url');

interface Headers {
  readonly [name: string]: string | string[] | undefined;
}

/**
 * Token of the double submit, bound to its session. The key is the session's own token, which scripts cannot read: whoever
 * plants a cookie cannot compute what belongs to it, and edges share no secret for it.
 */
export function csrfTokenOf(sessionToken: string): string {
  return csrfToken(keyOf(sessionToken), PURPOSE);
}

/** Throws EdgeFault ORIGIN_FORBIDDEN, CSRF_TOKEN_INVALID. Every mutation that a cookie authenticates goes through here. */
export function requireOwnPage(headers: Headers, sessionToken: string, csrfCookie: string | undefined, publicOrigin: string): void {
  requireOwnOrigin(headers, publicOrigin);
  const given = headers[CSRF_HEADER];
  const isRight = typeof given === 'string' && given === csrfCookie && verifyCsrfToken(keyOf(sessionToken), PURPOSE, given);
  if (!isRight) throw new EdgeFault('CSRF_TOKEN_INVALID', `send the cookie's token in the header ${CSRF_HEADER}`);
}

/** Fetch Metadata where the browser sends it, else Origin; programs send neither. Throws EdgeFault ORIGIN_FORBIDDEN. */
export function requireOwnOrigin(headers: Headers, publicOrigin: string): void {
  const site = headers['sec-fetch-site'];
  const origin = headers['origin'];
  const isForeign = (site !== undefined && site !== 'same-origin') || (origin !== undefined && origin !== publicOrigin);
  if (isForeign) throw new EdgeFault('ORIGIN_FORBIDDEN', 'pages of other sites may not do this');
}
