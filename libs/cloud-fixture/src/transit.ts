import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { VaultRefusal } from './vault-refusal.js';

const IV_BYTES = 12;
const TAG_BYTES = 16;

interface Key {
  readonly derived: boolean;
  readonly versions: { readonly bytes: Buffer; readonly createdSeconds: number }[];
  minDecryptionVersion: number;
}

interface Input {
  readonly plaintext?: string;
  readonly ciphertext?: string;
  readonly context?: string;
}

/** Keys of the transit engine, type aes256-gcm96. A key that is not derived ignores the context, as Vault's do. */
export class Transit {
  private readonly keys = new Map<string, Key>();

  createKey(name: string, { derived = true }: { readonly derived?: boolean } = {}): void {
    this.keys.set(name, { derived, versions: [], minDecryptionVersion: 1 });
    this.rotate(name);
  }

  rotate(name: string): void {
    this.keys.get(name)!.versions.push({ bytes: randomBytes(32), createdSeconds: Math.floor(Date.now() / 1_000) });
  }

  setMinDecryptionVersion(name: string, version: number): void {
    this.keys.get(name)!.minDecryptionVersion = version;
  }

  answer(operation: string, name: string, input: Input): object {
    const key = this.keys.get(name);
    if (operation === 'keys') return describe(name, key);
    if (key === undefined) throw new VaultRefusal(400, 'encryption key not found');
    if (operation === 'encrypt') return { ciphertext: encrypt(key, input), key_version: key.versions.length };
    if (operation === 'decrypt') return { plaintext: decrypt(key, input, 400).toString('base64') };
    if (operation === 'rewrap') {
      // As in Vault: what does not authenticate is the engine's own error here, and the client's in decrypt.
      const plaintext = decrypt(key, input, 500).toString('base64');
      return { ciphertext: encrypt(key, { ...input, plaintext }), key_version: key.versions.length };
    }
    throw new VaultRefusal(404);
  }
}

function describe(name: string, key: Key | undefined): object {
  if (key === undefined) throw new VaultRefusal(404);
  const keys = Object.fromEntries(key.versions.map(({ createdSeconds }, index) => [String(index + 1), createdSeconds]));
  return { name, type: 'aes256-gcm96', derived: key.derived, latest_version: key.versions.length, min_decryption_version: key.minDecryptionVersion, keys };
}

function encrypt(key: Key, { plaintext, context }: Input): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', bytesOf(key, key.versions.length, context), iv);
  const sealed = Buffer.concat([iv, cipher.update(Buffer.from(plaintext ?? '', 'base64')), cipher.final(), cipher.getAuthTag()]);
  return `vault:v${key.versions.length}:${sealed.toString('base64')}`;
}

function decrypt(key: Key, { ciphertext, context }: Input, statusUnauthentic: number): Buffer {
  const match = /^vault:v(\d+):([A-Za-z0-9+/]+={0,2})$/.exec(ciphertext ?? '');
  if (match === null) throw new VaultRefusal(400, 'invalid ciphertext: no prefix');
  const version = Number(match[1]);
  if (version > key.versions.length) throw new VaultRefusal(400, 'invalid ciphertext: version is too new');
  if (version < key.minDecryptionVersion) throw new VaultRefusal(400, 'ciphertext or signature version is disallowed by policy (too old)');
  const sealed = Buffer.from(match[2]!, 'base64');
  if (sealed.length < IV_BYTES + TAG_BYTES) throw new VaultRefusal(400, 'invalid ciphertext length');
  const decipher = createDecipheriv('aes-256-gcm', bytesOf(key, version, context), sealed.subarray(0, IV_BYTES));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    throw new VaultRefusal(statusUnauthentic, 'cipher: message authentication failed');
  }
}

function bytesOf(key: Key, version: number, context: string | undefined): Buffer {
  const { bytes } = key.versions[version - 1]!;
  if (!key.derived) return bytes;
  if (context === undefined || context === '') throw new VaultRefusal(400, "missing 'context' for key derivation; the key was created using a derived key, which means additional, per-request information must be included in order to perform operations with the key");
  return Buffer.from(hkdfSync('sha256', bytes, Buffer.alloc(0), Buffer.from(context, 'base64'), 32));
}
