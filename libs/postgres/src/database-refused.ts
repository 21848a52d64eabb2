export type DatabaseFault =
  | 'DATABASE_TOO_OLD'
  | 'CHECKSUMS_OFF'
  | 'NOT_DURABLE'
  | 'ROLE_TOO_STRONG'
  | 'DATABASE_NOT_ENCRYPTED'
  | 'DATABASE_NOT_VERIFIED'
  | 'DATABASE_NOT_STAMPED'
  | 'DATABASE_OF_ANOTHER_DEPLOYMENT'
  | 'DATABASE_OF_ANOTHER_SERVICE';

/** A server, a database or a role in it, that a service does not run on. Waiting mends nothing. */
export class DatabaseRefused extends Error {
  constructor(readonly code: DatabaseFault, message: string) {
    super(`${code}: ${message}`);
    this.name = 'DatabaseRefused';
  }
}
