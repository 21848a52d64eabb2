import { ChainFault, scanEntry, scanEntryStrictly, scanParts, sha256Hex } from '@countersign/chain';
import { withClient } from '@countersign/postgres';
import type pg from 'pg';
import { readEntries } from './read-entries.js';
import type { SegmentJob } from './segment.js';
import { SignedLeaves } from './signed-leaves.js';

/** Looking for the entry that a swapped part belongs to reads the whole ledger: it ends after this time. */
const SWAP_SEARCH_MS = 10_000;
const QUERY_CANCELED = '57014';

/**
 * Names a fault of a segment as exactly as what is stored and signed allows. Reads again what the quick pass had no
 * time for: only once something is wrong does it matter what. Rejects only when the database fails.
 */
export async function explainFault(job: SegmentJob, fault: ChainFault): Promise<ChainFault> {
  try {
    return await withClient(job.databaseUrl, (client) => explain(client, job, fault));
  } catch (error) {
    // What would explain it is damaged as well.
    if (error instanceof ChainFault) return fault;
    throw error;
  }
}

async function explain(client: pg.Client, job: SegmentJob, fault: ChainFault): Promise<ChainFault> {
  const leafIndex = fault.detail.leafIndex!;
  switch (fault.code) {
    case 'PART_ALTERED':
      return (await foreignPart(client, job, leafIndex)) ?? fault;
    case 'ENTRY_MISSING':
      return (await earlierAltered(job, leafIndex)) ?? (await missingRun(client, job, leafIndex));
    case 'ENTRY_ALTERED':
      return whoWasAltered(client, job, fault);
    case 'ENTRY_INDEX_MISMATCH':
    case 'ENTRY_MALFORMED':
    case 'ENTRY_TENANT_MISMATCH':
    case 'EVENT_ID_MISMATCH':
    case 'RECORDED_AT_DECREASES':
      return (await earlierAltered(job, leafIndex)) ?? fault;
    case 'HISTORY_REWRITTEN':
      return exactBeginning(job, fault);
    default:
      return fault;
  }
}

/** A run of missing entries may go on beyond the segment. */
async function missingRun(client: pg.Client, { ledger }: SegmentJob, leafIndex: number): Promise<ChainFault> {
  const { rows } = await client.query<{ next: string | null }>('SELECT min(leaf_index) AS next FROM entries WHERE ledger_id = $1 AND leaf_index > $2', [
    ledger.ledgerId,
    leafIndex,
  ]);
  const next = rows[0]!.next;
  if (next === null) return new ChainFault('ENTRY_MISSING', `entry ${leafIndex} is not there, nor any after it`, { leafIndex });
  return new ChainFault('ENTRY_MISSING', `entry ${leafIndex} is not there, the next is ${next}`, { leafIndex, treeSize: Number(next) });
}

/** The quick scan leaves the form of an entry to the signed root: an altered one may not even be an entry. */
async function malformed(client: pg.Client, { ledger }: SegmentJob, leafIndex: number): Promise<ChainFault | undefined> {
  const [stored] = await readEntries(client, ledger, leafIndex, leafIndex + 1);
  try {
    if (stored !== undefined) scanEntryStrictly(stored.entry, leafIndex);
    return undefined;
  } catch (fault) {
    return fault as ChainFault;
  }
}

/**
 * An entry is not the one that the next was chained to. If it was the only one, the signed roots come out right with the
 * hash that the next one names for it. If not, tiles that nobody touched tell the first; otherwise all that is certain
 * is that it comes after the last head whose root is right.
 */
async function whoWasAltered(client: pg.Client, job: SegmentJob, fault: ChainFault): Promise<ChainFault> {
  const leafIndex = fault.detail.leafIndex!;
  const last = (fault.detail.treeSize ?? leafIndex + 1) - 1;
  const leaves = await SignedLeaves.read(job, leafIndex);
  const first = leaves?.isRightWithClaim(leafIndex) === true ? leafIndex : leaves?.firstUnlikeTiles();
  if (first !== undefined && first >= leafIndex) return (await malformed(client, job, first)) ?? altered(first);
  if (first !== undefined) return rewritten(first, last + 1);
  const wrong = leaves?.wrongHead();
  return wrong === undefined ? ((await malformed(client, job, leafIndex)) ?? fault) : rewritten(wrong.lastGood, Math.min(wrong.treeSize, last + 1));
}

/** An entry before the one that was met first: one that is not an entry at all says nothing of what came before it. */
async function earlierAltered(job: SegmentJob, leafIndex: number): Promise<ChainFault | undefined> {
  const first = (await SignedLeaves.read(job, leafIndex))?.firstUnlikeTiles();
  return first === undefined || first >= leafIndex ? undefined : altered(first, leafIndex);
}

/** A chain that is whole, and not the signed one: tiles that were not made to fit tell where it begins. */
async function exactBeginning(job: SegmentJob, fault: ChainFault): Promise<ChainFault> {
  const signedSize = fault.detail.treeSize!;
  const first = (await SignedLeaves.read(job, signedSize - 1))?.firstUnlikeTiles();
  return first === undefined ? fault : rewritten(first, signedSize);
}

function rewritten(leafIndex: number, treeSize: number): ChainFault {
  return new ChainFault('HISTORY_REWRITTEN', `entries ${leafIndex} to ${treeSize - 1} are not those that were signed`, { leafIndex, treeSize });
}

function altered(leafIndex: number, lastIndex = leafIndex): ChainFault {
  return new ChainFault('ENTRY_ALTERED', `entry ${leafIndex} is not the one that was signed`, { leafIndex, treeSize: lastIndex + 1 });
}

/** The part of another entry, in place of this one's own. */
async function foreignPart(client: pg.Client, job: SegmentJob, leafIndex: number): Promise<ChainFault | undefined> {
  const [stored] = await readEntries(client, job.ledger, leafIndex, leafIndex + 1);
  if (stored === undefined) return undefined;
  const listed = new Set(scanParts(scanEntry(stored.entry, leafIndex).parts, leafIndex).map((part) => part.digest));
  const digests = [stored.data, ...stored.personal].flatMap((part) => (part === null ? [] : [sha256Hex(part)]));
  for (const digest of digests.filter((one) => !listed.has(one))) {
    const owner = await entryThatLists(client, job, digest);
    if (owner !== undefined) {
      return new ChainFault('PART_SWAPPED', `a part of entry ${leafIndex} is the one of entry ${owner}`, { leafIndex });
    }
  }
  return undefined;
}

async function entryThatLists(client: pg.Client, { ledger }: SegmentJob, digest: string): Promise<number | undefined> {
  await client.query(`SET statement_timeout = ${SWAP_SEARCH_MS}`);
  try {
    const { rows } = await client.query<{ leaf_index: string }>(
      'SELECT leaf_index FROM entries WHERE ledger_id = $1 AND position($2::bytea IN entry) > 0 LIMIT 1',
      [ledger.ledgerId, Buffer.from(digest)],
    );
    return rows[0] === undefined ? undefined : Number(rows[0].leaf_index);
  } catch (error) {
    // A ledger too long to be searched: the part is altered all the same.
    if ((error as { code?: string }).code === QUERY_CANCELED) return undefined;
    throw error;
  }
}
