import { randomBytes } from 'node:crypto';
import { generateSync, generateURI, ScureBase32Plugin, verifySync } from 'otplib';
import { CredentialFault } from './fault.js';

/** RFC 4226 §4 R6: 160 bits. */
export const TOTP_SECRET_BYTES = 20;
export const TOTP_STEP_SECONDS = 30;
/** Clocks of phones: one step to either side (RFC 6238 §5.2). */
const TOLERANCE_SECONDS = TOTP_STEP_SECONDS;
const CODE = /^\d{6}$/;
const base32 = new ScureBase32Plugin();

export const newTotpSecret = (): Buffer => randomBytes(TOTP_SECRET_BYTES);

/** As it is typed into an app when no picture can be taken: base32 without padding (RFC 4648 §6). */
export const totpSecretText = (secret: Uint8Array): string => base32.encode(admitSecret(secret), { padding: false });

/** What was typed. @throws CredentialFault TOTP_SECRET_MALFORMED */
export function totpSecretFrom(text: string): Uint8Array {
  try {
    return admitSecret(base32.decode(text));
  } catch {
    throw new CredentialFault('TOTP_SECRET_MALFORMED', 'a TOTP secret is 32 characters of base32');
  }
}

/** `otpauth://totp/…`, for a QR code. It holds the secret. */
export function totpUri(secret: Uint8Array, { issuer, account }: { readonly issuer: string; readonly account: string }): string {
  return generateURI({ issuer, label: account, secret: totpSecretText(secret), period: TOTP_STEP_SECONDS, digits: 6, algorithm: 'sha1' });
}

/**
 * - `accepted`: keep `step`, and pass it as `lastStep` from now on, in one transaction with what was let in
 * - `replayed`: right, but this code, or a later one, was used (RFC 6238 §5.2: once only)
 */
export type TotpVerdict = { readonly verdict: 'accepted' | 'replayed'; readonly step: number } | { readonly verdict: 'wrong' };

/** `lastStep`: the last one accepted, of enrolment too. @throws CredentialFault TOTP_SECRET_MALFORMED */
export function verifyTotp(secret: Uint8Array, code: string, nowMs: number, lastStep: number | undefined): TotpVerdict {
  admitSecret(secret);
  if (!CODE.test(code)) return { verdict: 'wrong' };
  const epoch = Math.floor(nowMs / 1000);
  const found = verifySync({ secret, token: code, epoch, epochTolerance: TOLERANCE_SECONDS, period: TOTP_STEP_SECONDS, strategy: 'totp' });
  if (!found.valid || !('timeStep' in found)) return { verdict: 'wrong' };
  const step = found.timeStep;
  return { verdict: lastStep !== undefined && step <= lastStep ? 'replayed' : 'accepted', step };
}

/** The code of a moment: for command lines and tests; services only verify. */
export const totpCode = (secret: Uint8Array, atMs: number): string =>
  generateSync({ secret: admitSecret(secret), epoch: Math.floor(atMs / 1000), period: TOTP_STEP_SECONDS, strategy: 'totp' });

function admitSecret(secret: Uint8Array): Uint8Array {
  if (secret.length !== TOTP_SECRET_BYTES) throw new CredentialFault('TOTP_SECRET_MALFORMED', `a TOTP secret has ${TOTP_SECRET_BYTES} bytes`);
  return secret;
}
