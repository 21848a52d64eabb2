import { EMPTY_ROOT } from '@countersign/chain';
import type { SeenTree, Vkey } from '@countersign/chain';
import type pg from 'pg';
import { checkRoot, readCheckpoint } from './check-checkpoints.js';
import type { CheckpointRow } from './check-checkpoints.js';
import { EntryWalk } from './check-entries.js';
import type { EntryRow } from './check-entries.js';
import { checkTile, fullTileCount } from './check-tiles.js';
import type { TileRow } from './check-tiles.js';
import { DerivedTree } from './derived-tree.js';
import { Findings } from './findings.js';

export interface LedgerRow {
  readonly ledger_id: number;
  readonly tenant: string;
  readonly origin: string;
}

export interface CheckOptions {
  readonly vkeys: readonly Vkey[];
  readonly lastSeen: SeenTree | undefined;
  readonly onProgress: (done: number, total: number) => void;
}

export interface CheckedLedger {
  readonly tenant: string;
  readonly treeSize: number;
  /** Base64. */
  readonly root: string;
  readonly checkpoints: number;
  readonly tiles: number;
  readonly signaturesChecked: boolean;
  readonly findings: Findings;
}

interface HeadRow {
  readonly tree_size: string;
  readonly root_hash: Buffer;
  readonly last_event_hash: Buffer;
  readonly last_recorded_at: string;
}

const ENTRY_ROWS = 1_000;
const CHECKPOINT_ROWS = 1_000;

/**
 * Checks everything that the database holds of one ledger, in the snapshot of the caller's transaction: entries, parts,
 * links, event ids, tiles, head and checkpoints, against a tree derived anew. Goes on after a fault. Rejects only when
 * the database fails.
 */
export async function checkLedger(client: pg.ClientBase, ledger: LedgerRow, options: CheckOptions): Promise<CheckedLedger> {
  const findings = new Findings();
  const head = await headOf(client, ledger);
  if (head === undefined) findings.add('HEAD_MISSING', 'the ledger has no head');
  const treeSize = Number(head?.tree_size ?? 0);
  const signed = await signedTrees(client, ledger, options.vkeys, findings);
  const walk = new EntryWalk(ledger, treeSize, findings);
  const tree = new DerivedTree();
  const rootAt = new Map<number, Buffer>([[0, EMPTY_ROOT]]);
  const wanted = new Set([...signed.map((one) => one.treeSize), options.lastSeen?.treeSize]);
  for await (const rows of entryRows(client, ledger)) {
    for (const row of rows) {
      const hash = walk.row(row);
      if (hash === undefined) continue;
      for (const tile of tree.add(hash)) checkTile(tile, await tileOf(client, ledger, tile.level, tile.tileIndex), findings);
      if (wanted.has(tree.treeSize)) rootAt.set(tree.treeSize, tree.root());
    }
    options.onProgress(walk.nextIndex, treeSize);
  }
  walk.finish();
  for (const one of signed) checkRoot(one, rootAt.get(one.treeSize), findings);
  if (options.lastSeen !== undefined) checkRoot(options.lastSeen, rootAt.get(options.lastSeen.treeSize), findings, 'tree seen before');
  const root = tree.root();
  if (head !== undefined) checkHead(head, walk, tree, root, findings);
  const tiles = await countsOf(client, ledger, tree.treeSize, findings);
  if (treeSize > 0 && signed.length === 0) findings.add('CHECKPOINT_MISSING', 'no readable checkpoint is stored');
  return { tenant: ledger.tenant, treeSize: tree.treeSize, root: root.toString('base64'), checkpoints: signed.length, tiles, signaturesChecked: options.vkeys.length > 0, findings };
}

