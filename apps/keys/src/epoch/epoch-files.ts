import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fieldKey, type FieldKey } from '@countersign/envelope';
import { writeFileDurably } from '@countersign/runtime';
import { keyIdOf } from '../domain/key-id.js';
import { rootFault } from '../keyring/root-fault.js';
import type { RootKeyProvider } from '../root/root-key-provider.js';

const NAME = /^epoch-(\d{8})\.key$/;
const NUMBER_CHARS = 8;
const KEY_BYTES = 32;
/** What a destroyed file is overwritten with; JSON holds none. */
const ERASED = '\0';
/** What epoch keys belong to, as the root key's provider is told. */
const OWNER = 'keys_subjects';

interface EpochFile {
  readonly keyId: string;
  readonly wrapped: string;
}

/** The key that an epoch needs is not here. */
export class EpochKeyMissing extends Error {
  override readonly name = 'EpochKeyMissing';
  readonly code = 'EPOCH_KEY_MISSING';
  constructor(epoch: number) {
    super(`the key of epoch ${epoch} is not there: the subject store comes from a snapshot older than the last roll, or the epoch folder was lost; see docs/operations/runbooks/keys-restore.md`);
  }
}

/**
 * Epoch keys in a folder outside every snapshot of a database: whoever has an old snapshot and not this folder's file of
 * that time can read no subject's key. Files are under the root key, written once and durably, and destroyed.
 */
export class EpochFiles {
  readonly #keys = new Map<number, FieldKey>();

  constructor(
    readonly dir: string,
    private readonly root: RootKeyProvider,
  ) {}

  /** Epochs whose keys are here, oldest first. */
  async numbers(): Promise<number[]> {
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    const names = await readdir(this.dir);
    return names.flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number).sort((a, b) => a - b);
  }

  /** Makes the key of an epoch unless it is there. Durable on return. */
  async ensure(epoch: number): Promise<void> {
    if ((await this.numbers()).includes(epoch)) return;
    const bytes = randomBytes(KEY_BYTES);
    const keyId = keyIdOf('epoch', randomBytes(16), epoch);
    const wrapped = await rootFault(this.root.wrap({ use: 'epoch-key', owner: OWNER, keyId }, bytes));
    bytes.fill(0);
    const file: EpochFile = { keyId, wrapped };
    await writeFileDurably(this.#path(epoch), JSON.stringify(file));
  }

  /** Throws EpochKeyMissing, ROOT_KEY_UNAVAILABLE. */
  async key(epoch: number): Promise<FieldKey> {
    const known = this.#keys.get(epoch);
    if (known !== undefined) return known;
    const { keyId, wrapped } = JSON.parse(await this.#read(epoch)) as EpochFile;
    const bytes = await rootFault(this.root.unwrap({ use: 'epoch-key', owner: OWNER, keyId }, wrapped));
    const key = fieldKey({ keyId, bytes });
    bytes.fill(0);
    this.#keys.set(epoch, key);
    return key;
  }

  /**
   * Destroys the keys of all epochs before `epoch`. The file is overwritten first: a disk that keeps deleted blocks then
   * holds a text under the root key at worst.
   */
  async destroyBefore(epoch: number): Promise<void> {
    for (const old of (await this.numbers()).filter((number) => number < epoch)) {
      this.#keys.delete(old);
      const file = await open(this.#path(old), 'r+');
      const { size } = await file.stat();
      await file.write(Buffer.alloc(size), 0, size, 0);
      await file.sync();
      await file.close();
      await rm(this.#path(old), { force: true });
    }
    const folder = await open(this.dir, 'r');
    await folder.sync().finally(() => folder.close());
  }

  async #read(epoch: number): Promise<string> {
    const text = await readFile(this.#path(epoch), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw new EpochKeyMissing(epoch);
      throw error;
    });
    // Being destroyed: overwritten, and not yet removed.
    if (text.includes(ERASED)) throw new EpochKeyMissing(epoch);
    return text;
  }

  #path(epoch: number): string {
    return join(this.dir, `epoch-${String(epoch).padStart(NUMBER_CHARS, '0')}.key`);
  }
}
