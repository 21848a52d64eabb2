import { spawnSync } from 'node:child_process';
import { chownSync, rmSync, writeFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PostgresBinaries } from './postgres-binaries.js';
import type { RunAs } from './run-as.js';
import { DevstackError } from './state-files.js';

export interface ClusterRequest {
  readonly binaries: PostgresBinaries;
  /** Folder that belongs to the server's user. */
  readonly home: string;
  readonly dataDir: string;
  readonly runAs: RunAs | undefined;
  readonly password: string;
  readonly durable: boolean;
}

/**
 * Makes the cluster's data folder: UTF-8, checksums, PostgreSQL's own C.UTF-8 collation (it sorts alike on every
 * machine), passwords by SCRAM. Not durable: a copy of a template made once a version would save little, so initdb
 * runs without syncing.
 * @throws {DevstackError} START_FAILED
 */
export async function createCluster(request: ClusterRequest): Promise<void> {
  const { binaries, home, dataDir, runAs, password, durable } = request;
  // A folder without PG_VERSION is what an interrupted initdb left.
  await rm(dataDir, { recursive: true, force: true });
  const making = `${dataDir}.making`;
  await rm(making, { recursive: true, force: true });
  const passwordFile = join(home, 'initdb.password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (runAs !== undefined) chownSync(passwordFile, runAs.uid, runAs.gid);
  const flags = ['--username=postgres', '--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--auth=scram-sha-256', '--data-checksums'];
  const run = spawnSync(
    join(binaries.root, 'bin', 'initdb'),
    ['-D', making, `--pwfile=${passwordFile}`, ...flags, ...(durable ? [] : ['--no-sync'])],
    { ...runAs, cwd: '/', encoding: 'utf8', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' } },
  );
  rmSync(passwordFile, { force: true });
  if (run.status !== 0) throw new DevstackError('START_FAILED', `initdb failed: ${run.stderr}`);
  await rename(making, dataDir);
}
