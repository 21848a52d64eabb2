import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const APT_LIMIT_MS = 180_000;

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A program of a Debian package. */
export interface DebianProgram {
  readonly name: string;
  readonly debianPackage: string;
}

/** Where it is: PATH, Debian's own folders, or what was unpacked into `cacheDir`. */
export function findProgram({ name, debianPackage }: DebianProgram, cacheDir: string): string | undefined {
  // Debian puts it in /usr/sbin, which is not in an ordinary user's PATH.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin', '/usr/local/sbin'];
  const candidates = [...folders.map((folder) => join(folder, name)), ...['sbin', 'bin'].map((folder) => join(cacheDir, debianPackage, 'usr', folder, name))];
  return candidates.find(isProgram);
}

function apt(command: string, args: readonly string[], { cwd = '/', limitMs = APT_LIMIT_MS }: { readonly cwd?: string; readonly limitMs?: number } = {}): { ok: boolean; output: string } {
  const run = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: limitMs,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return { ok: run.status === 0, output: `${run.stdout ?? ''}${run.stderr ?? ''}${run.error?.message ?? ''}`.trim() };
}

/** Installs the package for everybody; each call of apt takes `limitMs` at most. Returns what went wrong; empty when nothing did. */
export function installAsRoot({ debianPackage }: DebianProgram, limitMs = APT_LIMIT_MS): string {
  const install = (): ReturnType<typeof apt> => apt('apt-get', ['-qq', '-y', '--no-install-recommends', 'install', debianPackage], { limitMs });
  if (install().ok) return '';
  // A machine that never asked for the package lists, or whose lists are too old.
  const update = apt('apt-get', ['-qq', 'update'], { limitMs });
  const second = install();
  return second.ok ? '' : `${update.output}\n${second.output}`;
}

// A machine that never ran "apt-get update" has no package lists, and only root may fetch the system's.
function downloadWithOwnLists(debianPackage: string, folder: string, limitMs: number): { ok: boolean; output: string } {
  const own = join(folder, 'apt');
  for (const name of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(own, name), { recursive: true });
  const options = ['-qq', '-o', `Dir::State::lists=${join(own, 'lists')}`, '-o', `Dir::Cache=${join(own, 'cache')}`];
  const update = apt('apt-get', [...options, 'update'], { cwd: folder, limitMs });
  const download = apt('apt-get', [...options, 'download', debianPackage], { cwd: folder, limitMs });
  return { ok: download.ok, output: `${update.output}\n${download.output}`.trim() };
}

/** Moves the whole folder at once: another process that looks for the program meanwhile finds all of it, or nothing. */
function keep(unpacked: string, kept: string): void {
  try {
    renameSync(unpacked, kept);
  } catch (error) {
    // Somebody was faster.
    if (!existsSync(kept)) throw error;
  }
}

/** Downloads the package and unpacks it into `cacheDir`, for us alone; nothing of it is configured or started. Returns what went wrong; empty when nothing did. */
export function unpackAsUser({ debianPackage }: DebianProgram, cacheDir: string, limitMs = APT_LIMIT_MS): string {
  mkdirSync(cacheDir, { recursive: true });
  const folder = mkdtempSync(join(cacheDir, 'download-'));
  try {
    const first = apt('apt-get', ['-qq', 'download', debianPackage], { cwd: folder, limitMs });
    const second = first.ok ? first : downloadWithOwnLists(debianPackage, folder, limitMs);
    const file = readdirSync(folder).find((name) => name.endsWith('.deb'));
    if (file === undefined) return `${first.output}\n${second.output}`;
    const unpacked = join(folder, 'unpacked');
    const unpack = apt('dpkg', ['-x', join(folder, file), unpacked]);
    if (!unpack.ok) return unpack.output;
    keep(unpacked, join(cacheDir, debianPackage));
    return '';
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
