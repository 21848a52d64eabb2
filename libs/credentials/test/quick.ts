import { pbkdf2Sync } from 'node:crypto';
import { Admission } from '../src/admission.js';
import { type HasherSeams, PasswordHasher, type Peppers } from '../src/password-hasher.js';

/** Hashing with so few iterations that tests are quick, through the door that the package does not export. */

export const admission = (concurrency = 2, queueMax = 32): Admission => new Admission({ concurrency, queueMax, clock: () => performance.now() });

export const peppersOf = (active: number, ...versions: readonly number[]): Peppers => ({
  active,
  bytesOf: (version) => (version === active || versions.includes(version) ? new Uint8Array(32).fill(version) : undefined),
});

/** Counts what it is asked to do, and does it. */
export function countingSeams(): HasherSeams & { iterations: number } {
  return {
    floor: 1,
    iterations: 0,
    derive(password, salt, iterations) {
      this.iterations += iterations;
      return Promise.resolve(pbkdf2Sync(password, salt, iterations, 32, 'sha256'));
    },
  };
}

export const quickHasher = (iterations: number, peppers: Peppers, seams: HasherSeams = countingSeams()): PasswordHasher =>
  new PasswordHasher({ iterations, peppers, admission: admission() }, seams);
