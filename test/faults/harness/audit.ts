import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from '@jest/globals';
import { openEmitter } from '@countersign/client';
import { parseCheckpoint, type Receipt, type TreeHead } from '@countersign/chain';
import type { LedgerView, Verdict } from '@countersign/contracts';
import pg from 'pg';
import { auditClearText, auditKeyEvents, auditReadBack, keysRelayed } from './audit-keys.js';
import { CLI_MAIN } from './places.js';
import type { Producer } from './producer-process.js';
import { readStoredLedger, type StoredLedger } from './recorded-ledger.js';
import type { ServiceProcess } from './service-process.js';
import type { Stand } from './stand.js';
import { until, within } from './waiting.js';

const run = promisify(execFile);
const RECEIPT_LIMIT_MS = 120_000;
const CHECKPOINT_LIMIT_MS = 60_000;
const VERDICTS_LIMIT_MS = 60_000;
const BUSY = 429;
const SYSTEM = 'system';

export interface AuditOptions {
  /** Asked over HTTP; default the stand's first ledger. */
  readonly ledger?: ServiceProcess;
  readonly tenants: readonly string[];
  readonly producers: readonly Producer[];
  /** Subjects that were erased: their parts are read as such. */
  readonly erased?: readonly string[];
}

/**
 * What must hold after any fault. Ends the producers in the orderly way, and returns what is recorded.
 * 1. The service still appends, and every promised event gets its receipt.
 * 2. Every promised event is recorded exactly once, as it was sent; nothing is missing between two numbers of a producer.
 * 3. No gap, no fork: one chain, one tree, and every checkpoint and receipt ever seen speaks of that tree.
 * 4. The service's own full verification and `fsck` find nothing, and no verification ever found a break.
 * 5. With the key service: no personal part is stored in the clear, what was sent is read back, and whatever the key service
 *    has on record is in the ledger.
 */
export async function audit(stand: Stand, options: AuditOptions): Promise<StoredLedger[]> {
  const ledger = options.ledger ?? stand.ledgers[0];
  if (ledger === undefined) throw new Error('the stand has no ledger');
  await ledger.ready();
  await stand.keys?.process.ready();
  await Promise.all(options.producers.map((producer) => producer.drain()));
  for (const tenant of options.tenants) await recordOneMore(stand, tenant);
  for (const tenant of options.tenants) await caughtUp(ledger, tenant);
  // One after the other: the service refuses to make more than a few verifications at once.
  const verdicts: Verdict[] = [];
  for (const tenant of options.tenants) verdicts.push(await verifyAll(ledger, tenant));
  expect(verdicts).toEqual(options.tenants.map((tenant) => expect.objectContaining({ tenant, verdict: 'intact', kind: 'full' })));
  await verdictsRecorded(stand);
  if (stand.keys !== undefined) await keysRelayed(stand);
  const views = await Promise.all([...options.tenants, SYSTEM].map((tenant) => caughtUp(ledger, tenant)));
  for (const view of views) await fsck(stand, view);
  const said = whatWasSaid(stand, [...options.tenants, SYSTEM]);
  const stored = await readAll(stand, [...options.tenants, SYSTEM]);
  for (const one of stored) checkTree(said, one);
  for (const one of stored) checkReceipts(said, one);
  checkPromises(stored, options.producers);
  if (stand.keys !== undefined) {
    await auditClearText(stand);
    await auditKeyEvents(stand, stored);
    for (const producer of options.producers) await auditReadBack(ledger, producer.promised(), stored, options.erased);
  }
  expect(stand.witness.broken).toEqual([]);
  expect(stored.map(({ tenant, parked }) => ({ tenant, parked }))).toEqual(stored.map(({ tenant }) => ({ tenant, parked: 0 })));
  return stored;
}

/** The queue goes on: an event sent now is recorded. */
async function recordOneMore(stand: Stand, tenant: string): Promise<void> {
  const emitter = await openEmitter({ source: 'audit', durability: 'bus', connection: stand.witness.bus, resendAfterMs: 1_000, emitTimeoutMs: 60_000 });
  try {
    const { receipt } = await emitter.emitAndWait({ tenant, type: 'audit.case.ended', actor: { type: 'system', id: 'audit' }, numbered: false }, { timeoutMs: RECEIPT_LIMIT_MS });
    expect(receipt.tenant).toBe(tenant);
  } finally {
    await emitter.close({ drainTimeoutMs: 0 });
  }
}

async function caughtUp(ledger: ServiceProcess, tenant: string): Promise<LedgerView> {
  let view = await ask<LedgerView>(`${ledger.url}/ledgers/${tenant}`);
  await until(`ledger ${tenant} signs a checkpoint over all of its ${view.treeSize} entries (has ${view.checkpoint?.treeSize})`, CHECKPOINT_LIMIT_MS, async () => {
    view = await ask<LedgerView>(`${ledger.url}/ledgers/${tenant}`);
    return view.treeSize === (view.checkpoint?.treeSize ?? 0);
  });
  return view;
}

/** The system ledger grows by the verdicts that the audit itself asks for: waits until it holds them all. */
async function verdictsRecorded(stand: Stand): Promise<void> {
  await withAdmin(stand, async (client) => {
    await until('every verdict is recorded in the system ledger', VERDICTS_LIMIT_MS, async () => {
      const { rows } = await client.query('SELECT FROM verifications WHERE to_ledger AND verification_id NOT IN (SELECT event_id FROM entries JOIN ledgers USING (ledger_id) WHERE tenant = $1)', [SYSTEM]);
      return rows.length === 0;
    });
  });
}

