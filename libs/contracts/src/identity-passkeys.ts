import { z } from 'zod';
import { secretTokenSchema } from './identity.js';

/**
 * What passes between a browser and identity in the ceremonies of WebAuthn Level 3, in the JSON of its §5.1.8 to §5.1.10:
 * `PublicKeyCredential.parseCreationOptionsFromJSON`, `parseRequestOptionsFromJSON` and `toJSON`.
 */

const bytes = (charsMax: number): z.ZodString => z.string().min(1).max(charsMax).regex(/^[A-Za-z0-9_-]+$/, 'must be base64url');
/** 1,023 bytes (§4, Credential ID). */
const credentialId = bytes(1_364);
const transport = z.string().regex(/^[a-z-]{1,32}$/, 'must be a transport');
/** Nothing of it is used: no extension is asked for. */
const extensions = z.record(z.string().max(64), z.unknown());
const attachment = z.enum(['platform', 'cross-platform']);
const clientDataJSON = bytes(4_096);
const authenticatorData = bytes(4_096);

const describedSchema = z.strictObject({ type: z.literal('public-key'), id: credentialId, transports: z.array(transport).max(8).optional() });

/** For `navigator.credentials.create`. */
export const passkeyCreationSchema = z.strictObject({
  rp: z.strictObject({ id: z.string(), name: z.string() }),
  user: z.strictObject({ id: bytes(88), name: z.string(), displayName: z.string() }),
  challenge: secretTokenSchema,
  pubKeyCredParams: z.array(z.strictObject({ type: z.literal('public-key'), alg: z.number().int() })),
  /** Milliseconds. */
  timeout: z.number().int().positive(),
  attestation: z.literal('none'),
  authenticatorSelection: z.strictObject({ residentKey: z.literal('preferred'), requireResidentKey: z.literal(false), userVerification: z.literal('preferred') }),
  excludeCredentials: z.array(describedSchema),
});
export type PasskeyCreation = z.output<typeof passkeyCreationSchema>;

/** For `navigator.credentials.get`. */
export const passkeyRequestSchema = z.strictObject({
  challenge: secretTokenSchema,
  rpId: z.string(),
  timeout: z.number().int().positive(),
  userVerification: z.enum(['required', 'preferred']),
  /** Empty: any that the device has for us. */
  allowCredentials: z.array(describedSchema),
});
export type PasskeyRequest = z.output<typeof passkeyRequestSchema>;

/** A new credential. */
export const passkeyMadeSchema = z.strictObject({
  id: credentialId,
  rawId: credentialId,
  type: z.literal('public-key'),
  response: z.strictObject({
    clientDataJSON,
    attestationObject: bytes(16_384),
    authenticatorData: authenticatorData.optional(),
    publicKey: bytes(4_096).optional(),
    publicKeyAlgorithm: z.number().int().optional(),
    transports: z.array(transport).max(8).optional(),
  }),
  clientExtensionResults: extensions.optional(),
  authenticatorAttachment: attachment.optional(),
});
export type PasskeyMade = z.output<typeof passkeyMadeSchema>;

/** An answer to a challenge. */
export const passkeyAnswerSchema = z.strictObject({
  id: credentialId,
  rawId: credentialId,
  type: z.literal('public-key'),
  response: z.strictObject({ clientDataJSON, authenticatorData, signature: bytes(4_096), userHandle: bytes(88).optional() }),
  clientExtensionResults: extensions.optional(),
  authenticatorAttachment: attachment.optional(),
});
export type PasskeyAnswer = z.output<typeof passkeyAnswerSchema>;
