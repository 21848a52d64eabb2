import { stat } from 'node:fs/promises';
import { SealedFileError } from './sealed-file-error.js';

/**
 * Refuses a file or folder that others may read or write, or that another user owns: its owner could put a key of
 * their own there, or take the permissions off again. Throws SealedFileError.
 * @param me the user who runs this; undefined where the system has no such thing
 */
export async function refuseOthers(path: string, me: number | undefined = process.geteuid?.()): Promise<void> {
  const { mode, uid } = await stat(path);
  if ((mode & 0o077) !== 0) {
    throw new SealedFileError('SEALED_FILE_PERMISSIONS', `${path} is open to others (mode ${(mode & 0o777).toString(8)}): take all permissions from group and others`);
  }
  if (me !== undefined && uid !== me) throw new SealedFileError('SEALED_FILE_OWNER', `${path} belongs to user ${uid}, not to ${me} who runs this: chown it`);
}
