import { createHash } from 'node:crypto';
import { secretTokenSchema, type PasskeyAnswer, type PasskeyMade } from '@countersign/contracts';
import { verifyAuthenticationResponse, verifyRegistrationResponse } from '@simplewebauthn/server';
import { cose, decodeAttestationObject, decodeCredentialPublicKey, parseAuthenticatorData } from '@simplewebauthn/server/helpers';
import { z } from 'zod';
import { PasskeyRefusal } from '../domain/passkey-refusal.js';

/** Who passkeys are made for. */
export interface RelyingParty {
  /** Domain that they are bound to: the origin's host, or one above it. */
  readonly id: string;
  readonly name: string;
  /** `https://host[:port]`, as browsers see it. */
  readonly origin: string;
}

/** EdDSA, ES256, RS256 (RFC 9053 §2, RFC 8812 §2), in the order in which we want them. */
export const PASSKEY_ALGORITHMS = [-8, -7, -257] as const;

const clientDataSchema = z.object({ type: z.string(), challenge: secretTokenSchema, origin: z.string(), crossOrigin: z.boolean().optional(), topOrigin: z.unknown().optional() });
type ClientData = z.output<typeof clientDataSchema>;

/** What is stored of a challenge. */
export const challengeHash = (challenge: string): string => createHash('sha256').update(Buffer.from(challenge, 'base64url')).digest('base64url');

/** What the browser says that it was asked, and by whom. Throws PASSKEY_REFUSED. */
export function clientDataOf({ response }: PasskeyMade | PasskeyAnswer): ClientData {
  try {
    return clientDataSchema.parse(JSON.parse(Buffer.from(response.clientDataJSON, 'base64url').toString('utf8')));
  } catch {
    throw new PasskeyRefusal('malformed');
  }
}

export interface Made {
  readonly credentialId: string;
  readonly publicKey: Uint8Array;
  readonly counter: number;
  readonly transports: readonly string[];
  readonly algorithm: number;
  readonly isSynced: boolean;
}

/** WebAuthn L3 §7.1, after its challenge was taken. Throws PASSKEY_REFUSED. */
export async function verifyMade(made: PasskeyMade, clientData: ClientData, rp: RelyingParty): Promise<Made> {
  requireOurs(clientData, 'webauthn.create', rp);
  const attestation = whole(() => decodeAttestationObject(new Uint8Array(Buffer.from(made.response.attestationObject, 'base64url'))));
  // We ask for none. A statement by the credential itself may come all the same; chains of certificates are nothing that we would parse.
  const isBare = attestation.get('fmt') === 'none' || (attestation.get('fmt') === 'packed' && attestation.get('attStmt').get('x5c') === undefined);
  if (!isBare) throw new PasskeyRefusal('attestation');
  requireFlags(attestation.get('authData'), rp, false);
  const { id, rawId, type, response } = made;
  const verified = await verifying(() => verifyRegistrationResponse({
    response: { id, rawId, type, clientExtensionResults: {}, response: { clientDataJSON: response.clientDataJSON, attestationObject: response.attestationObject } },
    expectedChallenge: clientData.challenge,
    expectedOrigin: rp.origin,
    expectedRPID: rp.id,
    requireUserVerification: false,
    supportedAlgorithmIDs: [...PASSKEY_ALGORITHMS],
  }));
  if (!verified.verified) throw new PasskeyRefusal('signature');
  const { credential, credentialBackedUp } = verified.registrationInfo;
  if (credential.id !== id) throw new PasskeyRefusal('malformed');
  return { credentialId: id, publicKey: credential.publicKey, counter: credential.counter, transports: response.transports ?? [], algorithm: algorithmOf(credential.publicKey), isSynced: credentialBackedUp };
}

function algorithmOf(publicKey: Uint8Array<ArrayBuffer>): number {
  return Number(decodeCredentialPublicKey(publicKey).get(cose.COSEKEYS.alg));
}

export interface Answered {
  readonly counter: number;
  readonly isSynced: boolean;
}

/** WebAuthn L3 §7.2, after its challenge was taken; the counter is for the caller to judge. Throws PASSKEY_REFUSED. */
export async function verifyAnswer(answer: PasskeyAnswer, clientData: ClientData, publicKey: Uint8Array, rp: RelyingParty, needsVerification: boolean): Promise<Answered> {
  requireOurs(clientData, 'webauthn.get', rp);
  const { id, rawId, type, response } = answer;
  const { clientDataJSON, authenticatorData, signature } = response;
  requireFlags(new Uint8Array(Buffer.from(authenticatorData, 'base64url')), rp, needsVerification);
  const { verified, authenticationInfo } = await verifying(() => verifyAuthenticationResponse({
    response: { id, rawId, type, clientExtensionResults: {}, response: { clientDataJSON, authenticatorData, signature } },
    expectedChallenge: clientData.challenge,
    expectedOrigin: rp.origin,
    expectedRPID: rp.id,
    requireUserVerification: needsVerification,
    // The library judges the counter before the signature: whoever cannot sign must not be able to raise an alarm.
    credential: { id, publicKey: new Uint8Array(publicKey), counter: 0 },
  }));
  if (!verified) throw new PasskeyRefusal('signature');
  return { counter: authenticationInfo.newCounter, isSynced: authenticationInfo.credentialBackedUp };
}

/** The library passes what a frame in a foreign page was asked when the browser does not name that page: we take part in no frame. */
function requireOurs({ type, origin, crossOrigin, topOrigin }: ClientData, expected: string, rp: RelyingParty): void {
  if (type !== expected) throw new PasskeyRefusal('malformed');
  if (origin !== rp.origin || crossOrigin === true || topOrigin !== undefined) throw new PasskeyRefusal('origin');
}

function requireFlags(authenticatorData: Uint8Array<ArrayBuffer>, rp: RelyingParty, needsVerification: boolean): void {
  const { rpIdHash, flags } = whole(() => parseAuthenticatorData(authenticatorData));
  if (!createHash('sha256').update(rp.id).digest().equals(rpIdHash)) throw new PasskeyRefusal('relying-party');
  if (!flags.up) throw new PasskeyRefusal('presence');
  if (needsVerification && !flags.uv) throw new PasskeyRefusal('verification');
}

function whole<T>(parse: () => T): T {
  try {
    return parse();
  } catch {
    throw new PasskeyRefusal('malformed');
  }
}

/** Whatever the library throws is about the answer: the rest are our own constants. */
async function verifying<T>(verify: () => Promise<T>): Promise<T> {
  try {
    return await verify();
  } catch {
    throw new PasskeyRefusal('malformed');
  }
}
