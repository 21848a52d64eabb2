import type { Entry } from '../delivery/lane.js';
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

/** Reads the JSON of entries back from their segments; undefined where the entry was cleared meanwhile or another text lies there. */
export async function readEntries(entries: readonly Entry[]): Promise<(string | undefined)[]> {
  const texts: (string | undefined)[] = [];
  const runs = planRuns(entries, texts);
  for (const run of runs) {
    const buffer = await run.segment.read(run.from, run.to);
    for (const { index, entry, offset } of run.members) {
      const start = offset - run.from;
      const text = buffer.toString('utf8', start, start + entry.bytes);
      texts[index] = text.includes(`"id":"${entry.id}"`) ? text : undefined;
    }
  }
  return texts;
}

function planRuns(entries: readonly Entry[], texts: (string | undefined)[]): Run[] {
  const runs: Run[] = [];
  let run: Run | undefined;
  entries.forEach((entry, index) => {
    const { segment, offset, json } = entry;
    if (json !== undefined || segment === undefined) {
      texts[index] = json;
      return;
    }
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
