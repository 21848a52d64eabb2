import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { decodeStrictly } from './base64.js';

const MAC_LABEL = 'countersign.csrf.v1';
const NONCE_BYTES = 16;
const MAC_BYTES = 32;
const TOKEN_CHARS_MAX = 128;

/**
 * `<HMAC-SHA-256>.<nonce>`, base64url each: the signed double submit cookie, bound to the session (OWASP Cross-Site Request Forgery Prevention Cheat
 * Sheet). Whoever can set a cookie from a neighbouring domain cannot make one for somebody's session. The nonce lets each answer carry another text
 * (BREACH).
 */
export function csrfToken(key: Uint8Array, sessionId: string, nonce: Uint8Array = randomBytes(NONCE_BYTES)): string {
  return `${macOf(key, sessionId, nonce).toString('base64url')}.${Buffer.from(nonce).toString('base64url')}`;
}

/** Was this token made for this session, under this key? Anything else is no. */
export function verifyCsrfToken(key: Uint8Array, sessionId: string, token: string): boolean {
  if (token.length > TOKEN_CHARS_MAX) return false;
  const [mac, nonce, ...rest] = token.split('.').map((part) => decodeStrictly(part, 'base64url'));
  if (mac?.length !== MAC_BYTES || nonce?.length !== NONCE_BYTES || rest.length > 0) return false;
  return timingSafeEqual(mac, macOf(key, sessionId, nonce));
}

/** Lengths stand before what they measure, so that no other session and nonce make the same bytes. */
function macOf(key: Uint8Array, sessionId: string, nonce: Uint8Array): Buffer {
  const head = `${MAC_LABEL}\n${Buffer.byteLength(sessionId)}!${sessionId}!${nonce.length}!`;
  return createHmac('sha256', key).update(head).update(nonce).digest();
}
