import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { chown, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresBinaries } from './postgres-binaries.js';
import type { RunAs } from './run-as.js';
import { DevstackError } from './state-files.js';

const INITDB_FLAGS = ['--username=postgres', '--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--auth=scram-sha-256', '--data-checksums'];
const ENV = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
const MS_PER_DAY = 86_400_000;
const run = promisify(execFile);

export interface ClusterRequest {
  readonly binaries: PostgresBinaries;
  /** Folder that belongs to the server's user. */
  readonly home: string;
  readonly dataDir: string;
  readonly runAs: RunAs | undefined;
  /** True syncs the new files; false copies a template that is made once a version, which is faster. */
  readonly durable: boolean;
}

const newPassword = (): string => randomBytes(24).toString('base64url');

async function initdb({ binaries, home, dataDir, runAs, durable }: ClusterRequest, password: string): Promise<void> {
  const passwordFile = join(home, 'initdb.password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (runAs !== undefined) await chown(passwordFile, runAs.uid, runAs.gid);
  try {
    const args = ['-D', dataDir, `--pwfile=${passwordFile}`, ...INITDB_FLAGS, ...(durable ? [] : ['--no-sync'])];
    await run(join(binaries.root, 'bin', 'initdb'), args, { ...runAs, cwd: '/', env: ENV });
  } catch (cause) {
    throw new DevstackError('START_FAILED', `initdb failed: ${(cause as { stderr?: string }).stderr ?? String(cause)}`, { cause });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

// The temporary folder is everybody's: a template that somebody else prepared would be somebody else's database.
function isOurs(folder: string, runAs: RunAs | undefined): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  return found !== undefined && found.isDirectory() && found.uid === (runAs?.uid ?? process.getuid?.()) && (found.mode & 0o077) === 0;
}

async function copyTemplate(request: ClusterRequest, template: string): Promise<string> {
  const { dataDir, runAs } = request;
  if (!isOurs(template, runAs)) {
    const making = await mkdtemp(`${template}.`);
    if (runAs !== undefined) await chown(making, runAs.uid, runAs.gid);
    const password = newPassword();
    await initdb({ ...request, home: making, dataDir: join(making, 'data') }, password);
    await writeFile(join(making, 'password'), password, { mode: 0o600 });
    // Somebody may have been faster, or the name may be taken by a stranger: then this one serves once.
    const isKept = await rename(making, template).then(() => true, () => false);
    if (!isKept) {
      await run('cp', ['-R', join(making, 'data'), dataDir], { ...runAs, cwd: '/' });
      await rm(making, { recursive: true, force: true });
      return password;
    }
  }
  await run('cp', ['-R', join(template, 'data'), dataDir], { ...runAs, cwd: '/' });
  return readFile(join(template, 'password'), 'utf8');
}

/**
 * Templates of days before, and what was left of making them: `<stem><day>` and `<stem><day>.<random>`. What is of today, or of
 * yesterday around midnight, another process may be making right now.
 */
export function staleTemplates(names: readonly string[], stem: string, day: number): string[] {
  return names.filter((name) => {
    if (!name.startsWith(stem)) return false;
    const [of = '', making] = name.slice(stem.length).split('.');
    return making === undefined ? Number(of) < day : Number(of) < day - 1;
  });
}

// The day is part of the name: cleaners of temporary folders take old files out one by one, and half a template is none.
async function templateFolder({ binaries, runAs }: ClusterRequest): Promise<string> {
  const day = Math.floor(Date.now() / MS_PER_DAY);
  const stem = `countersign-initdb-${binaries.version}-${String(runAs?.uid ?? process.getuid?.() ?? 0)}-day`;
  for (const name of staleTemplates(await readdir(tmpdir()), stem, day)) {
    const path = join(tmpdir(), name);
    if (isOurs(path, runAs)) await rm(path, { recursive: true, force: true });
  }
  return join(tmpdir(), `${stem}${String(day)}`);
}

/**
 * Makes the cluster's data folder: UTF-8, checksums, PostgreSQL's own C.UTF-8 collation (it sorts alike on every
 * machine), passwords by SCRAM.
 * @returns the superuser's password, which the caller must keep before it renames `dataDir` into place
 * @throws {DevstackError} START_FAILED
 */
export async function createCluster(request: ClusterRequest): Promise<string> {
  await rm(request.dataDir, { recursive: true, force: true });
  if (request.durable) {
    const password = newPassword();
    await initdb(request, password);
    return password;
  }
  return copyTemplate(request, await templateFolder(request));
}
