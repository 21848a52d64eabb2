import { hash, randomBytes } from 'node:crypto';
import { decodeStrictly } from './base64.js';
import { CredentialFault } from './fault.js';

const TOKEN_BYTES = 32;
const TOKEN_CHARS = 43;

/** What the cookie holds (`token`, base64url of 32 random bytes) and what is stored of it (`digest`). */
export interface SessionToken {
  readonly token: string;
  readonly digest: string;
}

export function newSessionToken(): SessionToken {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  return { token, digest: sessionDigest(token) };
}

/**
 * SHA-256 of the 32 bytes, base64url, by which a session is found. No salt and no stretching: nobody guesses 256 bits.
 * @throws CredentialFault SESSION_TOKEN_MALFORMED
 */
export function sessionDigest(token: string): string {
  const bytes = token.length === TOKEN_CHARS ? decodeStrictly(token, 'base64url') : undefined;
  if (bytes === undefined) throw new CredentialFault('SESSION_TOKEN_MALFORMED', `a session token is ${TOKEN_BYTES} bytes in base64url`);
  return hash('sha256', bytes, 'base64url');
}
