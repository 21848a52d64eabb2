import type { Entry, FramePlace } from '../delivery/lane.js';
import { residentPiece, type Piece } from '../delivery/message-body.js';
import { FRAME_HEADER_BYTES, openFrame, readFrame } from './frame.js';
import type { Segment } from './segment.js';
import type { SpoolKey } from './spool-key.js';

/** Neighbours are read in one go if no more than this lies between them. */
const GAP_BYTES_MAX = 16 * 1024;
const READ_BYTES_MAX = 1024 * 1024;

interface Member {
  readonly index: number;
  readonly offset: number;
}

/** Frames of one segment that are read in one go. */
interface Run {
  readonly segment: Segment;
  readonly from: number;
  to: number;
  readonly frames: Map<FramePlace, Member[]>;
}

/**
 * Finds the JSON of entries in memory or reads it back from their segments; undefined where the entry was cleared
 * meanwhile or something else lies there.
 */
export async function readEntries(entries: readonly Entry[], key: SpoolKey): Promise<(Piece | undefined)[]> {
  const pieces = entries.map(residentPiece);
  for (const run of planRuns(entries)) {
    const bytes = await run.segment.read(run.from, run.to);
    for (const [place, members] of run.frames) {
      const frame = readFrame(bytes, place.from - run.from, run.segment.number);
      const buffer = frame && !frame.isClear ? openFrame(bytes, frame, key, place.from) : undefined;
      if (buffer === undefined) continue;
      for (const { index, offset } of members) pieces[index] = { buffer, at: offset - place.from - FRAME_HEADER_BYTES };
    }
  }
  return pieces;
}

function planRuns(entries: readonly Entry[]): Run[] {
  const runs: Run[] = [];
  let run: Run | undefined;
  entries.forEach(({ segment, offset, frame, chunk }, index) => {
    if (chunk !== undefined || segment === undefined || frame === undefined) return;
    const members = run?.segment === segment ? run.frames.get(frame) : undefined;
    if (members !== undefined) {
      members.push({ index, offset });
      return;
    }
    const joins =
      run !== undefined && run.segment === segment && frame.from >= run.to &&
      frame.from - run.to <= GAP_BYTES_MAX && frame.to - run.from <= READ_BYTES_MAX;
    if (run === undefined || !joins) {
      run = { segment, from: frame.from, to: frame.to, frames: new Map() };
      runs.push(run);
    }
    run.frames.set(frame, [{ index, offset }]);
    run.to = frame.to;
  });
  return runs;
}
