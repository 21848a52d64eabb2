import { Agent, get } from 'node:http';
import type pg from 'pg';
import type { LedgerApi } from '../ledger-api.js';
import { checkProof } from './proof-availability.js';

const WARM_UP_PROOFS = 200;

export interface ProofLatency {
  readonly proofsMs: readonly number[];
  /** The shortest answer that the ledger has, between two proofs over the same connection: what the machine takes by itself. */
  readonly emptyMs: readonly number[];
}

/** Milliseconds of each of `proofs` inclusion proofs of random events, one after the other over one connection. Every proof is verified. */
export async function proofLatency(pool: pg.Pool, api: LedgerApi, ledgerId: number, proofs: number): Promise<ProofLatency> {
  const { origin, treeSize } = await api.view();
  const vkeys = await api.vkeys();
  const indexes = Array.from({ length: proofs + WARM_UP_PROOFS }, () => Math.floor(Math.random() * treeSize));
  const { rows } = await pool.query<{ leaf_index: string; event_id: string }>(
    'SELECT leaf_index, event_id FROM unnest($2::bigint[]) WITH ORDINALITY AS wanted(leaf_index, n) JOIN entries USING (leaf_index) WHERE ledger_id = $1 ORDER BY n',
    [ledgerId, indexes],
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const proofsMs: number[] = [];
  const emptyMs: number[] = [];
  const texts: string[] = [];
  for (const [k, row] of rows.entries()) {
    const startMs = performance.now();
    const text = await fetchText(`${api.url}/ledgers/${api.tenant}/proofs/${row.event_id}`, agent);
    const provenMs = performance.now();
    texts.push(text);
    const emptyStartMs = performance.now();
    await fetchText(`${api.url}/healthz`, agent);
    if (k < WARM_UP_PROOFS) continue;
    proofsMs.push(provenMs - startMs);
    emptyMs.push(performance.now() - emptyStartMs);
  }
  agent.destroy();
  // Not before: what checking allocates, this process would collect while the next answer is awaited.
  for (const [k, text] of texts.entries()) checkProof(text, { index: Number(rows[k]!.leaf_index) }, origin, vkeys);
  return { proofsMs, emptyMs };
}

function fetchText(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (answer.statusCode === 200) resolve(text);
        else reject(new Error(`${url}: ${answer.statusCode ?? 0} ${text}`));
      });
    }).on('error', reject);
  });
}
