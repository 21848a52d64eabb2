import { decodeEntry, openSaltedPart } from '@countersign/chain';
import type pg from 'pg';

const SAMPLE_ROWS = 2_000;

export interface Overhead {
  /** Bytes that the ledger stores for one event beyond the event itself; see docs/benchmarks.md. */
  readonly bytes: number;
  /** Bytes of the event as its producer sent it: canonical JSON, id and producer's number included. */
  readonly eventBytes: number;
}

/** Counts what is stored of the ledger's latest entries, and of its tiles and checkpoints as a whole. */
export async function integrityOverhead(pool: pg.Pool, ledgerId: number): Promise<Overhead> {
  const { rows } = await pool.query<{ entry: Buffer; data_part: Buffer; digest_bytes: number }>(
    'SELECT entry, data_part, octet_length(content_digest) AS digest_bytes FROM entries WHERE ledger_id = $1 ORDER BY leaf_index DESC LIMIT $2',
    [ledgerId, SAMPLE_ROWS],
  );
  const tree = await pool.query<{ bytes: string; entries: string }>(
    `SELECT (SELECT coalesce(sum(octet_length(hashes) + octet_length(root)), 0) FROM tiles WHERE ledger_id = $1)
          + (SELECT coalesce(sum(octet_length(note) + octet_length(root_hash)), 0) FROM checkpoints WHERE ledger_id = $1) AS bytes,
            (SELECT tree_size FROM heads WHERE ledger_id = $1) AS entries`,
    [ledgerId],
  );
  let stored = 0;
  let event = 0;
  for (const { entry, data_part: dataPart, digest_bytes: digestBytes } of rows) {
    stored += entry.length + dataPart.length + digestBytes;
    const { v: _v, index: _index, recordedAt: _recordedAt, previousEventHash: _previous, parts: _parts, ...fields } = decodeEntry(entry);
    event += Buffer.byteLength(JSON.stringify({ ...fields, data: JSON.parse(openSaltedPart(dataPart)) as unknown }));
  }
  const { bytes, entries } = tree.rows[0]!;
  return { bytes: (stored - event) / rows.length + Number(bytes) / Number(entries), eventBytes: event / rows.length };
}
