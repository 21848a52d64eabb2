import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ChainFault, parseCheckpoint, verifyCheckpoint } from '@countersign/chain';
import type { SeenTree, Vkey } from '@countersign/chain';
import type { LedgerCheckpoint } from '@countersign/backup';
import { tenantSchema } from '@countersign/contracts';
import pg from 'pg';
import { checkLedger } from '../fsck/check-ledger.js';
import type { CheckedLedger, LedgerRow } from '../fsck/check-ledger.js';
import { parseKey } from '../keys.js';
import { restoreFault } from './server.js';

/** A checkpoint that was kept where no database is put back. */
export interface OutsideCheckpoint {
  readonly tenant: string;
  readonly note: string;
}

export interface ProvedLedger {
  readonly tenant: string;
  readonly treeSize: number;
  /** Size of the last checkpoint outside that it was held against; 0 when nothing had been signed. */
  readonly provedSize: number;
}

export interface ProofOptions {
  readonly outside: readonly OutsideCheckpoint[];
  /** What the backup holds at least, with the keys that signed it. */
  readonly catalogued: readonly LedgerCheckpoint[];
  /** Keys that were given; else those that were catalogued. */
  readonly vkeys: readonly Vkey[] | undefined;
  readonly onProgress: (tenant: string, done: number, total: number) => void;
}

/** The last checkpoints in a ledger's state folder. */
export async function outsideCheckpoints(ledgerState: string): Promise<readonly OutsideCheckpoint[]> {
  const folder = join(ledgerState, 'checkpoints');
  const found: OutsideCheckpoint[] = [];
  for (const tenant of (await readdir(folder)).toSorted()) {
    if (!tenantSchema.safeParse(tenant).success) continue;
    found.push({ tenant, note: await readFile(join(folder, tenant, 'checkpoint'), 'utf8') });
  }
  return found;
}

/**
 * Derives every ledger of a restored database anew and holds it against the last checkpoint outside and the one of the backup.
 * Throws CliError RESTORE_BEHIND_CHECKPOINT when something signed is not there, RESTORE_NOT_PROVED when something is otherwise than it was signed.
 */
export async function proveRestored(database: pg.ClientConfig, options: ProofOptions): Promise<readonly ProvedLedger[]> {
  const client = new pg.Client(database);
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const { rows } = await client.query<LedgerRow>('SELECT ledger_id, tenant, origin FROM ledgers ORDER BY tenant');
    const missing = [...options.outside, ...options.catalogued].find(({ tenant }) => rows.every((row) => row.tenant !== tenant));
    if (missing !== undefined) throw restoreFault('RESTORE_BEHIND_CHECKPOINT', `the ledger of ${missing.tenant} was signed and is not there`, { tenant: missing.tenant });
    const proved: ProvedLedger[] = [];
    for (const ledger of rows) proved.push(await proveLedger(client, ledger, options));
    return proved;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function proveLedger(client: pg.Client, ledger: LedgerRow, { outside, catalogued, vkeys, onProgress }: ProofOptions): Promise<ProvedLedger> {
  const own = catalogued.find(({ tenant }) => tenant === ledger.tenant);
  const keys = (vkeys ?? (own?.vkeys ?? []).map((text) => parseKey(text).vkey)).filter(({ name }) => name === ledger.origin);
  const signed = [...outside.filter(({ tenant }) => tenant === ledger.tenant), ...(own === undefined ? [] : [own])].map(({ note }) => readNote(note, ledger, keys));
  const last = signed.toSorted((a, b) => b.treeSize - a.treeSize)[0];
  const checked = await checkLedger(client, ledger, { vkeys: keys, lastSeen: last, onProgress: (done, total) => onProgress(ledger.tenant, done, total) });
  refuseFindings(ledger, checked, last);
  return { tenant: ledger.tenant, treeSize: checked.treeSize, provedSize: last?.treeSize ?? 0 };
}

function refuseFindings({ tenant }: LedgerRow, { findings, treeSize }: CheckedLedger, last: SeenTree | undefined): void {
  if (last !== undefined && treeSize < last.treeSize) {
    throw restoreFault('RESTORE_BEHIND_CHECKPOINT', `the ledger of ${tenant} has ${treeSize} entries, ${last.treeSize} were signed: ${last.treeSize - treeSize} are lost`, { tenant, treeSize, signedSize: last.treeSize });
  }
  const [first] = findings.first;
  if (first !== undefined) throw restoreFault('RESTORE_NOT_PROVED', `the ledger of ${tenant}: ${first.code}: ${first.message}${findings.total > 1 ? ` (and ${findings.total - 1} more)` : ''}`, { tenant, finding: first.code });
}

function readNote(note: string, { tenant, origin }: LedgerRow, vkeys: readonly Vkey[]): SeenTree {
  try {
    const { treeSize, root, ...head } = vkeys.length === 0 ? parseCheckpoint(note) : verifyCheckpoint(note, { origin, vkeys });
    if (head.origin !== origin) throw new ChainFault('CHECKPOINT_ORIGIN_MISMATCH', 'is another ledger’s');
    return { treeSize, root };
  } catch (error) {
    if (!(error instanceof ChainFault)) throw error;
    throw restoreFault('RESTORE_NOT_PROVED', `the last checkpoint of ${tenant} outside the database: ${error.code}: ${error.message}`, { tenant, finding: error.code });
  }
}
