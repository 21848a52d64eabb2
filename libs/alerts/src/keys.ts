import type { AlertGroup } from './alert.js';

const LEDGER = 'job="countersign-ledger",instance="l1:9090"';
const KEYS = 'job="countersign-keys",instance="k1:9090"';
const IDENTITY = 'job="countersign-identity",instance="i1:9090"';

/** Keys, their rotation, and secrets of services. */
export const KEYS_AND_SECRETS: AlertGroup = {
  name: 'countersign-keys',
  alerts: [
    {
      name: 'CountersignKeysAway',
      expr: 'max(countersign_ledger_keys_available) == 0',
      for: '2m', severity: 'critical', owner: 'platform', runbook: 'keys-away.md',
      summary: 'The key service does not answer: checkpoints wait, and so do events whose keys are not at hand.',
      fires: { at: '4m', series: { [`countersign_ledger_keys_available{${LEDGER}}`]: '1 0x10' }, alerts: [{}], notYet: '2m' },
      silent: { at: '10m', series: { [`countersign_ledger_keys_available{${LEDGER}}`]: '1 0 1x10' } },
    },
    {
      name: 'CountersignWaitingNearlyFull',
      expr: 'max(countersign_ledger_waiting_bytes) / max(countersign_ledger_waiting_bytes_max) > 0.7',
      severity: 'critical', owner: 'platform', runbook: 'keys-away.md',
      summary: 'Events that wait for keys have nearly filled their place; then the intake holds up all others.',
      fires: { at: '8m', series: { [`countersign_ledger_waiting_bytes{${LEDGER}}`]: '0+100x10', [`countersign_ledger_waiting_bytes_max{${LEDGER}}`]: '1000x10' }, alerts: [{}], notYet: '7m' },
      silent: { at: '8m', series: { [`countersign_ledger_waiting_bytes{${LEDGER}}`]: '0+80x10', [`countersign_ledger_waiting_bytes_max{${LEDGER}}`]: '1000x10' } },
    },
    {
      name: 'CountersignKeysEpochLate',
      // Twice the default of KEYS_EPOCH_HOURS: whoever sets it otherwise sets this too.
      expr: 'min(countersign_keys_epoch_age_seconds) > 48 * 3600',
      for: '5m', severity: 'critical', owner: 'privacy', runbook: 'keys-epoch.md',
      summary: 'The epoch of subject keys does not roll: erasures do not reach backups in time.',
      fires: { at: '10m', series: { [`countersign_keys_epoch_age_seconds{${KEYS}}`]: '172800+60x20' }, alerts: [{}], notYet: '5m' },
      silent: { at: '10m', series: { [`countersign_keys_epoch_age_seconds{${KEYS}}`]: '172700 172760 0+60x20' } },
    },
    {
      name: 'CountersignKeysEpochStuck',
      expr: 'min(countersign_keys_epoch_rows_remaining) > 0 and max(changes(countersign_keys_epoch_rows_remaining[30m])) == 0',
      for: '30m', severity: 'warning', owner: 'privacy', runbook: 'keys-epoch.md',
      summary: 'Subjects stay under the old epoch key.',
      fires: { at: '65m', series: { [`countersign_keys_epoch_rows_remaining{${KEYS}}`]: '50x90' }, alerts: [{}], notYet: '25m' },
      silent: { at: '65m', series: { [`countersign_keys_epoch_rows_remaining{${KEYS}}`]: '9000-50x90' } },
    },
    {
      name: 'CountersignRotationDue',
      expr: 'max(countersign_keys_rotation_due) > 0',
      for: '30m', severity: 'warning', owner: 'platform', runbook: 'keys-rotation-due.md',
      summary: 'Keys are older, or more used, than their policy allows, and do not rotate by themselves.',
      fires: { at: '35m', series: { [`countersign_keys_rotation_due{${KEYS}}`]: '0 1x60' }, alerts: [{}], notYet: '30m' },
      silent: { at: '35m', series: { [`countersign_keys_rotation_due{${KEYS}}`]: '1x20 0x30' } },
    },
    {
      name: 'CountersignRowsUnreadable',
      expr: 'sum by (job, purpose, code) (countersign_rotation_rows_unreadable) > 0',
      for: '5m', severity: 'critical', owner: 'platform', runbook: 'keys-rotation-due.md',
      summary: '{{ $labels.job }} holds rows of {{ $labels.purpose }} that cannot be decrypted ({{ $labels.code }}).',
      fires: { at: '8m', series: { [`countersign_rotation_rows_unreadable{purpose="profile",code="TAG_MISMATCH",${IDENTITY}}`]: '0 1x20' }, alerts: [{ job: 'countersign-identity', purpose: 'profile', code: 'TAG_MISMATCH' }], notYet: '5m' },
      silent: { at: '8m', series: { [`countersign_rotation_rows_unreadable{purpose="profile",code="TAG_MISMATCH",${IDENTITY}}`]: '0x20' } },
    },
    {
      name: 'CountersignRotationStuck',
      expr: 'sum by (job, purpose) (countersign_rotation_rows_remaining) > 0 and on (job, purpose) (sum by (job, purpose) (changes(countersign_rotation_rows_remaining[30m])) == 0)',
      for: '30m', severity: 'warning', owner: 'platform', runbook: 'keys-rotation-due.md',
      summary: '{{ $labels.job }} does not re-encrypt its rows of {{ $labels.purpose }} under the new key.',
      fires: { at: '65m', series: { [`countersign_rotation_rows_remaining{purpose="profile",version="1",${IDENTITY}}`]: '50x90' }, alerts: [{ job: 'countersign-identity', purpose: 'profile' }], notYet: '25m' },
      silent: { at: '65m', series: { [`countersign_rotation_rows_remaining{purpose="profile",version="1",${IDENTITY}}`]: '90000-500x90' } },
    },
    {
      name: 'CountersignVersionsUnattended',
      expr: 'max by (job, purpose) (countersign_rotation_versions_unattended) > 0',
      for: '30m', severity: 'warning', owner: 'platform', runbook: 'keys-rotation-due.md',
      summary: '{{ $labels.job }} holds something of {{ $labels.purpose }} under older versions, and nobody re-encrypts it.',
      fires: { at: '31m', series: { [`countersign_rotation_versions_unattended{purpose="files",${IDENTITY}}`]: '1x60' }, alerts: [{ job: 'countersign-identity', purpose: 'files' }], notYet: '29m' },
      silent: { at: '31m', series: { [`countersign_rotation_versions_unattended{purpose="files",${IDENTITY}}`]: '0x60' } },
    },
    {
      name: 'CountersignSecretFailing',
      expr: 'max by (job, name) (countersign_secret_failing) == 1',
      for: '10m', severity: 'warning', owner: 'platform', runbook: 'secret-rotation.md',
      summary: '{{ $labels.job }} cannot read {{ $labels.name }} again and uses the last value that it has.',
      fires: { at: '12m', series: { [`countersign_secret_failing{name="pepper",provider="file",${IDENTITY}}`]: '0 1x20' }, alerts: [{ job: 'countersign-identity', name: 'pepper' }], notYet: '10m' },
      silent: { at: '12m', series: { [`countersign_secret_failing{name="pepper",provider="file",${IDENTITY}}`]: '1x8 0x10' } },
    },
    {
      name: 'CountersignSecretStale',
      expr: 'max by (job, name) (countersign_secret_age_seconds) > 12 * 3600',
      severity: 'critical', owner: 'platform', runbook: 'secret-rotation.md',
      summary: '{{ $labels.job }} has used the last value of {{ $labels.name }} for half of the day that it may.',
      fires: { at: '5m', series: { [`countersign_secret_age_seconds{name="pepper",provider="file",${IDENTITY}}`]: '43100+60x20' }, alerts: [{ job: 'countersign-identity', name: 'pepper' }], notYet: '1m' },
      silent: { at: '5m', series: { [`countersign_secret_age_seconds{name="pepper",provider="file",${IDENTITY}}`]: '300x20' } },
    },
  ],
};
