import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import type pg from 'pg';

const SCRAM_ITERATIONS = 4096;

/**
 * PostgreSQL's stored form of a SCRAM-SHA-256 password (RFC 5803), made here so that the password itself never
 * appears in a statement, which the server may log.
 */
export function scramVerifier(password: string, salt: Uint8Array): string {
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, SCRAM_ITERATIONS, 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  const storedKey = createHash('sha256').update(clientKey).digest('base64');
  const serverKey = createHmac('sha256', salted).update('Server Key').digest('base64');
  return `SCRAM-SHA-256$${String(SCRAM_ITERATIONS)}:${Buffer.from(salt).toString('base64')}$${storedKey}:${serverKey}`;
}

export interface RoleOptions {
  readonly name: string;
  /** Without a password the role cannot log in. */
  readonly password?: string;
  /** `CONNECTION LIMIT`; default none. */
  readonly connectionLimit?: number;
}

// Two instances may make the same role at once; both errors mean that the other one won.
const ALREADY_THERE = new Set(['42710', '23505']);

/**
 * Makes the role if it is not there, and sets its password and rights in any case: never superuser, no right to make
 * databases or roles, no replication, no bypass of row security.
 */
export async function ensureRole(client: pg.ClientBase, options: RoleOptions): Promise<void> {
  const name = client.escapeIdentifier(options.name);
  try {
    const known = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [options.name]);
    if (known.rowCount === 0) await client.query(`CREATE ROLE ${name}`);
  } catch (error) {
    if (!ALREADY_THERE.has((error as { code?: string }).code ?? '')) throw error;
  }
  const login = options.password === undefined ? 'NOLOGIN PASSWORD NULL' : `LOGIN PASSWORD ${client.escapeLiteral(scramVerifier(options.password, randomBytes(16)))}`;
  const limit = String(options.connectionLimit ?? -1);
  await client.query(`ALTER ROLE ${name} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS CONNECTION LIMIT ${limit} ${login}`);
}

/** The same for a role that copies the whole server, and may do nothing else in it. */
export async function ensureReplicationRole(client: pg.ClientBase, options: RoleOptions & { readonly password: string }): Promise<void> {
  await ensureRole(client, options);
  await client.query(`ALTER ROLE ${client.escapeIdentifier(options.name)} REPLICATION`);
}

/** Makes the database if it is not there, owned by `owner` when given. Not inside a transaction. */
export async function ensureDatabase(client: pg.ClientBase, name: string, owner?: string): Promise<void> {
  const known = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
  if (known.rowCount !== 0) return;
  try {
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}${owner === undefined ? '' : ` OWNER ${client.escapeIdentifier(owner)}`}`);
  } catch (error) {
    if ((error as { code?: string }).code !== '42P04') throw error;
  }
}
