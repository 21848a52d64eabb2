import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { DevstackError } from './state-files.js';

const NAME = 'nats-server';
const APT_LIMIT_MS = 180_000;

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function find(cacheDir: string): string | undefined {
  // Debian puts it in /usr/sbin, which is not in an ordinary user's PATH.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin', '/usr/local/sbin'];
  const candidates = [...folders.map((folder) => join(folder, NAME)), join(cacheDir, 'usr', 'sbin', NAME), join(cacheDir, 'usr', 'bin', NAME)];
  return candidates.find(isProgram);
}

function apt(command: string, args: readonly string[], cwd = '/'): { ok: boolean; output: string } {
  const run = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: APT_LIMIT_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return { ok: run.status === 0, output: `${run.stdout ?? ''}${run.stderr ?? ''}${run.error?.message ?? ''}`.trim() };
}

function installAsRoot(): string {
  const update = apt('apt-get', ['-qq', 'update']);
  const install = apt('apt-get', ['-qq', '-y', '--no-install-recommends', 'install', NAME]);
  return install.ok ? '' : `${update.output}\n${install.output}`;
}

// A machine that never ran "apt-get update" has no package lists, and only root may fetch the system's.
function downloadWithOwnLists(folder: string): { ok: boolean; output: string } {
  const own = join(folder, 'apt');
  for (const name of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(own, name), { recursive: true });
  const options = ['-qq', '-o', `Dir::State::lists=${join(own, 'lists')}`, '-o', `Dir::Cache=${join(own, 'cache')}`];
  const update = apt('apt-get', [...options, 'update'], folder);
  const download = apt('apt-get', [...options, 'download', NAME], folder);
  return { ok: download.ok, output: `${update.output}\n${download.output}`.trim() };
}

function unpackAsUser(cacheDir: string): string {
  mkdirSync(cacheDir, { recursive: true });
  const folder = mkdtempSync(join(cacheDir, 'download-'));
  try {
    const first = apt('apt-get', ['-qq', 'download', NAME], folder);
    const second = first.ok ? first : downloadWithOwnLists(folder);
    const file = readdirSync(folder).find((name) => name.endsWith('.deb'));
    if (file === undefined) return `${first.output}\n${second.output}`;
    const unpack = apt('dpkg', ['-x', join(folder, file), cacheDir]);
    return unpack.ok ? '' : unpack.output;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Path of a nats-server program: from PATH, Debian's /usr/sbin or `cacheDir`; else it is installed by apt (root) or
 * downloaded by apt and unpacked into `cacheDir` (ordinary user). Never asks anything.
 * @throws {DevstackError} NATS_SERVER_MISSING, saying what to install
 */
export function natsServerProgram(cacheDir: string, log: (line: string) => void): string {
  const found = find(cacheDir);
  if (found !== undefined) return found;
  const root = process.getuid?.() === 0;
  log(root ? 'installing nats-server (apt-get install nats-server)' : 'fetching nats-server (apt-get download nats-server)');
  const problem = root ? installAsRoot() : unpackAsUser(cacheDir);
  const installed = find(cacheDir);
  if (installed !== undefined) return installed;
  throw new DevstackError(
    'NATS_SERVER_MISSING',
    'nats-server 2.9 or later is needed and was not found. Install it with "sudo apt-get install nats-server" ' +
      '(Debian 12 or later, Ubuntu 23.04 or later), "brew install nats-server" (macOS), or put the program from ' +
      `https://github.com/nats-io/nats-server/releases into a folder of PATH.${problem === '' ? '' : `\n${problem.split('\n').slice(-4).join('\n')}`}`,
  );
}
