import { ChainFault, decodeEntry, leafHash, TILE_WIDTH } from '@countersign/chain';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';
import { readPartialTiles } from '../store/load-head.js';
import type { SavedState } from './saved-state.js';

/**
 * The state before entry `index` as entries and tiles claim it: where a stretch may start before the one ahead of it
 * is verified. A claim holds once the stretch before ends in exactly this state. Undefined at the very beginning.
 */
export async function claimedState(client: pg.ClientBase, ledger: Ledger, index: number): Promise<SavedState | undefined> {
  if (index === 0) return undefined;
  const { rows } = await client.query<{ entry: Buffer }>('SELECT entry FROM entries WHERE ledger_id = $1 AND leaf_index = $2', [
    ledger.ledgerId,
    index - 1,
  ]);
  const entry = rows[0]?.entry;
  if (entry === undefined) throw new ChainFault('ENTRY_MISSING', `entry ${index - 1} is not there`, { leafIndex: index - 1 });
  const partials = await readPartialTiles(client, ledger, index);
  return {
    index,
    previousEventHash: leafHash(entry).toString('hex'),
    recordedAt: decodeEntry(entry).recordedAt,
    partialTiles: partials.map((tile) => tile.toString('base64')),
  };
}

/** Stretches of a full pass are cut here: whole tiles, long enough to be worth a thread. */
export const SEGMENT_ENTRIES = 4 * TILE_WIDTH * TILE_WIDTH;

/** Cuts [start, end) at multiples of {@link SEGMENT_ENTRIES}, or finer when that gives every thread some work. */
export function cutSegments(start: number, end: number, threads: number): number[] {
  const even = Math.ceil((end - start) / threads / TILE_WIDTH) * TILE_WIDTH;
  const length = Math.max(TILE_WIDTH, Math.min(SEGMENT_ENTRIES, even));
  const cuts = [start];
  for (let at = start - (start % TILE_WIDTH) + length; at < end; at += length) cuts.push(at);
  cuts.push(end);
  return cuts;
}