async function withAdmin<T>(stand: Stand, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: stand.adminUrl });
  client.on('error', () => undefined);
  await within('connecting to the database', 20_000, client.connect());
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function verifyAll(ledger: ServiceProcess, tenant: string): Promise<Verdict> {
  let answer: Response | undefined;
  await until(`the verification of ${tenant} is not refused for being busy`, VERDICTS_LIMIT_MS, async () => {
    answer = await fetch(`${ledger.url}/ledgers/${tenant}/verifications`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}', signal: AbortSignal.timeout(VERDICTS_LIMIT_MS) });
    return answer.status !== BUSY;
  });
  return (await (answer as Response).json()) as Verdict;
}

async function ask<T>(url: string, init: RequestInit = {}): Promise<T> {
  const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(60_000) });
  const body = await answer.text();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${body}`);
  return JSON.parse(body) as T;
}

/** The ledgers of this case, one by one, each with its own keys. */
async function fsck(stand: Stand, { tenant, vkeys }: LedgerView): Promise<void> {
  const keys = join(stand.folder, `${tenant}.pub`);
  writeFileSync(keys, vkeys.join('\n'));
  const args = [CLI_MAIN, 'fsck', '--tenant', tenant, '--database-url', stand.readerUrlFile, '--seen-dir', join(stand.folder, 'seen'), '--json', '--key', keys];
  const { stdout } = await run(process.execPath, args, { env: { PATH: process.env['PATH'], HOME: stand.folder }, cwd: stand.folder }).catch((error: { stdout?: string; message: string }) => {
    throw new Error(`fsck: ${error.message}\n${error.stdout ?? ''}`);
  });
  expect(JSON.parse(stdout)).toMatchObject({ ok: true, findings: 0 });
}

async function readAll(stand: Stand, tenants: readonly string[]): Promise<StoredLedger[]> {
  return withAdmin(stand, async (client) => {
    const stored: StoredLedger[] = [];
    for (const tenant of tenants) stored.push(await readStoredLedger(client, tenant));
    return stored;
  });
}

type Root = { readonly treeSize: number; readonly root: string };

/** What was promised before the ledgers are read: the system ledger grows by itself, and what comes later is not in what was read. */
interface Said {
  readonly receipts: readonly Receipt[];
  readonly published: readonly TreeHead[];
  /** By tenant. */
  readonly archived: ReadonlyMap<string, readonly Root[]>;
}

function whatWasSaid(stand: Stand, tenants: readonly string[]): Said {
  return {
    receipts: [...stand.witness.receipts.values()].flat(),
    published: [...stand.witness.checkpoints],
    archived: new Map(tenants.map((tenant) => [tenant, [...stand.stateDirs].flatMap((dir) => archivedHeads(dir, tenant))])),
  };
}

/** Head, stored checkpoints, archived checkpoints and published checkpoints: all of one tree. */
function checkTree(said: Said, { tenant, origin, entries, roots, head, checkpoints }: StoredLedger): void {
  expect(head).toEqual({ treeSize: entries.length, root: roots.at(-1), lastEventHash: entries.at(-1)?.eventHash ?? head.lastEventHash });
  const published = said.published.filter((one) => one.origin === origin);
  const signed = [...checkpoints, ...(said.archived.get(tenant) ?? []), ...published.map(({ treeSize, root }) => ({ treeSize, root: root.toString('hex') }))];
  const strays = signed.filter(({ treeSize, root }) => roots[treeSize] !== root);
  expect({ tenant, strays }).toEqual({ tenant, strays: [] });
}

function archivedHeads(stateDir: string, tenant: string): Root[] {
  const folder = join(stateDir, 'checkpoints', tenant);
  const heads = ['history', 'latest'].flatMap((name) => linesOf(join(folder, name))).flatMap((line) => {
    const [size, root] = line.split(' ');
    return root === undefined ? [] : [{ treeSize: Number(size), root }];
  });
  const note = join(folder, 'checkpoint');
  if (existsSync(note)) {
    const { treeSize, root } = parseCheckpoint(readFileSync(note, 'utf8'));
    heads.push({ treeSize, root: root.toString('hex') });
  }
  return heads;
}

const linesOf = (file: string): string[] => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter((line) => line !== '') : []);

/** Every receipt published until then says what the entry says. */
function checkReceipts(said: Said, { tenant, entries }: StoredLedger): void {
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const wrong = said.receipts.filter((receipt) => {
    if (receipt.tenant !== tenant) return false;
    const entry = byId.get(receipt.id);
    return entry === undefined || receipt.index !== entry.index || receipt.eventHash !== entry.eventHash || receipt.recordedAt !== entry.recordedAt;
  });
  expect({ tenant, wrong }).toEqual({ tenant, wrong: [] });
}

function checkPromises(stored: readonly StoredLedger[], producers: readonly Producer[]): void {
  const entries = stored.flatMap((one) => one.entries.map((entry) => ({ ...entry, tenant: one.tenant })));
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  for (const producer of producers) {
    const promised = producer.promised();
    const broken = promised.filter(({ id, tenant, sequence, n }) => {
      const entry = byId.get(id);
      return entry?.tenant !== tenant || entry.producer?.sequence !== sequence || entry.n !== n;
    });
    expect({ source: producer.config.source, broken }).toEqual({ source: producer.config.source, broken: [] });
    const producerId = byId.get(promised[0]?.id ?? '')?.producer?.id;
    const sequences = entries.flatMap(({ producer: from }) => (from?.id === producerId && from !== undefined ? [from.sequence] : [])).sort((a, b) => a - b);
    const gaps = sequences.filter((sequence, at) => sequence !== at + 1);
    expect({ source: producer.config.source, promised: promised.length > 0, gaps: gaps.slice(0, 10) }).toEqual({ source: producer.config.source, promised: true, gaps: [] });
  }
}
