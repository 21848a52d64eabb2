import { createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { Admission } from './admission.js';
import { CredentialFault } from './fault.js';
import { formatPasswordRecord, HASH_BYTES, ITERATIONS_MAX, ITERATIONS_MIN, parsePasswordRecord, type PasswordRecord, SALT_BYTES } from './password-record.js';
import { normalisePassword } from './password-text.js';

const pbkdf2InPool = promisify(pbkdf2);

/** Versions of the key that goes over a password before it is hashed; its bytes are not in the database that holds the hashes. */
export interface Peppers {
  readonly active: number;
  /** undefined: no such version. */
  readonly bytesOf: (version: number) => Uint8Array | undefined;
}

export interface HashingOptions {
  readonly iterations: number;
  readonly peppers: Peppers;
  readonly admission: Admission;
}

export interface Verdict {
  readonly isRight: boolean;
  /** Right, and worth hashing anew with what was typed: fewer iterations than now, or an older pepper. */
  readonly needsRehash: boolean;
}

/** What tests exchange; what this package exports has no such door. */
export interface HasherSeams {
  /** Fewest iterations that are accepted. */
  readonly floor: number;
  readonly derive: (password: Buffer, salt: Buffer, iterations: number) => Promise<Buffer>;
}

const REAL: HasherSeams = { floor: ITERATIONS_MIN, derive: (password, salt, iterations) => pbkdf2InPool(password, salt, iterations, HASH_BYTES, 'sha256') };
const WRONG: Verdict = { isRight: false, needsRehash: false };

/** Passwords by PBKDF2-HMAC-SHA-256 (NIST SP 800-132) on threads of libuv's pool, never on the event loop (ADR 0021). */
export class PasswordHasher {
  readonly #decoy: PasswordRecord;

  constructor(
    private readonly options: HashingOptions,
    private readonly seams: HasherSeams = REAL,
  ) {
    const { iterations, peppers } = options;
    const { floor } = seams;
    if (!Number.isInteger(iterations) || iterations < floor || iterations > ITERATIONS_MAX) {
      throw new CredentialFault('PASSWORD_HASH_WEAK', `${iterations} iterations: ${floor} to ${ITERATIONS_MAX} are allowed`);
    }
    this.#decoy = { iterations, pepperVersion: peppers.active, salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES) };
  }

  /**
   * A record to store. The password has passed `admitPassword`.
   * @throws CredentialFault HASHER_OVERLOADED; PASSWORD_NOT_TEXT, PASSWORD_TOO_LONG; PEPPER_UNKNOWN
   */
  async hash(password: string): Promise<string> {
    const normal = normalisePassword(password);
    const record = { iterations: this.options.iterations, pepperVersion: this.options.peppers.active, salt: randomBytes(SALT_BYTES) };
    const hash = await this.options.admission.run(() => this.#derive(normal, record));
    return formatPasswordRecord({ ...record, hash });
  }

  /**
   * `stored` undefined: there is no such account, or it has no password. The same work is done, and the answer is no: whoever measures must not
   * learn which accounts exist.
   * @throws CredentialFault HASHER_OVERLOADED; of the stored text PASSWORD_HASH_MALFORMED, PASSWORD_HASH_WEAK, PEPPER_UNKNOWN
   */
  async verify(password: string, stored: string | undefined): Promise<Verdict> {
    const record = stored === undefined ? this.#decoy : parsePasswordRecord(stored, this.seams.floor);
    const normal = typable(password);
    if (normal === undefined) return WRONG;
    return this.options.admission.run(async () => {
      const isRight = (await this.#matches(normal, record)) && stored !== undefined;
      // An older record is done sooner, and would tell that the account is there.
      const missing = this.options.iterations - record.iterations;
      if (!isRight && missing > 0) await this.#derive(normal, { ...this.#decoy, iterations: missing });
      return { isRight, needsRehash: isRight && this.#isOutdated(record) };
    });
  }

  /** Was the password one of these before? One job, however many: passwords are changed seldom. @throws as `verify` */
  async matchesAny(password: string, stored: readonly string[]): Promise<boolean> {
    const records = stored.map((text) => parsePasswordRecord(text, this.seams.floor));
    const normal = typable(password);
    if (normal === undefined || records.length === 0) return false;
    return this.options.admission.run(async () => {
      for (const record of records) if (await this.#matches(normal, record)) return true;
      return false;
    });
  }

  #isOutdated({ iterations, pepperVersion, salt }: PasswordRecord): boolean {
    return iterations < this.options.iterations || pepperVersion !== this.options.peppers.active || salt.length < SALT_BYTES;
  }

  async #matches(password: string, record: PasswordRecord): Promise<boolean> {
    return timingSafeEqual(await this.#derive(password, record), record.hash);
  }

  async #derive(password: string, { iterations, pepperVersion, salt }: Omit<PasswordRecord, 'hash'>): Promise<Buffer> {
    return this.seams.derive(this.#peppered(password, pepperVersion), salt, iterations);
  }

  #peppered(password: string, version: number | undefined): Buffer {
    if (version === undefined) return Buffer.from(password, 'utf8');
    const pepper = this.options.peppers.bytesOf(version);
    if (pepper === undefined) throw new CredentialFault('PEPPER_UNKNOWN', `no pepper of version ${version}`);
    return createHmac('sha256', pepper).update(password, 'utf8').digest();
  }
}

/** What cannot have been chosen as a password is no match, which depends on what was typed and on nothing that is stored. */
function typable(password: string): string | undefined {
  try {
    return normalisePassword(password);
  } catch (error) {
    if (error instanceof CredentialFault) return undefined;
    throw error;
  }
}
