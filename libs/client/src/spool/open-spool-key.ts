import { randomBytes } from 'node:crypto';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { SealedFile, SealedFileError } from '@countersign/sealed-file';
import { EmitError } from '../errors.js';
import { SEALED_MARK } from './frame.js';
import { SpoolKey } from './spool-key.js';

/**
 * What a spool's key is sealed under.
 *
 * - `keyFile`: a file of 32 random bytes, made at the first start. Default: beside the spool folder, `<spoolDir>.key`.
 * - `passphrase`: from a secret of the deployment.
 * - `ephemeral`: the key is in memory only. Nobody can read what a process left behind, not its next start either.
 */
export type SpoolKeyChoice = { readonly keyFile?: string } | { readonly passphrase: string } | 'ephemeral';

/** What the sealed file in the spool folder holds. */
interface SpoolKeyContent {
  /** 32 bytes, base64. */
  readonly key: string;
  /** Files with lower numbers may be of the time before spools were encrypted. In all others, clear frames are not ours. */
  readonly clearBelow: number;
}

export interface OpenedSpoolKey {
  readonly key: SpoolKey;
  readonly clearBelow: number;
}

const KEY_BYTES = 32;

/**
 * The key of a spool, made at its first start. It needs no other service: `emit` must never wait for one, nor may a restart.
 * Throws EmitError SPOOL_KEY_UNUSABLE, OPTION_INVALID (see `refuseLooseKey`).
 */
export async function openSpoolKey(folder: string, choice: SpoolKeyChoice): Promise<OpenedSpoolKey> {
  if (choice === 'ephemeral') {
    const { numberMax, isSealed } = await whatLies(folder);
    if (isSealed || numberMax > 0) throw unusable(`${path.basename(folder)} is not empty, and a key that is in memory only opens nothing in it`);
    return { key: SpoolKey.fresh(), clearBelow: 0 };
  }
  try {
    if (!('passphrase' in choice) && choice.keyFile === undefined) await refuseLooseKey(folder);
    const file = await SealedFile.open<SpoolKeyContent>({
      path: path.join(folder, 'key.sealed'),
      keyPath: ('keyFile' in choice ? choice.keyFile : undefined) ?? besideSpool(folder),
      ...('passphrase' in choice && { passphrase: choice.passphrase }),
    });
    return opened(file.content ?? (await create(folder, file)));
  } catch (error) {
    throw error instanceof SealedFileError ? unusable(error.message, error) : error;
  }
}

/** The key of a spool that is there. Throws EmitError SPOOL_KEY_UNUSABLE. */
export async function openExistingSpoolKey(folder: string, choice: Exclude<SpoolKeyChoice, 'ephemeral'>): Promise<SpoolKey> {
  await stat(path.join(folder, 'key.sealed')).catch((error: unknown) => {
    throw unusable(`${path.basename(folder)} holds no key.sealed`, error as Error);
  });
  return (await openSpoolKey(folder, choice)).key;
}

function opened({ key, clearBelow }: SpoolKeyContent): OpenedSpoolKey {
  return { key: new SpoolKey(Buffer.from(key, 'base64')), clearBelow };
}

async function create(folder: string, file: SealedFile<SpoolKeyContent>): Promise<SpoolKeyContent> {
  const { numberMax, isSealed } = await whatLies(folder);
  if (isSealed) throw unusable(`key.sealed is missing in ${path.basename(folder)}, but what it opens is there: restore it`);
  const content: SpoolKeyContent = { key: randomBytes(KEY_BYTES).toString('base64'), clearBelow: numberMax + 1 };
  // The folder is locked: nobody else can have made it.
  if (!(await file.create(content))) throw unusable('another process made key.sealed');
  return content;
}

const besideSpool = (folder: string): string => `${path.resolve(folder)}.key`;

/**
 * A container's spool is a volume, and what lies beside it goes with the container: then nothing that was promised could be
 * read again. Told before the first event, not after the first restart.
 */
async function refuseLooseKey(folder: string): Promise<void> {
  const file = besideSpool(folder);
  if ((await stat(file).catch(() => undefined)) !== undefined) return;
  const [spool, beside] = await Promise.all([stat(folder), stat(path.dirname(file))]);
  if (spool.dev === beside.dev) return;
  throw new EmitError('OPTION_INVALID', 'the spool folder is a volume of its own: say in spoolKey where its key lies, which must outlive the process too', 'spoolKey');
}

/** Highest number of a file in the folder, and whether any is encrypted. */
async function whatLies(folder: string): Promise<{ numberMax: number; isSealed: boolean }> {
  const names = (await readdir(folder)).filter((name) => /^\d{10}\.(seg|spare)$/.test(name));
  let isSealed = false;
  for (const name of names) if (!isSealed && name.endsWith('.seg')) isSealed = await beginsSealed(path.join(folder, name));
  return { numberMax: Math.max(0, ...names.map((name) => Number(name.slice(0, 10)))), isSealed };
}

async function beginsSealed(file: string): Promise<boolean> {
  const handle = await open(file, 'r');
  try {
    const { buffer } = await handle.read(Buffer.alloc(SEALED_MARK.length), 0, SEALED_MARK.length, 0);
    return buffer.equals(SEALED_MARK) || (await readFile(handle)).includes(SEALED_MARK);
  } finally {
    await handle.close();
  }
}

function unusable(message: string, cause?: Error): EmitError {
  return new EmitError('SPOOL_KEY_UNUSABLE', message, 'spoolKey', cause && { cause });
}
