import type { StartedSession } from '@countersign/contracts';
import type { CookieSerializeOptions } from '@fastify/cookie';
import type { FastifyReply } from 'fastify';
import { csrfTokenOf } from './csrf.js';

/**
 * `__Host-`: only over HTTPS, only from this host, for every path (RFC 6265bis §4.1.3.2), so that no neighbouring host can
 * plant one.
 */
export const SESSION_COOKIE = '__Host-session';
export const CSRF_COOKIE = '__Host-csrf';
export const DEVICE_COOKIE = '__Host-device';

const HARD_CAP_SECONDS = 90 * 86_400;
const DEVICE_SECONDS = 400 * 86_400;
const SHARED = { path: '/', secure: true, sameSite: 'strict' } as const satisfies CookieSerializeOptions;

/** Identity ends the session; the cookie only must not end before it. */
export function setSessionCookies(reply: FastifyReply, { token, device }: Pick<StartedSession, 'token' | 'device'>): void {
  reply.setCookie(SESSION_COOKIE, token, { ...SHARED, httpOnly: true, maxAge: HARD_CAP_SECONDS });
  // For scripts of our own pages, which send it back in a header.
  reply.setCookie(CSRF_COOKIE, csrfTokenOf(token), { ...SHARED, maxAge: HARD_CAP_SECONDS });
  if (device !== undefined) reply.setCookie(DEVICE_COOKIE, device, { ...SHARED, httpOnly: true, maxAge: DEVICE_SECONDS });
}

export function clearSessionCookies(reply: FastifyReply): void {
  reply.clearCookie(SESSION_COOKIE, { ...SHARED, httpOnly: true });
  reply.clearCookie(CSRF_COOKIE, SHARED);
}
