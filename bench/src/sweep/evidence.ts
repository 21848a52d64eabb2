import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { verifyCertificate } from '@countersign/certificates';
import { connectBus } from '@countersign/bus';
import { parseVkey, verifyExport, type Vkey } from '@countersign/chain';
import { deletionStatementSchema } from '@countersign/contracts';
import type { Devstack, Platform } from '@countersign/devstack';
import { openKeys } from '@countersign/key-client';
import type pg from 'pg';
import type { LedgerApi } from '../ledger-api.js';
import { checkProof } from '../measure/proof-availability.js';

const CLI = fileURLToPath(new URL('../../../apps/cli/bin/countersign.mjs', import.meta.url));
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** A tlog-proof as somebody has it in a file, and of which leaf it is. */
export interface KeptProof {
  readonly leafIndex: number;
  readonly text: string;
}

/** Of events at equal distances over the whole ledger. */
export async function takeProofs(pool: pg.Pool, api: LedgerApi, proofs: number): Promise<KeptProof[]> {
  const { rows } = await pool.query<{ leaf_index: string; event_id: string }>(
    `SELECT leaf_index, event_id FROM entries JOIN ledgers USING (ledger_id) JOIN heads USING (ledger_id) WHERE tenant = $1 AND leaf_index IN (SELECT (n * (tree_size - 1) / ($2 - 1))::bigint FROM generate_series(0, $2 - 1) AS n)`,
    [api.tenant, proofs],
  );
  return Promise.all(rows.map(async ({ leaf_index, event_id }) => ({ leafIndex: Number(leaf_index), text: await textOf(`${api.url}/ledgers/${api.tenant}/proofs/${event_id}`) })));
}

/** By public keys alone; throws for one that does not hold. */
export async function checkProofs(proofs: readonly KeptProof[], api: LedgerApi): Promise<boolean> {
  const [{ origin }, vkeys] = [await api.view(), await api.vkeys()];
  for (const { leafIndex, text } of proofs) checkProof(text, { index: leafIndex }, origin, vkeys);
  return proofs.length > 0;
}

/** Exports the ledger and verifies it as a stranger would. Throws ChainFault. */
export async function checkExport(api: LedgerApi): Promise<{ readonly treeSize: number; readonly seconds: number }> {
  const vkeys = await api.vkeys();
  const startMs = performance.now();
  const answer = await fetch(`${api.url}/ledgers/${api.tenant}/export`);
  if (!answer.ok || answer.body === null) throw new Error(`no export: ${String(answer.status)}`);
  const { treeSize } = await verifyExport(answer.body as AsyncIterable<Uint8Array>, { vkeys });
  return { treeSize, seconds: (performance.now() - startMs) / 1_000 };
}

/** The command as an operator runs it, on the tables themselves. */
export async function fsck({ stateDir }: Devstack, platform: Platform): Promise<{ readonly isOk: boolean; readonly text: string; readonly seconds: number }> {
  const startMs = performance.now();
  const env = { PATH: process.env['PATH'], HOME: stateDir, COUNTERSIGN_LEDGER_URL: platform.ledger.url, COUNTERSIGN_DATABASE_URL: join(stateDir, 'ledger-service', 'ledger-ledger_reader-url') };
  const { isOk, out } = await new Promise<{ isOk: boolean; out: string }>((done) => {
    execFile(process.execPath, [CLI, 'fsck'], { env, cwd: stateDir, maxBuffer: OUTPUT_BYTES_MAX }, (error, stdout, stderr) => done({ isOk: error === null, out: stdout === '' ? stderr : stdout }));
  });
  return { isOk, text: out.trim().split('\n').at(-1) ?? '', seconds: (performance.now() - startMs) / 1_000 };
}

/** Parts that certificates of deletion speak of, each verified offline. Throws for one that does not hold. */
export async function certifiedParts(retention: pg.Pool, { nats }: Devstack, tenant: string): Promise<number> {
  const { rows } = await retention.query<{ certificate: string }>(`SELECT certificate FROM deletion_orders WHERE state = 'executed' AND tenant = $1 AND certificate IS NOT NULL`, [tenant]);
  if (rows.length === 0) return 0;
  const vkey = await certificateKey(nats, rows[0]!.certificate);
  return rows.reduce((sum, { certificate }) => sum + deletionStatementSchema.parse(verifyCertificate(certificate, [vkey]).statement).items, 0);
}

/** Of the key service, which signs the same statement alike and names its key. */
async function certificateKey(nats: Devstack['nats'], certificate: string): Promise<Vkey> {
  const bus = await connectBus({ url: nats.url, nkeySeedFile: nats.users.retention, name: 'bench-retention' });
  const keys = openKeys({ bus, service: 'retention', nkeySeedFile: nats.users.retention, keysPublicKey: nats.publicKeys.keys });
  try {
    const { result } = await keys.client.ask('sign-certificate', { kind: 'deletion', statement: certificate.split('\n')[2]! });
    return parseVkey(result.vkey);
  } finally {
    await keys.close();
    await bus.close();
  }
}

async function textOf(url: string): Promise<string> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${String(answer.status)}`);
  return answer.text();
}
