import { readCatalogue, writeCatalogue, type Backup } from './catalogue.js';
import { keptBackups, type KeepReason, type KeepRules } from './keep-rules.js';
import { parseLsn, type Lsn } from './lsn.js';
import { locked, type ArchivePlace } from './take-backup.js';
import { removePieces } from './wal-pieces.js';

export interface Pruned {
  readonly kept: ReadonlyMap<string, readonly KeepReason[]>;
  readonly removed: readonly string[];
  readonly removedPieces: number;
}

/**
 * Destroys what the rules keep no longer. It leaves the catalogue first: what a crash leaves behind is not listed. The write-ahead log is kept from
 * the oldest backup on that is kept for its day; older ones stand for their own instant alone. Throws BackupFault; FilesFault.
 */
export async function pruneBackups(place: ArchivePlace & { readonly serverUrl: string; readonly rules: KeepRules; readonly isDryRun: boolean }): Promise<Pruned> {
  const { stores, key, rules, isDryRun } = place;
  return locked(place.serverUrl, async () => {
    const backups = await readCatalogue(stores[0]!, key);
    const { kept, staying, going, cuts } = planPrune(backups, rules);
    const removed = going.map(({ id }) => id);
    if (isDryRun || (going.length === 0 && cuts.length === 0)) return { kept, removed, removedPieces: 0 };
    await writeCatalogue(stores, key, staying);
    for (const { data, manifest } of going) for (const store of stores) for (const { name } of [data, manifest]) await store.remove(name);
    let removedPieces = 0;
    for (const cut of cuts) removedPieces += await removePieces(place, cut.stream, cut.from, cut.to);
    return { kept, removed, removedPieces };
  });
}

export interface PrunePlan {
  readonly kept: ReadonlyMap<string, readonly KeepReason[]>;
  /** As they are to be listed. */
  readonly staying: readonly Backup[];
  readonly going: readonly Backup[];
  /** Stretches of the write-ahead log that nobody needs; `to` undefined: to the stream's end. */
  readonly cuts: readonly { readonly stream: string; readonly from: Lsn; readonly to: Lsn | undefined }[];
}

export function planPrune(backups: readonly Backup[], rules: KeepRules): PrunePlan {
  const kept = keptBackups(backups, rules);
  const isRecent = ({ id }: Backup): boolean => (kept.get(id) ?? []).some((reason) => reason === 'daily' || reason === 'newest');
  const neededFrom = new Map<string, Lsn>();
  for (const backup of backups) {
    if (backup.wal === undefined || !isRecent(backup)) continue;
    const from = parseLsn(backup.wal.fromLsn);
    const known = neededFrom.get(backup.wal.stream);
    if (known === undefined || from < known) neededFrom.set(backup.wal.stream, from);
  }
  const cuts = backups.flatMap(({ wal }) => {
    if (wal === undefined) return [];
    const [from, to] = [parseLsn(wal.fromLsn), neededFrom.get(wal.stream)];
    return to === undefined || from < to ? [{ stream: wal.stream, from, to }] : [];
  });
  const standing = (backup: Backup): Backup => {
    const { wal, ...alone } = backup;
    const to = wal === undefined ? undefined : neededFrom.get(wal.stream);
    return wal === undefined || (to !== undefined && parseLsn(wal.fromLsn) >= to) ? backup : alone;
  };
  return { kept, staying: backups.filter(({ id }) => kept.has(id)).map(standing), going: backups.filter(({ id }) => !kept.has(id)), cuts };
}
