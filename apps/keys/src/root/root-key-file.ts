import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { refuseOthers, SealedFile, SealedFileError, type SealProtection } from '@countersign/sealed-file';

const NAME = /^root-key\.(\d{8})\.sealed$/;
const NUMBER_CHARS = 8;
// Each attempt means that another instance has just written: more than a few in a row is no race.
const ATTEMPTS_MAX = 10;

export interface RootKeyFileOptions {
  /** Folder of its own; made with mode 0700. */
  readonly dir: string;
  readonly passphrase?: string;
  /** The passphrase until now: what it opens is sealed again under `passphrase`. */
  readonly previousPassphrase?: string;
  /** Seals the file when there is no passphrase. Default `sealing.key` in the folder. */
  readonly keyPath?: string;
}

export interface StoredVersion {
  readonly version: number;
  /** Base64. */
  readonly key: string;
  readonly createdAt: string;
}

export interface RootKeyState {
  /** Without version: `rk_…`. */
  readonly id: string;
  readonly versions: readonly StoredVersion[];
}

export interface Generation {
  readonly number: number;
  readonly state: RootKeyState;
  readonly protection: SealProtection;
}

/**
 * The root key's versions in a sealed file that is never changed: what follows is a file of the next number, written
 * exclusively, and only then is the older one deleted. So a crash loses nothing, and of two writers one wins.
 */
export class RootKeyFile {
  private readonly keyPath: string;

  constructor(private readonly options: RootKeyFileOptions) {
    this.keyPath = options.keyPath ?? join(options.dir, 'sealing.key');
  }

  /** The newest generation; undefined when there never was one. Throws SealedFileError. */
  async read(): Promise<Generation | undefined> {
    const { dir } = this.options;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await refuseOthers(dir);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const newest = (await this.numbers()).at(-1);
      if (newest === undefined) return undefined;
      const read = await this.readOne(newest);
      if (read === undefined) continue;
      if (read.isUnderOldSeal && !(await this.write(newest + 1, read.state))) continue;
      await this.deleteBelow(read.isUnderOldSeal ? newest + 1 : newest);
      return { number: read.isUnderOldSeal ? newest + 1 : newest, state: read.state, protection: this.protection };
    }
    throw new SealedFileError('SEALED_FILE_MALFORMED', `${dir} changed at every attempt to read it`);
  }

  /** Makes `state` the generation after `number`. Durable on return; false when another instance was first. */
  async replace(number: number, state: RootKeyState): Promise<boolean> {
    if (!(await this.write(number + 1, state))) return false;
    await this.deleteBelow(number + 1);
    return true;
  }

  private get protection(): SealProtection {
    return this.options.passphrase === undefined ? 'key-file' : 'passphrase';
  }

  private async readOne(number: number): Promise<{ state: RootKeyState; isUnderOldSeal: boolean } | undefined> {
    const { passphrase, previousPassphrase } = this.options;
    const path = this.pathOf(number);
    const sealedUnder = await SealedFile.protectionOf(path);
    if (sealedUnder === 'key-file' && passphrase !== undefined) return this.openOne(number, undefined);
    try {
      return await this.openOne(number, passphrase);
    } catch (error) {
      const isOtherPassphrase = error instanceof SealedFileError && error.code === 'SEALED_FILE_WRONG_KEY' && sealedUnder === 'passphrase';
      if (!isOtherPassphrase || previousPassphrase === undefined) throw error;
      return this.openOne(number, previousPassphrase);
    }
  }

  /** Undefined when another instance has deleted the file meanwhile. */
  private async openOne(number: number, passphrase: string | undefined) {
    const path = this.pathOf(number);
    const { content } = await SealedFile.open<RootKeyState>({ path, keyPath: this.keyPath, passphrase });
    if (content === undefined) return undefined;
    return { state: stateOf(content, path), isUnderOldSeal: passphrase !== this.options.passphrase };
  }

  private async write(number: number, state: RootKeyState): Promise<boolean> {
    const file = await SealedFile.open<RootKeyState>({ path: this.pathOf(number), keyPath: this.keyPath, passphrase: this.options.passphrase });
    return file.content === undefined && file.create(state);
  }

  /** What older generations hold was retired, or is sealed under what was replaced. */
  private async deleteBelow(number: number): Promise<void> {
    const older = (await this.numbers()).filter((one) => one < number);
    for (const one of older) await rm(this.pathOf(one), { force: true });
    if (this.protection === 'passphrase') await rm(this.keyPath, { force: true });
    const folder = await open(this.options.dir, 'r');
    await folder.sync().finally(() => folder.close());
  }

  private async numbers(): Promise<number[]> {
    const names = await readdir(this.options.dir);
    return names.map((name) => Number(NAME.exec(name)?.[1] ?? 0)).filter((number) => number > 0).sort((a, b) => a - b);
  }

  private pathOf(number: number): string {
    return join(this.options.dir, `root-key.${String(number).padStart(NUMBER_CHARS, '0')}.sealed`);
  }
}

function stateOf(content: RootKeyState, path: string): RootKeyState {
  if (typeof content.id === 'string' && Array.isArray(content.versions) && content.versions.length > 0) return content;
  throw new SealedFileError('SEALED_FILE_MALFORMED', `${path} does not hold a root key`);
}
