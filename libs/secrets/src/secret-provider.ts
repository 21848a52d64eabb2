import { SecretFault } from './secret-fault.js';

/** What AWS Secrets Manager takes; the others have more room. */
export const SECRET_BYTES_MAX = 65_536;
const LOCATION = /^[A-Za-z0-9][A-Za-z0-9/_+=.@:-]{0,511}$/;
const FIELD_MARK = '#';

export interface SecretReading {
  readonly value: Buffer;
  readonly version?: string;
  readonly changedAtMs?: number;
  /** Something to tell an operator, such as loose permissions. */
  readonly warning?: string;
}

/** Where secrets come from. Nothing is kept here: that is the cache's part. */
export interface SecretProvider {
  readonly name: 'file' | 'aws' | 'vault' | 'env';
  /** Throws SecretFault, whose message need not name the secret. Answers in bounded time. */
  read(location: string): Promise<SecretReading>;
  close(): void;
}

/** `path` or `path#field`. Throws SecretFault SECRET_MALFORMED. */
export function parseLocation(location: string): { readonly path: string; readonly field: string | undefined } {
  const mark = location.indexOf(FIELD_MARK);
  const [path, field] = mark < 0 ? [location, undefined] : [location.slice(0, mark), location.slice(mark + 1)];
  // A path that climbs would be another secret than the one that the policy means.
  if (!LOCATION.test(path) || path.includes('..') || field === '') throw new SecretFault('SECRET_MALFORMED', 'is configured with a name that no provider takes');
  return { path, field };
}

/** The text of one field of an object of texts. Throws SecretFault SECRET_MALFORMED. */
export function fieldOf(object: unknown, field: string): Buffer {
  const value = typeof object === 'object' && object !== null && Object.hasOwn(object, field) ? (object as Record<string, unknown>)[field] : undefined;
  if (typeof value !== 'string') throw new SecretFault('SECRET_MALFORMED', `has no text in the field ${field}`);
  return Buffer.from(value, 'utf8');
}

/** Refuses what cannot be a secret. Throws SecretFault SECRET_TOO_LARGE, SECRET_MALFORMED. */
export function checkReading(reading: SecretReading): SecretReading {
  if (reading.value.length > SECRET_BYTES_MAX) throw new SecretFault('SECRET_TOO_LARGE', `is larger than ${SECRET_BYTES_MAX} bytes`);
  // A rotation that writes before it knows the value leaves this.
  if (reading.value.toString('latin1').trim() === '') throw new SecretFault('SECRET_MALFORMED', 'is empty');
  return reading;
}
