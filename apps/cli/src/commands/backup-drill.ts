import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { recordDrill } from '@countersign/backup';
import type { DrillResult } from '@countersign/backup';
import { KEYS_SYSTEM_TENANT } from '@countersign/contracts';
import { openArchive, withBackupFaults } from '../backup/place.js';
import type { OutsideCheckpoint } from '../backup/prove-restored.js';
import { DRILL_FOLDER } from '../backup/run-drill.js';
import { currentCheckpoints } from '../backup/server.js';
import { EXIT, usageError } from '../exit-code.js';
import type { ExitCode } from '../exit-code.js';
import { run } from '../io.js';
import type { Ended, Io } from '../io.js';
import { describe } from '../output.js';
import type { Output } from '../output.js';
import { openSender } from '../send/open-sender.js';
import { busOf, localStackOf } from '../target.js';
import type { BusTarget, TargetOptions } from '../target.js';
import { documentOf, linesOf, outsideOf, restoreWith, withRestore } from './backup-restore.js';
import type { RestoreCommandOptions } from './backup-restore.js';

type DrillOptions = RestoreCommandOptions & TargetOptions & { readonly scratch?: string; readonly settleSeconds: string };

const SOURCE = 'backup';
const RECEIPT_LIMIT_MS = 30_000;
const SETTLE_SECONDS_MAX = 3_600;

export function backupDrillCommand(io: Io, ended: Ended): Command {
  return withRestore(new Command('drill'))
    .description('restore a backup to a scratch folder, prove it, measure it, put the result on record in the system ledger, and delete it again')
    .option('--scratch <dir>', 'where there is room for it (default: the temporary folder)')
    .option('--ledger-url <url>', 'base URL of the ledger that runs, whose checkpoints the restored ledgers are held against where no --ledger-state is named (env COUNTERSIGN_LEDGER_URL)')
    .option('--settle-seconds <n>', 'the log has so long to reach the archive once those checkpoints were read', '30')
    .option('--nats-url <url>', 'URL of the bus (env COUNTERSIGN_NATS_URL; default: the local stack)')
    .option('--nats-seed <file>', 'file with the nkey seed of the bus user "backup" (env COUNTERSIGN_BACKUP_NATS_SEED_FILE; default: the local stack)')
    .action((options: DrillOptions) => run(io, ended, options, (output) => withBackupFaults(() => drill(options, io, output))));
}

/** A drill that fails is on record too, and fails. */
async function drill(options: DrillOptions, io: Io, output: Output): Promise<ExitCode> {
  const at = new Date();
  const settleMs = settleMsOf(options);
  const scratch = await mkdtemp(join(resolve(io.cwd, options.scratch ?? tmpdir()), DRILL_FOLDER));
  // PostgreSQL runs as another user when this runs as root: let it pass through, not look.
  await chmod(scratch, 0o711);
  try {
    const outside = await outsideOfDrill(options, io);
    // What was signed a moment ago is in the archive only when its piece of the log is.
    if (outside.length > 0 && options.wal && settleMs > 0) {
      output.note(`what was signed by now has ${settleMs / 1_000} s to reach the archive`);
      await sleep(settleMs);
    }
    const lostAt = new Date();
    const restored = await withBackupFaults(() => restoreWith(options, outside, join(scratch, 'data'), io, output));
    const document = documentOf(restored, lostAt);
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

function settleMsOf({ settleSeconds }: DrillOptions): number {
  const seconds = Number(settleSeconds);
  if (!(seconds >= 0 && seconds <= SETTLE_SECONDS_MAX)) throw usageError(`${settleSeconds} is not a number of seconds up to ${SETTLE_SECONDS_MAX}`);
  return seconds * 1_000;
}

/** A ledger that runs tells itself what it has signed, where its state folder is not at hand. */
async function outsideOfDrill(options: DrillOptions, io: Io): Promise<readonly OutsideCheckpoint[]> {
  const isAsked = options.ledgerState === undefined && options.catalogued !== true && (options.ledgerUrl ?? io.env['COUNTERSIGN_LEDGER_URL']) !== undefined;
  return isAsked ? currentCheckpoints(options, io) : outsideOf(options, io);
}

function busOfDrill(options: DrillOptions, { env, cwd }: Io): BusTarget {
  const natsSeed = options.natsSeed ?? env['COUNTERSIGN_BACKUP_NATS_SEED_FILE'] ?? env['COUNTERSIGN_NATS_SEED_FILE'];
  if (natsSeed !== undefined) return busOf({ ...options, natsSeed }, env, cwd);
  const isLocal = (options.natsUrl ?? env['COUNTERSIGN_NATS_URL']) === undefined;
  return busOf(isLocal ? { ...options, natsSeed: localStackOf(options, cwd).backupSeedFile } : options, env, cwd);
}

/** On record in the ledger first: what the metrics tell, the ledger tells too. */
async function keep(result: DrillResult, options: DrillOptions, io: Io): Promise<void> {
  const sender = await openSender(busOfDrill(options, io), SOURCE);
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
