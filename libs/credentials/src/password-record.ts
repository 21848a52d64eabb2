import { decodeStrictly, encodeUnpadded } from './base64.js';
import { CredentialFault } from './fault.js';

/** Never fewer, whoever asks (requirement I1). OWASP's password storage cheat sheet recommends 600,000 for PBKDF2-HMAC-SHA256. */
export const ITERATIONS_MIN = 200_000;
export const ITERATIONS_DEFAULT = 600_000;
/** A planted record must not keep a core busy for minutes. */
export const ITERATIONS_MAX = 10_000_000;
export const PEPPER_VERSION_MAX = 2 ** 31 - 1;
/** NIST SP 800-63B-4 §3.1.1.2 asks for 32 bits of salt at least; 128 never meet. */
export const SALT_BYTES = 16;
/** One block of PBKDF2-SHA-256: more costs us twice and whoever guesses once. */
export const HASH_BYTES = 32;
const SALT_BYTES_MAX = 64;
const RECORD_CHARS_MAX = 256;

/** What is kept of a password. */
export interface PasswordRecord {
  readonly iterations: number;
  /** Of the pepper that went over the password first; undefined: none did, as in imported records. */
  readonly pepperVersion: number | undefined;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** `$pbkdf2-sha256$i=600000,p=1$<salt>$<hash>`, base64 without padding (PHC string format). */
export function formatPasswordRecord({ iterations, pepperVersion, salt, hash }: PasswordRecord): string {
  const pepper = pepperVersion === undefined ? '' : `,p=${pepperVersion}`;
  return `$pbkdf2-sha256$i=${iterations}${pepper}$${encodeUnpadded(salt, 'base64')}$${encodeUnpadded(hash, 'base64')}`;
}

const RECORD = /^\$pbkdf2-sha256\$i=([1-9][0-9]{0,9})(?:,p=([1-9][0-9]{0,9}))?\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** @throws CredentialFault PASSWORD_HASH_MALFORMED; PASSWORD_HASH_WEAK below `floor` iterations */
export function parsePasswordRecord(text: string, floor: number = ITERATIONS_MIN): PasswordRecord {
  const malformed = (what: string): CredentialFault => new CredentialFault('PASSWORD_HASH_MALFORMED', `a stored password hash ${what}`);
  const [, i = '', p, saltText = '', hashText = ''] = RECORD.exec(text.slice(0, RECORD_CHARS_MAX + 1)) ?? [];
  if (i === '' || text.length > RECORD_CHARS_MAX) throw malformed('is not $pbkdf2-sha256$i=…,p=…$salt$hash');
  const [salt, hash] = [decodeStrictly(saltText, 'base64'), decodeStrictly(hashText, 'base64')];
  if (salt === undefined || salt.length > SALT_BYTES_MAX || hash?.length !== HASH_BYTES) throw malformed('has a salt or a hash of the wrong size or form');
  const [iterations, pepperVersion] = [Number(i), p === undefined ? undefined : Number(p)];
  if (iterations > ITERATIONS_MAX) throw malformed(`has more than ${ITERATIONS_MAX} iterations`);
  if ((pepperVersion ?? 0) > PEPPER_VERSION_MAX) throw malformed('has a pepper version beyond all');
  if (iterations < floor) throw new CredentialFault('PASSWORD_HASH_WEAK', `a stored password hash has ${iterations} iterations, ${floor} is the least`);
  return { iterations, pepperVersion, salt, hash };
}
