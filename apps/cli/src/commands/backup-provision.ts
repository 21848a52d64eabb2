import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { readCatalogue } from '@countersign/backup';
import { makeArchive } from '../backup/archive-file.js';
import { keyFileOf, openArchive, storesOf, withBackupFaults, writeKeyFile } from '../backup/place.js';
import type { ArchiveOptions } from '../backup/place.js';
import { BACKUP_ROLE, ensureBackupRole } from '../backup/role.js';
import { connectionUrl } from '../backup/server.js';
import { CliError, EXIT, usageError } from '../exit-code.js';
import { run } from '../io.js';
import type { Ended, Io } from '../io.js';
import type { KeyServiceOptions } from '../key-service/key-service.js';
import type { Output } from '../output.js';

type ProvisionOptions = ArchiveOptions & KeyServiceOptions & { readonly adminUrl?: string; readonly passwordFile?: string };

export function backupProvisionCommand(io: Io, ended: Ended): Command {
  return new Command('provision')
    .description('make what backups of a deployment need, and keep what is there: with --admin-url the role on the server, with --archive the archive and its key')
    .option('--admin-url <url or file>', 'connection of a superuser to the server (env COUNTERSIGN_BACKUP_ADMIN_DATABASE_URL_FILE)')
    .option('--password-file <file>', `file with the password of the role ${BACKUP_ROLE} (env COUNTERSIGN_BACKUP_PASSWORD_FILE)`)
    .action((options: ProvisionOptions) => run(io, ended, options, (output) => withBackupFaults(() => provision(options, io, output))));
}

async function provision(options: ProvisionOptions, io: Io, output: Output): Promise<void> {
  const admin = options.adminUrl ?? io.env['COUNTERSIGN_BACKUP_ADMIN_DATABASE_URL_FILE'];
  const hasArchive = (options.archive ?? io.env['COUNTERSIGN_BACKUP_ARCHIVE']) !== undefined;
  if (admin === undefined && !hasArchive) throw usageError('name the connection of a superuser with --admin-url, an archive with --archive, or both');
  const done: string[] = [];
  if (admin !== undefined) {
    await provideRole(connectionUrl(admin, '--admin-url', io), passwordOf(options, io));
    done.push(`the role ${BACKUP_ROLE} is there`);
  }
  if (hasArchive) done.push(await provideArchive(options, io));
  output.result({ ok: true, done }, () => done);
}

async function provideRole(adminUrl: string, password: string): Promise<void> {
  try {
    await ensureBackupRole(adminUrl, password);
  } catch (error) {
    throw new CliError(EXIT.unreachable, 'BACKUP_SERVER_FAILED', `BACKUP_SERVER_FAILED: the role ${BACKUP_ROLE} was not made: ${(error as Error).message}`);
  }
}

/** One that is there has to open: an archive that was taken away, or another key, is not made good by a new one. Returns what was done. */
async function provideArchive(options: ProvisionOptions, io: Io): Promise<string> {
  const keyFile = keyFileOf(options, io);
  const stores = storesOf(options, io);
  try {
    if (existsSync(keyFile)) {
      await readCatalogue(stores[0]!, (await openArchive(options, io)).key);
      return 'the archive is there, and opens with its key';
    }
    await makeArchive(stores, options, io, (bytes) => writeKeyFile(keyFile, bytes));
    return `an archive was made, with its key in ${keyFile}: copy that to where the root key is kept`;
  } finally {
    for (const store of stores) store.close();
  }
}

function passwordOf({ passwordFile }: ProvisionOptions, { cwd, env }: Io): string {
  const given = passwordFile ?? env['COUNTERSIGN_BACKUP_PASSWORD_FILE'];
  if (given === undefined) throw usageError('name the file with the password of the role with --password-file');
  const path = resolve(cwd, given);
  if (!existsSync(path)) throw usageError(`${path} is not there: --password-file names the password of the role`);
  const password = readFileSync(path, 'utf8').trim();
  if (password === '') throw usageError(`${path} is empty`);
  return password;
}
