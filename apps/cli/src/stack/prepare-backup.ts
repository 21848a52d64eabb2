import { readFileSync } from 'node:fs';
import type { Devstack } from '@countersign/devstack';
import { ensureReplicationRole, withClient } from '@countersign/postgres';
import { writeFileDurably } from '@countersign/runtime';
import type { BackupFiles } from './files.js';

const ROLE = 'countersign_backup';

/** Makes the role that backups are taken as; the server may have another port than last time. */
export async function prepareBackup(files: BackupFiles, devstack: Devstack): Promise<void> {
  const password = readFileSync(files.password, 'utf8').trim();
  await withClient(devstack.databaseUrl('postgres'), (client) => ensureReplicationRole(client, { name: ROLE, password }));
  await writeFileDurably(files.databaseUrl, Object.assign(new URL(devstack.databaseUrl('postgres')), { username: ROLE, password }).href);
}
