import { spawnSync } from 'node:child_process';
import { findProgram, installAsRoot, unpackAsUser, type DebianProgram } from './debian-program.js';
import { DevstackError } from './state-files.js';

const NATS_SERVER: DebianProgram = { name: 'nats-server', debianPackage: 'nats-server' };

/**
 * Path of a nats-server program: from PATH, Debian's /usr/sbin or `cacheDir`; else it is installed by apt (root) or
 * downloaded by apt and unpacked into `cacheDir` (ordinary user). Never asks anything.
 * @throws {DevstackError} NATS_SERVER_MISSING, saying what to install
 */
export function natsServerProgram(cacheDir: string, log: (line: string) => void): string {
  const found = findProgram(NATS_SERVER, cacheDir);
  if (found !== undefined) return found;
  const root = process.getuid?.() === 0;
  log(root ? 'installing nats-server (apt-get install nats-server)' : 'fetching nats-server (apt-get download nats-server)');
  const problem = root ? installAsRoot(NATS_SERVER) : unpackAsUser(NATS_SERVER, cacheDir);
  const installed = findProgram(NATS_SERVER, cacheDir);
  if (installed !== undefined) return installed;
  throw new DevstackError(
    'NATS_SERVER_MISSING',
    'nats-server 2.9 or later is needed and was not found. Install it with "sudo apt-get install nats-server" ' +
      '(Debian 12 or later, Ubuntu 23.04 or later), "brew install nats-server" (macOS), or put the program from ' +
      `https://github.com/nats-io/nats-server/releases into a folder of PATH.${problem === '' ? '' : `\n${problem.split('\n').slice(-4).join('\n')}`}`,
  );
}

/** Whether a server can put every message on disk before it acknowledges it: from 2.10 on. */
export function syncsAlways(program: string): boolean {
  const [, major, minor] = /v(\d+)\.(\d+)/.exec(spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout) ?? [];
  return Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 10);
}
