import { availableParallelism } from 'node:os';
import { Admission } from './admission.js';
import { BackupCodes } from './backup-codes.js';
import { type HashingOptions, PasswordHasher } from './password-hasher.js';
import { ITERATIONS_DEFAULT } from './password-record.js';

export type { Admission } from './admission.js';
export { type ApiKey, apiKeyMac, type MacKey, newApiKey, parseApiKey, verifyApiKey } from './api-key.js';
export { BACKUP_CODES, type BackupCodes, type BackupCodeVerdict, type StoredBackupCode } from './backup-codes.js';
export { csrfToken, verifyCsrfToken } from './csrf-token.js';
export { CREDENTIAL_FAULT_CODES, CredentialFault, type CredentialFaultCode } from './fault.js';
export { anyLeakCheck, type LeakCheck, type LeakVerdict, rangeApiLeakCheck, type RangeApiOptions } from './leak-check.js';
export { LeakCorpus } from './leak-corpus.js';
export type { HashingOptions, PasswordHasher, Peppers, Verdict } from './password-hasher.js';
export { ITERATIONS_DEFAULT, ITERATIONS_MAX, ITERATIONS_MIN } from './password-record.js';
export { admitPassword, PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN } from './password-text.js';
export { newSessionToken, sessionDigest, type SessionToken } from './session-token.js';
export { newTotpSecret, TOTP_SECRET_BYTES, TOTP_STEP_SECONDS, totpCode, totpSecretFrom, totpSecretText, totpUri, type TotpVerdict, verifyTotp } from './totp.js';

/** Passwords that wait for a core: at some 140 ms each the last of them waits two seconds on two cores. */
const QUEUE_MAX = 32;
/** libuv's pool has four threads unless UV_THREADPOOL_SIZE says otherwise; one is left for files and DNS. */
const POOL_THREADS = 4;

/** One for the whole process, shared by passwords and backup codes. `concurrency`: by default the cores, up to three of libuv's four threads. */
export function hashingAdmission({ concurrency, queueMax = QUEUE_MAX }: { readonly concurrency?: number; readonly queueMax?: number } = {}): Admission {
  const threads = Number(process.env['UV_THREADPOOL_SIZE'] ?? POOL_THREADS);
  const free = Math.max(1, Math.min(availableParallelism(), threads - 1));
  return new Admission({ concurrency: concurrency ?? free, queueMax, clock: () => performance.now() });
}

/** @throws CredentialFault PASSWORD_HASH_WEAK for fewer than ITERATIONS_MIN iterations; PEPPER_UNKNOWN when there is no active pepper */
export function passwordHasher({ iterations = ITERATIONS_DEFAULT, ...rest }: Omit<HashingOptions, 'iterations'> & { readonly iterations?: number }): PasswordHasher {
  return new PasswordHasher({ iterations, ...rest });
}

export const backupCodes = (admission: Admission): BackupCodes => new BackupCodes(admission);
