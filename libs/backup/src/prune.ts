import { readCatalogue, writeCatalogue, type Backup } from './catalogue.js';
import { BackupFault } from './fault.js';
import { keptBackups, type KeepReason, type KeepRules } from './keep-rules.js';
import { parseLsn, type Lsn } from './lsn.js';
import { locked, type ArchivePlace } from './take-backup.js';
import { removePieces } from './wal-pieces.js';

export interface Pruned {
  readonly kept: ReadonlyMap<string, readonly KeepReason[]>;
  readonly removed: readonly string[];
  readonly removedPieces: number;
}

type PrunePlace = ArchivePlace & { readonly serverUrl: string; readonly rules: KeepRules };

/**
 * Destroys what the rules keep no longer. It leaves the catalogue first: what a crash leaves behind is not listed. The write-ahead log is kept from
 * the oldest backup on that is kept for its day; older ones stand for their own instant alone. Throws BackupFault: BACKUP_GOVERNED where retention
 * decides; FilesFault.
 */
export async function pruneBackups(place: PrunePlace & { readonly isDryRun: boolean }): Promise<Pruned> {
  const { stores, key, rules, isDryRun } = place;
  const plan = async () => {
    const catalogue = await readCatalogue(stores[0]!, key);
    // A hold may cover one of them.
    if (catalogue.isGoverned && !isDryRun) throw new BackupFault('BACKUP_GOVERNED', 'retention decides what becomes of the backups of this archive');
    const planned = planPrune(catalogue.backups, rules);
    return { ...planned, catalogue, removed: planned.going.map(({ id }) => id) };
  };
  // Whoever may not, or only asks, does not wait for a backup that is under way.
  const { kept, removed } = await plan();
  if (isDryRun) return { kept, removed, removedPieces: 0 };
  return locked(place.serverUrl, async () => {
    const { catalogue, staying, going, cuts, ...told } = await plan();
    if (going.length === 0 && cuts.length === 0) return { ...told, removedPieces: 0 };
    await writeCatalogue(stores, key, { ...catalogue, backups: staying });
    await removeObjects(stores, going);
    return { ...told, removedPieces: await cutLog(place, cuts) };
  });
}

/**
 * Where retention decides: backups that no rule keeps any more are closed, and stay until an order comes. The log goes as it does with
 * {@link pruneBackups}. Ids of what was closed now. Throws BackupFault; FilesFault.
 */
export async function closeBackups(place: PrunePlace & { readonly now: Date }): Promise<readonly string[]> {
  const { stores, key, rules, now } = place;
  return locked(place.serverUrl, async () => {
    const catalogue = await readCatalogue(stores[0]!, key);
    const open = catalogue.backups.filter(({ closedAt }) => closedAt === undefined);
    const { staying, going, cuts } = planPrune(open, rules);
    if (catalogue.isGoverned && going.length === 0 && cuts.length === 0) return [];
    const closed = going.map(({ wal: _, ...alone }): Backup => ({ ...alone, closedAt: now.toISOString() }));
    const before = catalogue.backups.filter(({ closedAt }) => closedAt !== undefined);
    await writeCatalogue(stores, key, { ...catalogue, isGoverned: true, backups: [...staying, ...closed, ...before] });
    await cutLog(place, cuts);
    return going.map(({ id }) => id);
  });
}

export async function removeObjects(stores: ArchivePlace['stores'], backups: readonly Backup[]): Promise<void> {
  for (const { data, manifest } of backups) for (const store of stores) for (const { name } of [data, manifest]) await store.remove(name);
}

async function cutLog(place: ArchivePlace, cuts: PrunePlan['cuts']): Promise<number> {
  let removedPieces = 0;
  for (const cut of cuts) removedPieces += await removePieces(place, cut.stream, cut.from, cut.to);
  return removedPieces;
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
