import { ChainFault, decodeEntry, HASH_BYTES, leafHash, RightEdge, TILE_WIDTH } from '@countersign/chain';
import { withTransaction } from '@countersign/postgres';
import type pg from 'pg';
import { emptyHead, type Head, type Ledger } from '../append/head.js';

interface HeadRow {
  readonly tree_size: string;
  readonly root_hash: Buffer;
  readonly last_event_hash: Buffer;
  readonly last_recorded_at: string;
}

/**
 * Rebuilds a ledger's head from its entries and tiles in one snapshot, and holds the head row against it.
 * Throws ChainFault (HEAD_*, ENTRY_MISSING, TILE_MISSING) when they disagree: nothing may be appended then.
 */
export async function loadHead(pool: pg.Pool, ledger: Ledger): Promise<Head> {
  return withTransaction(pool, (client) => readHead(client, ledger), { isolation: 'REPEATABLE READ', readOnly: true });
}

export async function readHead(client: pg.PoolClient, ledger: Ledger): Promise<Head> {
  const { rows } = await client.query<HeadRow>(
    'SELECT tree_size, root_hash, last_event_hash, last_recorded_at FROM heads WHERE ledger_id = $1',
    [ledger.ledgerId],
  );
  const row = rows[0];
  if (row === undefined) throw new ChainFault('HEAD_MISSING', `ledger ${ledger.tenant} has no head`);
  const treeSize = Number(row.tree_size);
  const edge = RightEdge.fromPartialTiles(treeSize, await readPartialTiles(client, ledger, treeSize));
  const last = treeSize === 0 ? undefined : await readEntry(client, ledger, treeSize - 1);
  const lastEventHash = last === undefined ? emptyHead(ledger.origin).lastEventHash : leafHash(last).toString('hex');
  if (lastEventHash !== row.last_event_hash.toString('hex')) {
    throw new ChainFault('HEAD_LINK_MISMATCH', 'the head names another last event than the entries hold', { treeSize });
  }
  const lastRecordedAt = last === undefined ? '' : decodeEntry(last).recordedAt;
  // All later entries would take their time from here: a head in the future would date them all.
  if (lastRecordedAt !== row.last_recorded_at) {
    throw new ChainFault('HEAD_TIME_MISMATCH', 'the head names another time than its last event', { treeSize });
  }
  if (!edge.root().equals(row.root_hash)) {
    throw new ChainFault('HEAD_ROOT_MISMATCH', 'the head names another root than the tiles and entries give', { treeSize });
  }
  return { treeSize, lastEventHash, lastRecordedAt, edge };
}

export async function readPartialTiles(client: pg.ClientBase, ledger: Ledger, treeSize: number): Promise<Buffer[]> {
  const partials: Buffer[] = [];
  for (let level = 0, span = 1; span <= treeSize; level++, span *= TILE_WIDTH) {
    const end = Math.floor(treeSize / span);
    const start = end - (end % TILE_WIDTH);
    partials.push(
      level === 0
        ? await readLeafHashes(client, ledger, start, end)
        : await readTileRoots(client, ledger, level - 1, start, end),
    );
  }
  return partials;
}

/** Leaf hashes of entries [start, end), recomputed from their bytes. */
export async function readLeafHashes(client: pg.ClientBase, ledger: Ledger, start: number, end: number): Promise<Buffer> {
  const { rows } = await client.query<{ leaf_index: string; entry: Buffer }>(
    'SELECT leaf_index, entry FROM entries WHERE ledger_id = $1 AND leaf_index >= $2 AND leaf_index < $3 ORDER BY leaf_index',
    [ledger.ledgerId, start, end],
  );
  rows.forEach((row, i) => {
    if (Number(row.leaf_index) !== start + i) missingEntry(start + i);
  });
  if (rows.length !== end - start) missingEntry(start + rows.length);
  return Buffer.concat(rows.map((row) => leafHash(row.entry)));
}

/** Roots of the full tiles [start, end) of a level: the hashes of the level above. */
export async function readTileRoots(client: pg.ClientBase, ledger: Ledger, level: number, start: number, end: number): Promise<Buffer> {
  const { rows } = await client.query<{ tile_index: string; root: Buffer }>(
    'SELECT tile_index, root FROM tiles WHERE ledger_id = $1 AND level = $2 AND tile_index >= $3 AND tile_index < $4 ORDER BY tile_index',
    [ledger.ledgerId, level, start, end],
  );
  rows.forEach((row, i) => {
    if (Number(row.tile_index) !== start + i) missingTile(level, start + i);
    if (row.root.length !== HASH_BYTES) throw new ChainFault('TILE_MALFORMED', `tile ${row.tile_index} of level ${level} has no root`, { leafIndex: firstLeaf(level, start + i) });
  });
  if (rows.length !== end - start) missingTile(level, start + rows.length);
  return Buffer.concat(rows.map((row) => row.root));
}

async function readEntry(client: pg.PoolClient, ledger: Ledger, leafIndex: number): Promise<Buffer> {
  const { rows } = await client.query<{ entry: Buffer }>('SELECT entry FROM entries WHERE ledger_id = $1 AND leaf_index = $2', [
    ledger.ledgerId,
    leafIndex,
  ]);
  return rows[0]?.entry ?? missingEntry(leafIndex);
}

function missingEntry(leafIndex: number): never {
  throw new ChainFault('ENTRY_MISSING', `entry ${leafIndex} is not there`, { leafIndex });
}

function missingTile(level: number, tileIndex: number): never {
  throw new ChainFault('TILE_MISSING', `tile ${tileIndex} of level ${level} is not there`, { leafIndex: firstLeaf(level, tileIndex) });
}

const firstLeaf = (level: number, tileIndex: number): number => tileIndex * TILE_WIDTH ** (level + 1);
