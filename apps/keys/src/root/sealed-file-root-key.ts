import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import type { Logger } from '@countersign/runtime';
import { RootKeyFault } from './root-key-fault.js';
import { RootKeyFile, type Generation, type RootKeyFileOptions, type RootKeyState, type StoredVersion } from './root-key-file.js';
import { checkKeyBytes, encodeContext, fromBase64url, parseWrapped, WRAPPED_KEY_BYTES, type RootKeyContext, type RootKeyDescription, type RootKeyProvider } from './root-key-provider.js';

const TAG = 'file';
const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;
const ID_BYTES = 16;
/** Above this an operator rotates by mistake: none of them was retired. */
const VERSIONS_MAX = 64;
const WRITE_ATTEMPTS_MAX = 10;

export interface SealedFileRootKeyOptions extends RootKeyFileOptions {
  /**
   * Whether a root key may be made when there is none. Say no once keys under one exist: a folder that was lost or not
   * mounted must stop the start, instead of a new root key that opens nothing.
   */
  readonly mayCreate: boolean;
  readonly now: () => number;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** The default root key: versions of 32 random bytes in a sealed local file. */
export class SealedFileRootKey implements RootKeyProvider {
  readonly name = 'sealed-file';
  private keys = new Map<string, KeyObject>();

  private constructor(
    private readonly file: RootKeyFile,
    private generation: Generation,
    private readonly options: SealedFileRootKeyOptions,
  ) {
    this.take(generation);
  }

  /** Throws SealedFileError (permissions, owner, wrong passphrase, damage) and RootKeyFault ROOT_KEY_MISSING. */
  static async open(options: SealedFileRootKeyOptions): Promise<SealedFileRootKey> {
    const file = new RootKeyFile(options);
    const generation = (await file.read()) ?? (await firstGeneration(file, options));
    if (generation.protection === 'key-file') {
      options.log.warn({ dir: options.dir }, 'the root key is not protected by a passphrase: whoever can read its folder can open every key');
    }
    return new SealedFileRootKey(file, generation, options);
  }

  async wrap(context: RootKeyContext, keyBytes: Uint8Array): Promise<string> {
    checkKeyBytes(keyBytes);
    const id = this.currentId;
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, this.keys.get(id)!, iv, { authTagLength: TAG_BYTES });
    cipher.setAAD(additionalData(id, context));
    const ciphertext = Buffer.concat([cipher.update(keyBytes), cipher.final()]);
    return ['r1', TAG, id, ...[iv, cipher.getAuthTag(), ciphertext].map((bytes) => bytes.toString('base64url'))].join(':');
  }