function checkHead(head: HeadRow, walk: EntryWalk, tree: DerivedTree, root: Buffer, findings: Findings): void {
  const treeSize = Number(head.tree_size);
  if (treeSize !== tree.treeSize) findings.add('HEAD_SIZE_MISMATCH', `the head says ${treeSize}, there are ${tree.treeSize} entries`);
  if (!head.root_hash.equals(root)) findings.add('HEAD_ROOT_MISMATCH', 'the head names another root than the entries give');
  if (head.last_event_hash.toString('hex') !== walk.last.eventHash) findings.add('HEAD_LINK_MISMATCH', 'the head names another last event');
  if (head.last_recorded_at !== walk.last.recordedAt) findings.add('HEAD_LINK_MISMATCH', 'the head names another time of the last event');
}

async function headOf(client: pg.ClientBase, { ledger_id }: LedgerRow): Promise<HeadRow | undefined> {
  const { rows } = await client.query<HeadRow>('SELECT tree_size, root_hash, last_event_hash, last_recorded_at FROM heads WHERE ledger_id = $1', [ledger_id]);
  return rows[0];
}

async function* entryRows(client: pg.ClientBase, { ledger_id }: LedgerRow): AsyncGenerator<EntryRow[]> {
  for (let after = -1; ; ) {
    const { rows } = await client.query<EntryRow>(
      'SELECT leaf_index, event_id, entry, data_part, personal_parts FROM entries WHERE ledger_id = $1 AND leaf_index > $2 ORDER BY leaf_index LIMIT $3',
      [ledger_id, after, ENTRY_ROWS],
    );
    if (rows.length > 0) yield rows;
    if (rows.length < ENTRY_ROWS) return;
    after = Number(rows.at(-1)!.leaf_index);
  }
}

async function tileOf(client: pg.ClientBase, { ledger_id }: LedgerRow, level: number, tileIndex: number): Promise<TileRow | undefined> {
  const { rows } = await client.query<TileRow>('SELECT hashes, root FROM tiles WHERE ledger_id = $1 AND level = $2 AND tile_index = $3', [ledger_id, level, tileIndex]);
  return rows[0];
}

async function signedTrees(client: pg.ClientBase, ledger: LedgerRow, vkeys: readonly Vkey[], findings: Findings): Promise<SeenTree[]> {
  const signed: SeenTree[] = [];
  for (let after = -1; ; ) {
    const { rows } = await client.query<CheckpointRow>(
      'SELECT tree_size, root_hash, note FROM checkpoints WHERE ledger_id = $1 AND tree_size > $2 ORDER BY tree_size LIMIT $3',
      [ledger.ledger_id, after, CHECKPOINT_ROWS],
    );
    for (const row of rows) {
      const one = readCheckpoint(row, { origin: ledger.origin, vkeys }, findings);
      if (one !== undefined) signed.push(one);
    }
    if (rows.length < CHECKPOINT_ROWS) return signed;
    after = Number(rows.at(-1)!.tree_size);
  }
}

/** What only a count shows: tiles beyond the tree, and event ids that a broken index let in twice. Returns the tiles. */
async function countsOf(client: pg.ClientBase, { ledger_id }: LedgerRow, treeSize: number, findings: Findings): Promise<number> {
  const { rows } = await client.query<{ tiles: string }>('SELECT count(*) AS tiles FROM tiles WHERE ledger_id = $1', [ledger_id]);
  const tiles = Number(rows[0]!.tiles);
  const expected = fullTileCount(treeSize);
  if (tiles > expected) findings.add('TILE_UNEXPECTED', `${tiles} tiles are stored, a tree of ${treeSize} has ${expected}`);
  const twice = await client.query<{ event_id: string; leaf_index: string }>(
    'SELECT event_id, max(leaf_index) AS leaf_index FROM entries WHERE ledger_id = $1 GROUP BY event_id HAVING count(*) > 1 LIMIT 10',
    [ledger_id],
  );
  for (const row of twice.rows) findings.add('EVENT_ID_DUPLICATE', 'the event is recorded twice', Number(row.leaf_index));
  return tiles;
}
