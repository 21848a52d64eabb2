import type { StoredEntry } from '@countersign/chain';
import type pg from 'pg';
import type { Ledger } from '../append/head.js';
import { streamEntries } from '../store/entry-stream.js';

/** Those of the few entries [start, end) that are there, in order; unlike a stream's, they can be kept. */
export async function readEntries(client: pg.ClientBase, ledger: Ledger, start: number, end: number): Promise<StoredEntry[]> {
  const kept: StoredEntry[] = [];
  for await (const entries of streamEntries(client, ledger, start, end)) kept.push(...entries.map(copied));
  return kept;
}

function copied({ leafIndex, eventId, entry, data, personal }: StoredEntry): StoredEntry {
  const copy = (part: Uint8Array | null): Buffer | null => (part === null ? null : Buffer.from(part));
  return { leafIndex, eventId, entry: Buffer.from(entry), data: copy(data), personal: personal.map(copy) };
}
