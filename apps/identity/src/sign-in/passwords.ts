import { admitPassword, hashingAdmission, passwordHasher, type LeakCheck, type LeakVerdict, type PasswordHasher, type Verdict } from '@countersign/credentials';
import { IdentityFault } from '../domain/identity-fault.js';
import type { IndexKeys } from '../keys/index-keys.js';

const SERVICE_NAME = 'countersign';
const AWAY_MS = 60_000;

export interface PasswordsOptions {
  readonly keys: IndexKeys;
  readonly iterations: number;
  readonly admission: ReturnType<typeof hashingAdmission>;
  /** `unknown` lets the password pass: whoever asks is not kept out because a third party is away. */
  readonly leakCheck: LeakCheck;
}

/** Passwords under the peppers of the key service: without it, and after its leases, nobody's password is verified. */
export class Passwords {
  #hasher: { readonly active: number; readonly hasher: PasswordHasher } | undefined;
  #awayUntilMs = 0;
  readonly #bytes = new Map<number, Buffer>();

  constructor(private readonly options: PasswordsOptions) {}

  /** Refuses what no password may be. True: in no list of stolen ones; false: nobody could be asked. Throws CredentialFault PASSWORD_*, IdentityFault PASSWORD_LEAKED. */
  async admit(password: string, expected: readonly string[]): Promise<boolean> {
    admitPassword(password, [...expected, SERVICE_NAME]);
    const verdict = await this.options.leakCheck(password);
    if (verdict === 'leaked') throw new IdentityFault('PASSWORD_LEAKED', 'the password is in a list of stolen ones', { field: 'password' });
    return verdict === 'clean';
  }

  /** Looks a password up again. While nobody answers, whoever signs in does not wait for it each time. */
  async lookUp(password: string, now: Date): Promise<LeakVerdict> {
    if (now.getTime() < this.#awayUntilMs) return 'unknown';
    const verdict = await this.options.leakCheck(password);
    if (verdict === 'unknown') this.#awayUntilMs = now.getTime() + AWAY_MS;
    return verdict;
  }

  /** Throws KeyClientError, CredentialFault HASHER_OVERLOADED. */
  async hash(password: string): Promise<string> {
    return (await this.#ready()).hash(password);
  }

  /** `stored` undefined costs the same and is wrong. Throws KeyClientError, CredentialFault HASHER_OVERLOADED. */
  async verify(password: string, stored: string | undefined): Promise<Verdict> {
    return (await this.#ready()).verify(password, stored);
  }

  async matchesAny(password: string, stored: readonly string[]): Promise<boolean> {
    return (await this.#ready()).matchesAny(password, stored);
  }

  async #ready(): Promise<PasswordHasher> {
    const { keys, iterations, admission } = this.options;
    const { version: active, bytes } = await keys.pepper();
    this.#bytes.set(active, bytes);
    for (let version = 1; version < active; version++) this.#bytes.set(version, (await keys.pepper(version)).bytes);
    if (this.#hasher?.active !== active) {
      this.#hasher = { active, hasher: passwordHasher({ iterations, admission, peppers: { active, bytesOf: (version) => this.#bytes.get(version) } }) };
    }
    return this.#hasher.hasher;
  }
}
