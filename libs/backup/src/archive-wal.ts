import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { openReplication, serverFault } from './base-backup.js';
import { parseLsn, type Lsn } from './lsn.js';
import type { ArchivePlace } from './take-backup.js';
import { PIECE_BYTES_MAX, writePiece } from './wal-pieces.js';
import { slotOf, SLOT_PREFIX } from './wal-slot.js';
import { WalStream } from './wal-stream.js';

const STREAM_BYTES = 4;
const WAIT_MS_MAX = 1_000;

export interface ArchiveWalOptions extends ArchivePlace {
  readonly serverUrl: string;
  /** What has come is durable in the archive after this time: how much may be lost. */
  readonly pieceMs: number;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  /** Told of the stream, once it runs. */
  readonly onStream: (stream: string) => void;
  /** Told when all that the server had written by that instant is in the archive. */
  readonly onCaughtUp: (at: Date) => void;
}

/**
 * Archives the log until it is told to stop, or fails; what was archived stays, and the slot keeps the rest for the next time. What has come when it stops is
 * archived first. Throws BACKUP_SERVER_FAILED; FilesFault.
 */
export async function archiveWal(options: ArchiveWalOptions): Promise<void> {
  const { stream, fromLsn } = await slotFor(options.serverUrl);
  const client = await openReplication(options.serverUrl, 'countersign log archive');
  try {
    const { rows: [system] } = await client.query<{ timeline: string }>('IDENTIFY_SYSTEM').catch((error: unknown) => Promise.reject(serverFault(error)));
    const timeline = Number(system!.timeline);
    const from = parseLsn(fromLsn);
    const wal = client.query(new WalStream(SLOT_PREFIX + stream, from, timeline));
    options.onStream(stream);
    await keepPieces(options, wal, { stream, timeline, from });
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function keepPieces(options: ArchiveWalOptions, wal: WalStream, start: { readonly stream: string; readonly timeline: number; readonly from: Lsn }): Promise<void> {
  const { pieceMs, now, signal, onCaughtUp } = options;
  let from = start.from;
  let parts: Buffer[] = [];
  let length = 0;
  let sinceMs = 0;
  while (!signal.aborted || length > 0) {
    const waitMs = length === 0 ? WAIT_MS_MAX : Math.max(0, Math.min(WAIT_MS_MAX, pieceMs - (performance.now() - sinceMs)));
    const bytes = signal.aborted ? Buffer.alloc(0) : await wal.take(PIECE_BYTES_MAX - length, waitMs);
    if (length === 0) sinceMs = performance.now();
    if (bytes.length > 0) parts.push(bytes);
    length += bytes.length;
    const isDue = length >= PIECE_BYTES_MAX || signal.aborted || performance.now() - sinceMs >= pieceMs;
    const at = now();
    if (length > 0 && isDue) {
      await writePiece(options, { ...start, from, bytes: Buffer.concat(parts), at: at.toISOString() });
      from += BigInt(length);
      [parts, length] = [[], 0];
      wal.confirm(from);
    }
    if (length === 0 && from >= wal.serverEnd) onCaughtUp(at);
  }
}

/** The slot that is there, or a new one: a lost one had to give up what the archive did not have. Throws BACKUP_SERVER_FAILED. */
async function slotFor(serverUrl: string): Promise<{ readonly stream: string; readonly fromLsn: string }> {
  const session = new pg.Client({ connectionString: serverUrl, application_name: 'countersign log archive' });
  session.on('error', () => undefined);
  try {
    await session.connect();
    const known = await slotOf(session);
    if (known !== undefined) return known;
    await session.query("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_type = 'physical' AND starts_with(slot_name, $1) AND NOT active", [SLOT_PREFIX]);
    const stream = randomBytes(STREAM_BYTES).toString('hex');
    const { rows: [made] } = await session.query<{ lsn: string }>('SELECT lsn::text AS lsn FROM pg_create_physical_replication_slot($1, true)', [SLOT_PREFIX + stream]);
    return { stream, fromLsn: made!.lsn };
  } catch (error) {
    throw serverFault(error);
  } finally {
    await session.end().catch(() => undefined);
  }
}
