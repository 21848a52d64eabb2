import type { Entry } from '../delivery/lane.js';
import { pieceText, residentPiece, type Piece } from '../delivery/message-body.js';
import type { Segment } from './segment.js';

/** Neighbours are read in one go if no more than this lies between them. */
const GAP_BYTES_MAX = 16 * 1024;
const READ_BYTES_MAX = 1024 * 1024;

interface Run {
  readonly segment: Segment;
  readonly from: number;
  to: number;
  readonly members: { readonly index: number; readonly entry: Entry; readonly offset: number }[];
}

/**
 * Finds the JSON of entries in memory or reads it back from their segments; undefined where the entry was cleared
 * meanwhile or something else lies there.
 */
export async function readEntries(entries: readonly Entry[]): Promise<(Piece | undefined)[]> {
  const pieces = entries.map(residentPiece);
  for (const run of planRuns(entries)) {
    const buffer = await run.segment.read(run.from, run.to);
    for (const { index, entry, offset } of run.members) {
      const piece = { buffer, at: offset - run.from };
      pieces[index] = pieceText(entry, piece).includes(`"id":"${entry.id}"`) ? piece : undefined;
    }
  }
  return pieces;
}

function planRuns(entries: readonly Entry[]): Run[] {
  const runs: Run[] = [];
  let run: Run | undefined;
  entries.forEach((entry, index) => {
    const { segment, offset, chunk } = entry;
    if (chunk !== undefined || segment === undefined) return;
    const joins =
      run !== undefined && run.segment === segment && offset >= run.to &&
      offset - run.to <= GAP_BYTES_MAX && offset + entry.bytes - run.from <= READ_BYTES_MAX;
    if (run === undefined || !joins) {
      run = { segment, from: offset, to: offset, members: [] };
      runs.push(run);
    }
    run.members.push({ index, entry, offset });
    run.to = offset + entry.bytes;
  });
  return runs;
}
