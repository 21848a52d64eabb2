import { isIP } from 'node:net';
import { DatabaseRefused } from './database-refused.js';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * A connection over a network is encrypted, and proves by its certificate that it ends at the server of that name, or its URL
 * says on purpose that it does not (`sslmode=disable`, where no network lies between). What `pg` makes of other modes depends
 * on its version and on other parameters, so there are no others.
 * @throws {DatabaseRefused} DATABASE_NOT_ENCRYPTED, DATABASE_NOT_VERIFIED
 */
export function requireEncryption(url: string): void {
  // What is no URL is the driver's to refuse.
  if (!URL.canParse(url)) return;
  const { hostname, searchParams } = new URL(url);
  const mode = searchParams.get('sslmode');
  if (mode === 'disable') return;
  const host = searchParams.get('host') ?? hostname;
  const isLocal = host === '' || host.startsWith('/') || LOOPBACK.test(host);
  if (mode === null && isLocal && !searchParams.has('ssl')) return;
  if (mode === null && !searchParams.has('ssl')) throw new DatabaseRefused('DATABASE_NOT_ENCRYPTED', `the connection URL to ${host} has no sslmode: verify-full, or on purpose disable`);
  if (mode !== 'verify-full') throw new DatabaseRefused('DATABASE_NOT_VERIFIED', `the connection URL to ${host} would not prove whose server it is: sslmode=verify-full does`);
  // Node compares a certificate with names only: with an address it would look for "localhost".
  if (isIP(host.replace(/^\[|\]$/g, '')) !== 0) throw new DatabaseRefused('DATABASE_NOT_VERIFIED', `sslmode=verify-full compares names, and ${host} is an address`);
}

/** The driver's error, or a code where it has none. What a certificate is refused for has one of Node's. */
export function encryptionFault(error: Error): Error {
  return error.message === 'The server does not support SSL connections' ? new DatabaseRefused('DATABASE_NOT_ENCRYPTED', 'the server of the connection URL does not speak TLS') : error;
}
