import { RootKeyFault } from './root-key-fault.js';

/** Bytes of every key that a root key wraps. */
export const WRAPPED_KEY_BYTES = 32;
/** Of a wrapped text: that of Vault or KMS is the longest and stays far below. */
export const WRAPPED_TEXT_CHARS_MAX = 8_192;
const CONTEXT_CHARS_MAX = 256;

/** What a wrapped key is bound to: it does not unwrap under any other context. Not secret: remote providers log it. */
export interface RootKeyContext {
  readonly use: 'tenant-key' | 'epoch-key';
  /** The tenant, or the store that the epoch belongs to. */
  readonly owner: string;
  readonly keyId: string;
}

export interface RootKeyDescription {
  readonly provider: string;
  /** Name of the root key at its provider. */
  readonly key: string;
  /** What new wraps are under, as {@link RootKeyProvider.rootKeyOf} names it. */
  readonly current: string;
  readonly versions: readonly { readonly id: string; readonly createdAt?: string }[];
  /** Where the root key lies, and what protects it there. */
  readonly protection: 'passphrase' | 'key-file' | 'remote';
}

/**
 * Wraps tenant keys and epoch keys under the root key, which never passes this interface and is in no database.
 * Every method throws RootKeyFault; ROOT_KEY_UNAVAILABLE alone is worth trying again.
 */
export interface RootKeyProvider {
  readonly name: 'sealed-file' | 'aws-kms' | 'vault-transit';
  /** `keyBytes`: 32 bytes. The text names its provider and root key version, and is safe to store anywhere. */
  wrap(context: RootKeyContext, keyBytes: Uint8Array): Promise<string>;
  /** The 32 bytes, in a buffer of the caller's own to zero. Old versions of the root key unwrap until they are retired. */
  unwrap(context: RootKeyContext, text: string): Promise<Buffer>;
  /** The same key under the current root key. With a remote provider the key's bytes do not come here. */
  rewrap(context: RootKeyContext, text: string): Promise<string>;
  /** The root key version that `text` is under. */
  rootKeyOf(text: string): string;
  /** Whether `text` is under what new wraps are under: what is not is to be rewrapped. */
  isCurrent(text: string): Promise<boolean>;
  /** Asks the provider: also a probe of whether it answers. */
  describe(): Promise<RootKeyDescription>;
}

/** Additional data: every field behind its length, so that no two contexts have the same bytes. */
export function encodeContext(context: RootKeyContext): Buffer {
  checkContext(context);
  const fields = ['countersign.root-key.r1', context.use, context.owner, context.keyId].map((field) => Buffer.from(field, 'utf8'));
  return Buffer.concat(fields.flatMap((field) => [uint32(field.length), field]));
}

export function checkContext({ use, owner, keyId }: RootKeyContext): void {
  const isBad = (use !== 'tenant-key' && use !== 'epoch-key') || [owner, keyId].some((field) => field.length === 0 || field.length > CONTEXT_CHARS_MAX);
  if (isBad) throw new RootKeyFault('ROOT_KEY_INPUT_MALFORMED', `a context has a use, and an owner and key id of 1 to ${CONTEXT_CHARS_MAX} characters`);
}

export function checkKeyBytes(keyBytes: Uint8Array): void {
  if (keyBytes.length !== WRAPPED_KEY_BYTES) throw new RootKeyFault('ROOT_KEY_INPUT_MALFORMED', `a key has ${WRAPPED_KEY_BYTES} bytes, not ${keyBytes.length}`);
}

/** What follows `r1:<provider>:`. */
export function parseWrapped(provider: string, text: string): readonly string[] {
  const [format, tag, ...rest] = text.length > WRAPPED_TEXT_CHARS_MAX ? [] : text.split(':');
  if (format !== 'r1' || tag !== provider) throw new RootKeyFault('ROOT_KEY_INPUT_MALFORMED', `not a key wrapped by ${provider}`);
  return rest;
}

/** Strict: exactly what Buffer's base64url encoding makes. */
export function fromBase64url(text: string, bytes?: number): Buffer {
  const decoded = Buffer.from(text, 'base64url');
  if (decoded.toString('base64url') !== text || (bytes === undefined ? decoded.length === 0 : decoded.length !== bytes)) {
    throw new RootKeyFault('ROOT_KEY_INPUT_MALFORMED', 'not base64url of the expected length');
  }
  return decoded;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
