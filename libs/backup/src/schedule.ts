import type { Backup } from './catalogue.js';
import type { DrillResult } from './drills.js';

/** When the next backup is due, in Unix milliseconds: at once when there is none, or when none goes with the log that is being archived. */
export function nextBackupMs(backups: readonly Backup[], stream: string | undefined, everyMs: number): number {
  const [newest] = backups;
  if (newest === undefined) return 0;
  if (stream !== undefined && newest.wal?.stream !== stream) return 0;
  return Date.parse(newest.takenAt) + everyMs;
}

/** When the next drill is due, in Unix milliseconds: at once when there was none; `retryMs` after the last, if that went wrong. `drills` newest first. */
export function nextDrillMs(drills: readonly DrillResult[], everyMs: number, retryMs: number): number {
  const [newest] = drills;
  if (newest === undefined) return 0;
  return Date.parse(newest.at) + (newest.outcome === 'success' ? everyMs : retryMs);
}
