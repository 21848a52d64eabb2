import type { AlertGroup } from './alert.js';

const BACKUP = 'job="countersign-backup",instance="b1:9095"';
const DAY_AND_SOME = '26 * 3600';

/** Could everything be put back, and how much would be missing? */
export const BACKUPS: AlertGroup = {
  name: 'countersign-backups',
  alerts: [
    {
      name: 'CountersignBackupLate',
      // A day by default, and two hours: whoever sets --every-hours otherwise sets this too. No series at all is as late.
      expr: `time() - max(countersign_backup_last_timestamp_seconds) > ${DAY_AND_SOME} or absent(countersign_backup_last_timestamp_seconds)`,
      for: '1h', severity: 'critical', owner: 'platform', runbook: 'backup-late.md',
      summary: 'There is no backup of the last day, or nobody tells.',
      fires: { at: '28h', every: '5m', series: { [`countersign_backup_last_timestamp_seconds{${BACKUP}}`]: '0x400' }, alerts: [{}], notYet: '26h' },
      silent: { at: '28h', every: '5m', series: { [`countersign_backup_last_timestamp_seconds{${BACKUP}}`]: '0x288 86400x200' } },
    },
    {
      name: 'CountersignLogArchiveLate',
      expr: 'time() - max(countersign_backup_log_archived_timestamp_seconds) > 300',
      for: '5m', severity: 'critical', owner: 'platform', runbook: 'backup-late.md',
      summary: 'What the databases have written for minutes is in no archive: as much would be lost with their disk.',
      fires: { at: '12m', series: { [`countersign_backup_log_archived_timestamp_seconds{${BACKUP}}`]: '0x20' }, alerts: [{}], notYet: '9m' },
      silent: { at: '12m', series: { [`countersign_backup_log_archived_timestamp_seconds{${BACKUP}}`]: '0+60x20' } },
    },
    {
      name: 'CountersignRestoreDrillLate',
      expr: `time() - max(countersign_backup_drill_timestamp_seconds) > 35 * 86400 or (absent(countersign_backup_drill_timestamp_seconds) and on () countersign_backup_last_timestamp_seconds)`,
      for: '6h', severity: 'warning', owner: 'platform', runbook: 'restore-drill-late.md',
      summary: 'No backup was restored and proved for more than a month: nobody knows whether they can be.',
      fires: { at: '848h', every: '1h', series: { [`countersign_backup_drill_timestamp_seconds{${BACKUP}}`]: '0x900' }, alerts: [{}], notYet: '844h' },
      silent: { at: '848h', every: '1h', series: { [`countersign_backup_drill_timestamp_seconds{${BACKUP}}`]: '0x100 360000x800' } },
    },
  ],
};
