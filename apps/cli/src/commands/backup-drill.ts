import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { recordDrill } from '@countersign/backup';
import type { DrillResult } from '@countersign/backup';
import { KEYS_SYSTEM_TENANT } from '@countersign/contracts';
import { openArchive, withBackupFaults } from '../backup/place.js';
import { EXIT } from '../exit-code.js';
import type { ExitCode } from '../exit-code.js';
import { run } from '../io.js';
import type { Ended, Io } from '../io.js';
import { describe } from '../output.js';
import type { Output } from '../output.js';
import { openSender } from '../send/open-sender.js';
import { busOf } from '../target.js';
import type { TargetOptions } from '../target.js';
import { documentOf, linesOf, restoreWith, withRestore } from './backup-restore.js';
import type { RestoreCommandOptions } from './backup-restore.js';

type DrillOptions = RestoreCommandOptions & TargetOptions & { readonly scratch?: string };

const SOURCE = 'backup';
const RECEIPT_LIMIT_MS = 30_000;

export function backupDrillCommand(io: Io, ended: Ended): Command {
  return withRestore(new Command('drill'))
    .description('restore a backup to a scratch folder, prove it, measure it, put the result on record in the system ledger, and delete it again')
    .option('--scratch <dir>', 'where there is room for it (default: the temporary folder)')
    .option('--nats-url <url>', 'URL of the bus (env COUNTERSIGN_NATS_URL; default: the local stack)')
    .option('--nats-seed <file>', 'file with the nkey seed of a bus user (env COUNTERSIGN_NATS_SEED_FILE)')
    .action((options: DrillOptions) => run(io, ended, options, (output) => withBackupFaults(() => drill(options, io, output))));
}

/** A drill that fails is on record too, and fails. */
async function drill(options: DrillOptions, io: Io, output: Output): Promise<ExitCode> {
  const at = new Date();
  const scratch = await mkdtemp(join(resolve(io.cwd, options.scratch ?? tmpdir()), 'countersign-drill-'));
  // PostgreSQL runs as another user when this runs as root: let it pass through, not look.
  await chmod(scratch, 0o711);
  try {
    const restored = await withBackupFaults(() => restoreWith(options, join(scratch, 'data'), io, output));
    const document = documentOf(restored, at);
    const result: DrillResult = { at: at.toISOString(), backup: restored.backup.id, outcome: 'success', recoverySeconds: restored.seconds.total, recoveryPointSeconds: document.recoveryPointSeconds, ledgers: restored.ledgers.length };
    await keep(result, options, io);
    output.result({ ok: true, ...document }, () => [...linesOf(restored), `recovery time ${restored.seconds.total} s, recovery point ${document.recoveryPointSeconds} s; on record in the ledger ${KEYS_SYSTEM_TENANT}`]);
    return EXIT.ok;
  } catch (error) {
    const { code } = describe(error);
    await keep({ at: at.toISOString(), backup: options.backup, outcome: 'failure', fault: code }, options, io).catch((failure: unknown) => output.note(`not on record: ${(failure as Error).message}`));
    throw error;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** On record in the ledger first: what the metrics tell, the ledger tells too. */
async function keep(result: DrillResult, options: DrillOptions, io: Io): Promise<void> {
  const sender = await openSender(busOf(options, io.env, io.cwd), SOURCE);
  const { at, outcome, ...data } = result;
  try {
    await sender.emitter.emitAndWait(
      { tenant: KEYS_SYSTEM_TENANT, type: 'backup.drill.completed', time: at, severity: outcome === 'success' ? 'info' : 'alert', outcome, actor: { type: 'system', id: 'countersign-backup' }, resource: { type: 'backup', id: result.backup }, data, numbered: false },
      { timeoutMs: RECEIPT_LIMIT_MS },
    );
  } finally {
    await sender.close();
  }
  const archive = await openArchive(options, io);
  try {
    await recordDrill(archive, result);
  } finally {
    for (const store of archive.stores) store.close();
  }
}
