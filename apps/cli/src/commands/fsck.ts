import { existsSync, readFileSync } from 'node:fs';
import { Command } from 'commander';
import { withClient } from '@countersign/postgres';
import type pg from 'pg';
import { CliError, EXIT, usageError } from '../exit-code.js';
import type { ExitCode } from '../exit-code.js';
import { checkLedger } from '../fsck/check-ledger.js';
import type { CheckedLedger, LedgerRow } from '../fsck/check-ledger.js';
import { progressFor, run, withExamples, withJson } from '../io.js';
import type { Ended, Io } from '../io.js';
import { keysFrom, parseKey } from '../keys.js';
import type { NamedKey } from '../keys.js';
import { LedgerApi } from '../ledger-api.js';
import type { Output } from '../output.js';
import { count } from '../progress.js';
import { localStackOf } from '../target.js';
import { LOCAL_PLACE, memoryOf } from '../verify/live-ledger.js';
import type { VerifierOptions } from '../verify/live-ledger.js';
import { withVerifier } from '../verify/options.js';

interface Options extends VerifierOptions {
  readonly json?: boolean;
  readonly databaseUrl?: string;
}

export function fsckCommand(io: Io, ended: Ended): Command {
  const command = withVerifier(new Command('fsck'))
    .description('check the database itself, deriving every hash, tile and root anew, without the ledger service')
    .option('--database-url <url or file>', 'connection as the role ledger_reader, or a file that holds it (env COUNTERSIGN_DATABASE_URL; default: the local stack)')
    .option('--tenant <name>', 'one ledger (default: all of them)')
    .option('--state-dir <dir>', 'state folder of a local stack (default: the nearest .countersign)')
    .action((options: Options) => run(io, ended, options, (output) => fsck(options, io, output)));
  return withExamples(withJson(command), ['fsck', 'fsck --tenant acme --key acme.pub', 'fsck --database-url /run/secrets/ledger-reader-url --json']);
}

async function fsck(options: Options, io: Io, output: Output): Promise<ExitCode> {
  const startedMs = performance.now();
  const given = options.key === undefined || options.key.length === 0 ? undefined : keysFrom(options.key);
  const ledgers = await connected(databaseUrlOf(options, io), (client) => checkAll(client, given, options, io, output));
  const findings = ledgers.reduce((sum, ledger) => sum + ledger.findings.total, 0);
  const seconds = (performance.now() - startedMs) / 1000;
  const document = { ok: findings === 0, findings, ledgers: ledgers.map(documentOf), seconds: Number(seconds.toFixed(3)) };
  output.result(document, () => [...ledgers.flatMap(linesOf), findings === 0 ? `OK: nothing is wrong with ${count(ledgers.length)} ledgers (${seconds.toFixed(1)} s)` : `FAILED: ${count(findings)} findings`]);
  return findings === 0 ? EXIT.ok : EXIT.fault;
}

/** One snapshot for everything: the ledger may go on appending meanwhile. */
async function checkAll(client: pg.Client, given: readonly NamedKey[] | undefined, options: Options, io: Io, output: Output): Promise<CheckedLedger[]> {
  const memory = memoryOf(options, io);
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const { rows } = await client.query<LedgerRow>('SELECT ledger_id, tenant, origin FROM ledgers WHERE $1::text IS NULL OR tenant = $1 ORDER BY tenant', [options.tenant ?? null]);
  if (rows.length === 0 && options.tenant !== undefined) throw usageError(`there is no ledger ${options.tenant}`);
  const checked: CheckedLedger[] = [];
  for (const ledger of rows) {
    const own = (given ?? (await localKeysOf(ledger.tenant, options, io))).filter(({ vkey }) => vkey.name === ledger.origin);
    const progress = progressFor(output, `fsck ${ledger.tenant}`, 'entries');
    checked.push(await checkLedger(client, ledger, { vkeys: own.map(({ vkey }) => vkey), lastSeen: memory.lastSeen(own), onProgress: (done, total) => progress.update(done, total) }));
    progress.stop();
  }
  await client.query('COMMIT');
  return checked;
}

/** The keys that this verifier pinned for a ledger of the local stack, or that it serves now; none when it serves none. */
async function localKeysOf(tenant: string, options: Options, io: Io): Promise<NamedKey[]> {
  if (options.databaseUrl !== undefined || io.env['COUNTERSIGN_DATABASE_URL'] !== undefined) return [];
  const memory = memoryOf(options, io);
  const place = `${LOCAL_PLACE}/ledgers/${tenant}`;
  const known = memory.pins(place);
  if (known !== undefined) return known.map(parseKey);
  try {
    const { vkeys } = await new LedgerApi(localStackOf(options, io.cwd).ledgerUrl).ledger(tenant);
    return (await memory.pinned(place, vkeys)).map(parseKey);
  } catch (error) {
    // The database is what is checked: a ledger that does not answer must not stop that.
    if (error instanceof CliError) return [];
    throw error;
  }
}

function databaseUrlOf(options: Options, io: Io): string {
  const given = options.databaseUrl ?? io.env['COUNTERSIGN_DATABASE_URL'] ?? localStackOf(options, io.cwd).readerUrlFile;
  return existsSync(given) ? readFileSync(given, 'utf8').trim() : given;
}

async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  if (!URL.canParse(url)) throw usageError('--database-url must be a connection URL, or a file that holds one');
  let isConnected = false;
  try {
    return await withClient(url, (client) => {
      isConnected = true;
      return work(client);
    });
  } catch (error) {
    if (isConnected) throw error;
    throw new CliError(EXIT.unreachable, 'DATABASE_UNREACHABLE', `the database cannot be reached: ${(error as Error).message}`);
  }
}

function documentOf({ findings, ...ledger }: CheckedLedger): object {
  return { ...ledger, findings: findings.total, first: findings.first };
}

function linesOf({ tenant, treeSize, root, checkpoints, tiles, signaturesChecked, findings }: CheckedLedger): string[] {
  const signatures = signaturesChecked ? 'signatures checked' : 'signatures not checked (give --key)';
  return [
    `${tenant}: ${count(treeSize)} entries, ${count(tiles)} tiles, ${count(checkpoints)} checkpoints, ${signatures}, root ${root}`,
    ...findings.first.map(({ code, leafIndex, message }) => `  ${code}${leafIndex === undefined ? '' : ` at leaf ${leafIndex}`}: ${message}`),
  ];
}
