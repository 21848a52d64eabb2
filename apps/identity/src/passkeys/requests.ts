import type { PasskeyCreation, PasskeyRequest } from '@countersign/contracts';
import { newSessionToken } from '@countersign/credentials';
import { PASSKEY_CHALLENGE_MS, type PasskeyPurpose, type PasskeyRow, type PasskeyRows } from '../store/passkey-rows.js';
import { challengeHash, PASSKEY_ALGORITHMS, type RelyingParty } from './ceremony.js';

type Known = Pick<PasskeyRow, 'credential_id' | 'transports'>;
const described = ({ credential_id, transports }: Known) => ({ type: 'public-key' as const, id: credential_id, transports: [...transports] });

/** 32 random bytes, remembered by their hash, for one answer. Throws IDENTITY_OVERLOADED. */
async function newChallenge(rows: PasskeyRows, purpose: PasskeyPurpose, userId: string | undefined, now: Date): Promise<string> {
  const { token } = newSessionToken();
  await rows.addChallenge(challengeHash(token), purpose, userId, now);
  return token;
}

export interface Owner {
  readonly userId: string;
  /** Shown by the device beside the passkey. */
  readonly email: string;
  readonly name: string;
}

/** For a new passkey. Resident where the device can, so that it may sign in alone. */
export async function creationRequest(rows: PasskeyRows, rp: RelyingParty, { userId, email, name }: Owner, known: readonly Known[], now: Date): Promise<PasskeyCreation> {
  return {
    rp: { id: rp.id, name: rp.name },
    user: { id: handleOf(userId), name: email, displayName: name },
    challenge: await newChallenge(rows, 'enrol', userId, now),
    pubKeyCredParams: PASSKEY_ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
    timeout: PASSKEY_CHALLENGE_MS,
    attestation: 'none',
    authenticatorSelection: { residentKey: 'preferred', requireResidentKey: false, userVerification: 'preferred' },
    excludeCredentials: known.map(described),
  };
}

/** For an answer by one of `known`; by any that the device has for us when nobody is named. */
export async function answerRequest(rows: PasskeyRows, rp: RelyingParty, purpose: Exclude<PasskeyPurpose, 'enrol'>, userId: string | undefined, known: readonly Known[], now: Date): Promise<PasskeyRequest> {
  return {
    challenge: await newChallenge(rows, purpose, userId, now),
    rpId: rp.id,
    timeout: PASSKEY_CHALLENGE_MS,
    // After a password, having the device is enough; alone, or instead of a second proof, it is not.
    userVerification: purpose === 'second-factor' ? 'preferred' : 'required',
    allowCredentials: known.map(described),
  };
}

/** What a passkey knows of its user: nothing but the opaque id (WebAuthn L3 §14.6.1). */
export const handleOf = (userId: string): string => Buffer.from(userId).toString('base64url');
