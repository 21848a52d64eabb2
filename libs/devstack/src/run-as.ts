import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The ordinary user that a server runs as when this process is root. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

const CREATED_USER = 'countersign-postgres';
const NOBODY: RunAs = { uid: 65534, gid: 65534 };

function lookUp(name: string): RunAs | undefined {
  const line = readFileSync('/etc/passwd', 'utf8').split('\n').find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

/**
 * PostgreSQL refuses to run as root. As root: the system user `postgres`, else a system user made for it, else
 * `nobody`. As an ordinary user: undefined, the server runs as that user.
 */
export function postgresUser(): RunAs | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const known = lookUp('postgres') ?? lookUp(CREATED_USER);
  if (known !== undefined) return known;
  spawnSync('useradd', ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', CREATED_USER], { stdio: 'ignore' });
  return lookUp(CREATED_USER) ?? lookUp('nobody') ?? NOBODY;
}

/** True when that user may enter the folder or execute the file; asked of the kernel, by a process of that user. */
export function canReach(path: string, runAs: RunAs | undefined): boolean {
  const test = spawnSync('/bin/sh', ['-c', 'test -x "$1"', 'sh', path], { ...runAs, cwd: '/', stdio: 'ignore' });
  return test.status === 0;
}
