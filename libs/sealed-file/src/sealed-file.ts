import { createCipheriv, createDecipheriv, randomBytes, scrypt, type ScryptOptions } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { writeFileDurably } from '@countersign/runtime';
import { refuseOthers } from './permissions.js';
import { SealedFileError } from './sealed-file-error.js';

export { SealedFileError, type SealedFileCode } from './sealed-file-error.js';

const FORMAT = 'countersign-sealed/1';
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const SALT_BYTES = 16;
// OWASP Password Storage Cheat Sheet: scrypt N = 2^17, r = 8, p = 1.
const SCRYPT = { N: 131_072, r: 8, p: 1, maxmem: 256 * 1024 * 1024 };

interface Sealed {
  readonly format: typeof FORMAT;
  /** Base64; present when the key comes from a passphrase. */
  readonly salt?: string;
  readonly iv: string;
  readonly tag: string;
  readonly ciphertext: string;
}

export interface SealedFileOptions {
  readonly path: string;
  /** File of 32 random bytes that seals the other one; made on first use. Keep it on another volume in production. */
  readonly keyPath: string;
  /** Takes the place of `keyPath`. */
  readonly passphrase?: string;
}

/** What stands between whoever reads the file and its content. */
export type SealProtection = 'passphrase' | 'key-file';

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** A JSON value kept encrypted (AES-256-GCM) in one file that is written once, whole and durably. */
export class SealedFile<T> {
  private constructor(
    private readonly path: string,
    private readonly key: Buffer,
    private readonly salt: Buffer | undefined,
    /** What the file holds; undefined until it is there. */
    readonly content: T | undefined,
  ) {}

  /** Opens the file, or makes the key of one that is not there yet. Throws SealedFileError. */
  static async open<T>({ path, keyPath, passphrase }: SealedFileOptions): Promise<SealedFile<T>> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const sealed = await readSealed(path);
    if (passphrase === undefined && sealed?.salt !== undefined) {
      throw new SealedFileError('SEALED_FILE_KEY_MISSING', `${path} is sealed under a passphrase, and none is configured`);
    }
    const salt = passphrase === undefined ? undefined : sealed?.salt === undefined ? randomBytes(SALT_BYTES) : Buffer.from(sealed.salt, 'base64');
    const key = salt === undefined ? await sealingKey(keyPath, sealed !== undefined) : await derive(passphrase!, salt, KEY_BYTES, SCRYPT);
    return new SealedFile<T>(path, key, salt, sealed && (unseal(sealed, key, path) as T));
  }

  /** What the file is sealed under; undefined when it is not there. Throws SealedFileError. */
  static async protectionOf(path: string): Promise<SealProtection | undefined> {
    const sealed = await readSealed(path);
    return sealed && (sealed.salt === undefined ? 'key-file' : 'passphrase');
  }

  /** Another file beside this one, under the same key. Throws SealedFileError. */
  async beside<U>(name: string): Promise<SealedFile<U>> {
    const path = `${this.path}.${name}`;
    const sealed = await readSealed(path);
    return new SealedFile<U>(path, this.key, this.salt, sealed && (unseal(sealed, this.key, path) as U));
  }

  /** Writes the file. Durable on return. False, with nothing changed, when somebody has written it before. */
  async create(value: T): Promise<boolean> {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.key, iv, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(FORMAT));
    const ciphertext = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]);
    const sealed: Sealed = {
      format: FORMAT,
      ...(this.salt === undefined ? {} : { salt: this.salt.toString('base64') }),
      iv: iv.toString('base64'),
      tag: cipher.getAuthTag().toString('base64'),
      ciphertext: ciphertext.toString('base64'),
    };
    return createDurably(this.path, JSON.stringify(sealed));
  }
}

/** Two instances may begin at once: a key that one of them has used must not be replaced by the other's. */
async function createDurably(path: string, text: string): Promise<boolean> {
  const draft = `${path}.${randomBytes(8).toString('hex')}.draft`;
  try {
    await writeFileDurably(draft, text, 0o600);
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
    await syncFolder(dirname(path));
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync();
  await folder?.close();
}

async function readSealed(path: string): Promise<Sealed | undefined> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  const sealed = parseSealed(text, path);
  await refuseOthers(path);
  return sealed;
}

function unseal(sealed: Sealed, key: Buffer, path: string): unknown {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(sealed.iv, 'base64'), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(FORMAT));
    decipher.setAuthTag(Buffer.from(sealed.tag, 'base64'));
    const text = Buffer.concat([decipher.update(Buffer.from(sealed.ciphertext, 'base64')), decipher.final()]).toString('utf8');
    return JSON.parse(text);
  } catch {
    throw new SealedFileError('SEALED_FILE_WRONG_KEY', `${path} does not open with this key: it was altered, or belongs to another key`);
  }
}

function parseSealed(text: string, path: string): Sealed {
  try {
    const sealed = JSON.parse(text) as Sealed;
    if (sealed.format === FORMAT && typeof sealed.iv === 'string' && typeof sealed.tag === 'string' && typeof sealed.ciphertext === 'string') return sealed;
  } catch {
    // Told below, without the parser's excerpt of the content.
  }
  throw new SealedFileError('SEALED_FILE_MALFORMED', `${path} is not a sealed file of format ${FORMAT}`);
}

async function sealingKey(path: string, needed: boolean): Promise<Buffer> {
  const known = await readIfThere(path);
  if (known !== undefined) {
    await refuseOthers(path);
    const key = Buffer.from(known, 'base64');
    if (key.length !== KEY_BYTES) throw new SealedFileError('SEALED_FILE_MALFORMED', `${path} does not hold a key of ${KEY_BYTES} bytes`);
    return key;
  }
  // A new key could never open what the lost one sealed: the keys inside sign for years of history.
  if (needed) throw new SealedFileError('SEALED_FILE_KEY_MISSING', `${path} is missing, but the file that it seals is there: restore it`);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const key = randomBytes(KEY_BYTES);
  return (await createDurably(path, key.toString('base64'))) ? key : sealingKey(path, true);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
