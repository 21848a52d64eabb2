import { EMPTY_ROOT, genesisHash, leafHash, nodeHash } from '@countersign/chain';
import type pg from 'pg';

const SALT_BYTES = 16;

/** An entry as it stands in the database, read by nobody's code but this file's. */
export interface StoredEntry {
  readonly index: number;
  readonly id: string;
  readonly eventHash: string;
  readonly recordedAt: string;
  readonly producer: { readonly id: string; readonly sequence: number } | undefined;
  readonly n: number | undefined;
}

export interface StoredLedger {
  readonly tenant: string;
  readonly origin: string;
  readonly entries: readonly StoredEntry[];
  /** Hex root of the first `size` entries, by size; size 0 included. */
  readonly roots: readonly string[];
  readonly head: { readonly treeSize: number; readonly root: string; readonly lastEventHash: string };
  readonly checkpoints: readonly { readonly treeSize: number; readonly root: string; readonly note: string }[];
  readonly parked: number;
}

interface Row {
  readonly leaf_index: string;
  readonly event_id: string;
  readonly entry: Buffer;
  readonly data_part: Buffer | null;
}

/** Reads one ledger straight from its tables, in one snapshot, and derives its tree. Throws on any gap, fork or broken link. */
export async function readStoredLedger(client: pg.Client, tenant: string): Promise<StoredLedger> {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const one = async (sql: string, values: unknown[]): Promise<Record<string, unknown>> => (await client.query<Record<string, unknown>>(sql, values)).rows[0] ?? {};
  const { ledger_id: ledgerId, origin } = (await one('SELECT ledger_id, origin FROM ledgers WHERE tenant = $1', [tenant])) as { ledger_id?: number; origin?: string };
  if (ledgerId === undefined || origin === undefined) throw new Error(`there is no ledger ${tenant}`);
  const head = (await one('SELECT tree_size, root_hash, last_event_hash FROM heads WHERE ledger_id = $1', [ledgerId])) as { tree_size: string; root_hash: Buffer; last_event_hash: Buffer };
  const { rows } = await client.query<Row>('SELECT leaf_index, event_id, entry, data_part FROM entries WHERE ledger_id = $1 ORDER BY leaf_index', [ledgerId]);
  const checkpoints = await client.query<{ tree_size: string; root_hash: Buffer; note: string }>('SELECT tree_size, root_hash, note FROM checkpoints WHERE ledger_id = $1 ORDER BY tree_size', [ledgerId]);
  const { parked } = (await one('SELECT count(*) AS parked FROM parked_messages WHERE ledger_id = $1', [ledgerId])) as { parked: string };
  await client.query('COMMIT');
  return {
    tenant,
    origin,
    ...derive(tenant, origin, rows),
    head: { treeSize: Number(head.tree_size), root: head.root_hash.toString('hex'), lastEventHash: head.last_event_hash.toString('hex') },
    checkpoints: checkpoints.rows.map((row) => ({ treeSize: Number(row.tree_size), root: row.root_hash.toString('hex'), note: row.note })),
    parked: Number(parked),
  };
}

function derive(tenant: string, origin: string, rows: readonly Row[]): Pick<StoredLedger, 'entries' | 'roots'> {
  const seen = new Set<string>();
  const peaks: Peak[] = [];
  const roots = [EMPTY_ROOT.toString('hex')];
  let previous = genesisHash(origin);
  const entries = rows.map((row, at): StoredEntry => {
    const entry = JSON.parse(row.entry.toString('utf8')) as Record<string, unknown>;
    const fault = (what: string): Error => new Error(`ledger ${tenant}, entry ${at}: ${what}`);
    if (Number(row.leaf_index) !== at || entry['index'] !== at) throw fault(`a gap: the next one is ${row.leaf_index}`);
    if (entry['tenant'] !== tenant || entry['id'] !== row.event_id) throw fault('is not what its row says');
    if (entry['previousEventHash'] !== previous) throw fault('a fork: it does not follow from the entry before');
    if (seen.has(row.event_id)) throw fault(`event ${row.event_id} is recorded twice`);
    seen.add(row.event_id);
    const hash = leafHash(row.entry);
    previous = hash.toString('hex');
    addLeaf(peaks, hash);
    roots.push(rootOfPeaks(peaks).toString('hex'));
    return {
      index: at,
      id: row.event_id,
      eventHash: previous,
      recordedAt: entry['recordedAt'] as string,
      producer: entry['producer'] as StoredEntry['producer'],
      n: row.data_part === null ? undefined : (JSON.parse(row.data_part.toString('utf8', SALT_BYTES)) as { n?: number }).n,
    };
  });
  return { entries, roots };
}

/** The perfect subtrees of a growing tree, largest first: all that its root depends on (RFC 6962 §2.1). */
interface Peak {
  readonly leaves: number;
  readonly hash: Buffer;
}

function addLeaf(peaks: Peak[], hash: Buffer): void {
  let peak: Peak = { leaves: 1, hash };
  for (let last = peaks.at(-1); last?.leaves === peak.leaves; last = peaks.at(-1)) {
    peaks.pop();
    peak = { leaves: peak.leaves * 2, hash: nodeHash(last.hash, peak.hash) };
  }
  peaks.push(peak);
}

function rootOfPeaks(peaks: readonly Peak[]): Buffer {
  return peaks.slice(0, -1).reduceRight((right, { hash }) => nodeHash(hash, right), (peaks.at(-1) as Peak).hash);
}
