import { VaultError, type Vault } from '@countersign/vault';
import { RootKeyFault, type RootKeyFaultCode } from './root-key-fault.js';
import { checkKeyBytes, encodeContext, parseWrapped, WRAPPED_KEY_BYTES, type RootKeyContext, type RootKeyDescription, type RootKeyProvider } from './root-key-provider.js';

const TAG = 'vault';
const LATEST_VERSION_AGE_MS_MAX = 60_000;
// Key derivation by context needs a symmetric type; these are the authenticated ones.
const TYPES: ReadonlySet<unknown> = new Set(['aes256-gcm96', 'chacha20-poly1305']);

export interface VaultRootKeyOptions {
  readonly vault: Vault;
  /** Name of a transit key that was made with `derived=true`. */
  readonly key: string;
  /** Default `transit`. */
  readonly mount?: string;
  readonly now: () => number;
}

interface KeyInfo {
  readonly latest: number;
  readonly versions: Readonly<Record<string, unknown>>;
  readonly readAtMs: number;
}

/**
 * A key of Vault's or OpenBao's transit engine. The context goes into the derivation of the key: unlike associated data, which
 * the engine's rewrap does not take, it lets keys be rewrapped without their bytes coming here.
 */
export class VaultRootKey implements RootKeyProvider {
  readonly name = 'vault-transit';
  private info: KeyInfo | undefined;
  private readonly mount: string;

  constructor(private readonly options: VaultRootKeyOptions) {
    this.mount = options.mount ?? 'transit';
  }

  async wrap(context: RootKeyContext, keyBytes: Uint8Array): Promise<string> {
    checkKeyBytes(keyBytes);
    const bound = base64(encodeContext(context));
    // Transit ignores the context of a key that is not derived, and makes a key that is not there: both without a word.
    await this.keyInfo();
    return this.format(await this.ask('encrypt', { plaintext: base64(keyBytes), context: bound }));
  }

  async unwrap(context: RootKeyContext, text: string): Promise<Buffer> {
    const ciphertext = parse(text).ciphertext;
    const bound = base64(encodeContext(context));
    await this.keyInfo();
    const { plaintext } = await this.ask('decrypt', { ciphertext, context: bound });
    const keyBytes = Buffer.from(typeof plaintext === 'string' ? plaintext : '', 'base64');
    if (keyBytes.length !== WRAPPED_KEY_BYTES) throw new RootKeyFault('ROOT_KEY_NOT_AUTHENTIC', `Vault unwrapped something that is no key of ${WRAPPED_KEY_BYTES} bytes`);
    return keyBytes;
  }

  async rewrap(context: RootKeyContext, text: string): Promise<string> {
    const ciphertext = parse(text).ciphertext;
    const bound = base64(encodeContext(context));
    await this.keyInfo();
    return this.format(await this.ask('rewrap', { ciphertext, context: bound }));
  }

  rootKeyOf(text: string): string {
    return `v${parse(text).version}`;
  }

  /** Up to a minute after a rotation, the version before counts as current. */
  async isCurrent(text: string): Promise<boolean> {
    const { version } = parse(text);
    return version >= (await this.keyInfo()).latest;
  }

  async describe(): Promise<RootKeyDescription> {
    const { latest, versions } = await this.readKeyInfo();
    const made = Object.entries(versions).map(([version, seconds]) => ({
      id: `v${version}`,
      ...(typeof seconds === 'number' ? { createdAt: new Date(seconds * 1_000).toISOString() } : {}),
    }));
    return { provider: this.name, key: `${this.mount}/${this.options.key}`, current: `v${latest}`, versions: made, protection: 'remote' };
  }

  private async keyInfo(): Promise<KeyInfo> {
    if (this.info !== undefined && this.options.now() - this.info.readAtMs < LATEST_VERSION_AGE_MS_MAX) return this.info;
    return this.readKeyInfo();
  }

  private async readKeyInfo(): Promise<KeyInfo> {
    const readAtMs = this.options.now();
    const key = await this.ask('keys', undefined);
    if (key['derived'] !== true || !TYPES.has(key['type'])) {
      throw new RootKeyFault('ROOT_KEY_DENIED', `${this.mount}/${this.options.key} must be made with derived=true and type aes256-gcm96 or chacha20-poly1305: otherwise it binds no context`);
    }
    this.info = { latest: Number(key['latest_version']), versions: (key['keys'] ?? {}) as KeyInfo['versions'], readAtMs };
    return this.info;
  }

  private async ask(operation: 'encrypt' | 'decrypt' | 'rewrap' | 'keys', body: object | undefined): Promise<Readonly<Record<string, unknown>>> {
    try {
      const data = await this.options.vault.call(body === undefined ? 'GET' : 'POST', `${this.mount}/${operation}/${encodeURIComponent(this.options.key)}`, body);
      if (typeof data === 'object' && data !== null) return data as Readonly<Record<string, unknown>>;
      throw new RootKeyFault('ROOT_KEY_UNAVAILABLE', `Vault ${operation}: the answer has no data`);
    } catch (error) {
      throw error instanceof VaultError ? new RootKeyFault(codeOf(error), `Vault ${error.message}`) : error;
    }
  }

  private format({ ciphertext }: Readonly<Record<string, unknown>>): string {
    const match = typeof ciphertext === 'string' ? /^vault:(v\d+:.+)$/.exec(ciphertext) : null;
    if (match === null) throw new RootKeyFault('ROOT_KEY_UNAVAILABLE', 'Vault: the answer has no ciphertext');
    return `r1:${TAG}:${match[1]!}`;
  }
}

/** By Vault's own words: its status for a ciphertext that does not authenticate is 400 or 500, depending on the operation. */
function codeOf({ code, reasons }: VaultError): RootKeyFaultCode {
  const said = reasons.join('\n');
  if (/message authentication failed|invalid ciphertext(?!: version)/.test(said)) return 'ROOT_KEY_NOT_AUTHENTIC';
  if (/disallowed by policy \(too old\)|version is too new|encryption key not found/.test(said) || code === 'VAULT_NOT_FOUND') return 'ROOT_KEY_UNKNOWN';
  return code === 'VAULT_UNAVAILABLE' ? 'ROOT_KEY_UNAVAILABLE' : 'ROOT_KEY_DENIED';
}

function parse(text: string): { version: number; ciphertext: string } {
  const [version = '', sealed = '', ...more] = parseWrapped(TAG, text);
  const isWhole = /^v[1-9]\d{0,8}$/.test(version) && /^[A-Za-z0-9+/]+={0,2}$/.test(sealed) && more.length === 0;
  if (!isWhole) throw new RootKeyFault('ROOT_KEY_INPUT_MALFORMED', 'not a key wrapped by Vault');
  return { version: Number(version.slice(1)), ciphertext: `vault:${version}:${sealed}` };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
