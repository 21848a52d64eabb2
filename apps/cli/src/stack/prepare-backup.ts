import { readFileSync } from 'node:fs';
import type { Devstack } from '@countersign/devstack';
import { writeFileDurably } from '@countersign/runtime';
import { BACKUP_ROLE, ensureBackupRole } from '../backup/role.js';
import type { BackupFiles } from './files.js';

/** Makes the role that backups are taken as; the server may have another port than last time. */
export async function prepareBackup(files: BackupFiles, devstack: Devstack): Promise<void> {
  const password = readFileSync(files.password, 'utf8').trim();
  await ensureBackupRole(devstack.databaseUrl('postgres'), password);
  await writeFileDurably(files.databaseUrl, Object.assign(new URL(devstack.databaseUrl('postgres')), { username: BACKUP_ROLE, password }).href);
}