  async unwrap(context: RootKeyContext, text: string): Promise<Buffer> {
    const { id, iv, tag, ciphertext } = parse(text);
    const decipher = createDecipheriv(CIPHER, await this.keyOf(id), iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(additionalData(id, context));
    decipher.setAuthTag(tag);
    const keyBytes = decipher.update(ciphertext);
    try {
      decipher.final();
      return keyBytes;
    } catch {
      keyBytes.fill(0);
      throw new RootKeyFault('ROOT_KEY_NOT_AUTHENTIC', `a key wrapped under ${id} was altered, or belongs to another context`);
    }
  }

  async rewrap(context: RootKeyContext, text: string): Promise<string> {
    const keyBytes = await this.unwrap(context, text);
    try {
      return await this.wrap(context, keyBytes);
    } finally {
      keyBytes.fill(0);
    }
  }

  rootKeyOf(text: string): string {
    return parse(text).id;
  }

  async isCurrent(text: string): Promise<boolean> {
    return parse(text).id === this.currentId;
  }

  async describe(): Promise<RootKeyDescription> {
    const { state, protection } = this.generation;
    const versions = state.versions.map(({ version, createdAt }) => ({ id: `${state.id}_${version}`, createdAt }));
    return { provider: this.name, key: state.id, current: this.currentId, versions, protection };
  }

  /** Makes a new version, under which all later wraps are. Durable on return. The new version's id. */
  async rotate(): Promise<string> {
    await this.change((state) => {
      if (state.versions.length >= VERSIONS_MAX) throw new RootKeyFault('ROOT_KEY_IN_USE', `${VERSIONS_MAX} versions exist: retire some first`);
      return { ...state, versions: [...state.versions, newVersion(state.versions.at(-1)!.version + 1, this.options.now())] };
    });
    this.options.log.info({ rootKey: this.currentId }, 'root key rotated');
    return this.currentId;
  }

  /**
   * Destroys an old version. `countUnder` counts the keys still wrapped under it, by a scan of what is stored, not from memory.
   * Throws ROOT_KEY_IN_USE while there are any, ROOT_KEY_UNKNOWN when there is no such version.
   */
  async retire(id: string, countUnder: (id: string) => Promise<number>): Promise<void> {
    if (id === this.currentId) throw new RootKeyFault('ROOT_KEY_IN_USE', `${id} is the current root key`);
    await this.keyOf(id);
    const remaining = await countUnder(id);
    if (remaining > 0) throw new RootKeyFault('ROOT_KEY_IN_USE', `${remaining} keys are still wrapped under ${id}`);
    await this.change((state) => ({ ...state, versions: state.versions.filter(({ version }) => `${state.id}_${version}` !== id) }));
    this.options.log.info({ rootKey: id }, 'root key version destroyed');
  }

  private get currentId(): string {
    const { id, versions } = this.generation.state;
    return `${id}_${versions.at(-1)!.version}`;
  }

  private async change(next: (state: RootKeyState) => RootKeyState): Promise<void> {
    for (let attempt = 0; attempt < WRITE_ATTEMPTS_MAX; attempt += 1) {
      await this.reload();
      const state = next(this.generation.state);
      if (await this.file.replace(this.generation.number, state)) return this.reload();
    }
    throw new RootKeyFault('ROOT_KEY_UNAVAILABLE', 'other instances changed the root key at every attempt');
  }

  private async keyOf(id: string): Promise<KeyObject> {
    if (!this.keys.has(id)) await this.reload(); // Another instance may have rotated.
    const key = this.keys.get(id);
    if (key === undefined) throw new RootKeyFault('ROOT_KEY_UNKNOWN', `there is no root key ${id}: it was retired, or belongs to another installation`);
    return key;
  }

  private async reload(): Promise<void> {
    const generation = await this.file.read();
    if (generation === undefined) throw new RootKeyFault('ROOT_KEY_MISSING', `the root key is gone from ${this.options.dir}: restore it from its backup`);
    this.take(generation);
  }

  private take(generation: Generation): void {
    this.generation = generation;
    const { id, versions } = generation.state;
    this.keys = new Map(versions.map(({ version, key }) => [`${id}_${version}`, createSecretKey(Buffer.from(key, 'base64'))]));
  }
}

async function firstGeneration(file: RootKeyFile, { mayCreate, now, dir, log }: SealedFileRootKeyOptions): Promise<Generation> {
  if (!mayCreate) throw new RootKeyFault('ROOT_KEY_MISSING', `there is no root key in ${dir}, but keys under one exist: restore it from its backup`);
  const id = `rk_${base32(randomBytes(ID_BYTES))}`;
  if (await file.replace(0, { id, versions: [newVersion(1, now())] })) log.info({ dir, rootKey: `${id}_1` }, 'root key made: back it up apart from the database');
  const made = await file.read();
  if (made === undefined) throw new RootKeyFault('ROOT_KEY_MISSING', `${dir} was emptied while the root key was made`);
  return made;
}

function newVersion(version: number, nowMs: number): StoredVersion {
  return { version, key: randomBytes(WRAPPED_KEY_BYTES).toString('base64'), createdAt: new Date(nowMs).toISOString() };
}

// The version belongs to what is authenticated: a text cannot be passed off as one under another version.
function additionalData(id: string, context: RootKeyContext): Buffer {
  return Buffer.concat([Buffer.from(`${id}\n`), encodeContext(context)]);
}

function parse(text: string) {
  const [id = '', iv = '', tag = '', ciphertext = '', ...more] = parseWrapped(TAG, text);
  if (!/^rk_[a-z2-7]{26}_[1-9]\d{0,8}$/.test(id) || more.length > 0) throw new RootKeyFault('ROOT_KEY_INPUT_MALFORMED', 'not a key wrapped by a sealed file');
  return { id, iv: fromBase64url(iv, IV_BYTES), tag: fromBase64url(tag, TAG_BYTES), ciphertext: fromBase64url(ciphertext, WRAPPED_KEY_BYTES) };
}

/** RFC 4648 §6, lower case, without padding. */
function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? []).map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[parseInt(five.padEnd(5, '0'), 2)]).join('');
}
