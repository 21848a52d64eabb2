import { grown, type AlertGroup } from './alert.js';

const ACME = { tenant: 'acme' };
const LEDGER = 'job="countersign-ledger",instance="l1:9090"';
const of = (metric: string, labels = 'tenant="acme"'): string => `countersign_ledger_${metric}{${labels === '' ? '' : `${labels},`}${LEDGER}}`;

/** Is the evidence intact, and can anybody check it? */
export const EVIDENCE: AlertGroup = {
  name: 'countersign-evidence',
  alerts: [
    {
      name: 'CountersignLedgerBroken',
      expr: 'min by (tenant) (countersign_ledger_intact) == 0',
      severity: 'critical', owner: 'evidence', runbook: 'ledger-broken.md', incident: 'ledger-integrity',
      summary: 'The ledger of {{ $labels.tenant }} is broken: what is stored is not what was signed. Its appends have stopped.',
      fires: { at: '3m', series: { [of('intact')]: '1 1 1 0x5', [of('intact', 'tenant="other"')]: '1x9' }, alerts: [ACME], notYet: '2m' },
      silent: { at: '10m', series: { [of('intact')]: '1x10' } },
    },
    {
      name: 'CountersignVerdictAbsent',
      expr: '(max by (tenant) (countersign_ledger_tree_size) > 0) unless on (tenant) countersign_ledger_intact',
      for: '15m', severity: 'critical', owner: 'evidence', runbook: 'unverified-age.md',
      summary: 'Nobody has verified the ledger of {{ $labels.tenant }}, though it grows.',
      fires: { at: '16m', series: { [of('tree_size')]: '10+10x20' }, alerts: [ACME], notYet: '14m' },
      silent: { at: '20m', series: { [of('tree_size')]: '10+10x20', [of('intact')]: '_ _ 1x20' } },
    },
    {
      name: 'CountersignVerificationLate',
      expr: 'min by (tenant) (countersign_ledger_unverified_age_seconds) > 60',
      for: '5m', severity: 'warning', owner: 'evidence', runbook: 'unverified-age.md',
      summary: 'The newest events of {{ $labels.tenant }} have not been verified for more than a minute.',
      fires: { at: '8m', series: { [of('unverified_age_seconds')]: '15 15 75+60x10' }, alerts: [ACME], notYet: '6m' },
      silent: { at: '15m', series: { [of('unverified_age_seconds')]: '15 75 80 85 10x15' } },
    },
    {
      name: 'CountersignVerificationStopped',
      expr: 'min by (tenant) (countersign_ledger_unverified_age_seconds) > 900',
      severity: 'critical', owner: 'evidence', runbook: 'unverified-age.md',
      summary: 'The newest events of {{ $labels.tenant }} have not been verified for a quarter of an hour.',
      fires: { at: '16m', series: { [of('unverified_age_seconds')]: '0+60x20' }, alerts: [ACME], notYet: '15m' },
      silent: { at: '20m', series: { [of('unverified_age_seconds')]: '890x20' } },
    },
    {
      name: 'CountersignFullVerificationLate',
      expr: 'time() - max by (tenant) (countersign_ledger_last_full_verification_timestamp_seconds) > 26 * 3600',
      for: '15m', severity: 'critical', owner: 'evidence', runbook: 'unverified-age.md',
      summary: 'The whole history of {{ $labels.tenant }} was last verified more than a day ago.',
      fires: { at: '27h', every: '15m', series: { [of('last_full_verification_timestamp_seconds')]: '0x120' }, alerts: [ACME], notYet: '26h' },
      silent: { at: '27h', every: '15m', series: { [of('last_full_verification_timestamp_seconds')]: '0x95 86400x30' } },
    },
    {
      name: 'CountersignFullVerificationNever',
      expr: '(max by (tenant) (countersign_ledger_tree_size) > 0) unless on (tenant) countersign_ledger_last_full_verification_timestamp_seconds',
      for: '26h', severity: 'critical', owner: 'evidence', runbook: 'unverified-age.md',
      summary: 'The whole history of {{ $labels.tenant }} has not been verified within a day.',
      fires: { at: '27h', every: '5m', series: { [of('tree_size')]: '10x340' }, alerts: [ACME], notYet: '25h' },
      silent: { at: '27h', every: '5m', series: { [of('tree_size')]: '10x340', [of('last_full_verification_timestamp_seconds')]: '_x280 84000x60' } },
    },
    {
      name: 'CountersignLedgerShrank',
      expr: 'max by (tenant) (countersign_ledger_tree_size) < max by (tenant) (max_over_time(countersign_ledger_tree_size[1d]))',
      for: '1m', severity: 'critical', owner: 'evidence', runbook: 'ledger-broken.md', incident: 'ledger-integrity',
      summary: 'The ledger of {{ $labels.tenant }} has become smaller: it was cut, or put back from a backup.',
      fires: { at: '6m', series: { [of('tree_size')]: '100 110 120 130 90x10' }, alerts: [ACME], notYet: '4m' },
      // A restarted ledger tells no size before its first append.
      silent: { at: '10m', series: { [of('tree_size')]: '100 110 120 stale _ _ 121x10' } },
    },
    {
      name: 'CountersignCheckpointLate',
      expr: `((max by (tenant) (countersign_ledger_tree_size) > max by (tenant) (countersign_ledger_checkpoint_size)) and on (tenant) (max by (tenant) (changes(countersign_ledger_checkpoint_size[2m])) == 0))
or ((max by (tenant) (countersign_ledger_tree_size) > 0) unless on (tenant) countersign_ledger_checkpoint_size)`,
      for: '1m', severity: 'critical', owner: 'evidence', runbook: 'checkpoint-late.md',
      summary: 'Events of {{ $labels.tenant }} are recorded and no checkpoint covers them: nobody outside can check them.',
      fires: { at: '8m', series: { [of('tree_size')]: '100+10x20', [of('checkpoint_size')]: '100 110 120 125x20' }, alerts: [ACME], notYet: '5m' },
      // Under load the tree is always a little ahead.
      silent: { at: '10m', series: { [of('tree_size')]: '110+10x20', [of('checkpoint_size')]: '100+10x20' } },
    },
    {
      name: 'CountersignProducerGap',
      expr: 'max by (tenant, source) (countersign_ledger_producer_missing_sequences) > 0',
      for: '10m', severity: 'critical', owner: 'evidence', runbook: 'producer-gap.md',
      summary: '{{ $labels.source }} has numbered events of {{ $labels.tenant }} that never arrived.',
      fires: { at: '13m', series: { [of('producer_missing_sequences', 'tenant="acme",source="billing"')]: '0 2x20' }, alerts: [{ ...ACME, source: 'billing' }], notYet: '10m' },
      silent: { at: '13m', series: { [of('producer_missing_sequences', 'tenant="acme",source="billing"')]: '0 2x4 0x20' } },
    },
    {
      name: 'CountersignProducerSilent',
      expr: 'max by (tenant, source) (countersign_ledger_producer_silent) > 0',
      for: '15m', severity: 'warning', owner: 'evidence', runbook: 'producer-gap.md',
      summary: '{{ $labels.source }} has stopped sending events of {{ $labels.tenant }}.',
      fires: { at: '17m', series: { [of('producer_silent', 'tenant="acme",source="billing"')]: '0 1x20' }, alerts: [{ ...ACME, source: 'billing' }], notYet: '15m' },
      silent: { at: '17m', series: { [of('producer_silent', 'tenant="acme",source="billing"')]: '1x10 0x10' } },
    },
    {
      name: 'CountersignEventsRefused',
      expr: grown('countersign_ledger_events_refused_total', '10m', 'tenant, source, code'),
      severity: 'warning', owner: 'evidence', runbook: 'quarantine.md',
      summary: 'Events of {{ $labels.source }} for {{ $labels.tenant }} are refused ({{ $labels.code }}) and wait in quarantine.',
      fires: { at: '5m', series: { [of('events_refused_total', 'tenant="acme",source="billing",code="EVENT_MALFORMED"')]: '_ _ _ 1x10' }, alerts: [{ ...ACME, source: 'billing', code: 'EVENT_MALFORMED' }], notYet: '2m' },
      silent: { at: '30m', series: { [of('events_refused_total', 'tenant="acme",source="billing",code="EVENT_MALFORMED"')]: '7x30' } },
    },
    {
      name: 'CountersignMessagesStuck',
      expr: grown('countersign_ledger_messages_stuck_total', '15m', 'tenant, code'),
      for: '5m', severity: 'warning', owner: 'evidence', runbook: 'messages-stuck.md',
      summary: 'Messages of {{ $labels.tenant }} cannot be opened ({{ $labels.code }}), and waiting does not mend it.',
      fires: { at: '10m', series: { [of('messages_stuck_total', 'tenant="acme",code="KEY_DESTROYED"')]: '_ _ 1+1x20' }, alerts: [{ ...ACME, code: 'KEY_DESTROYED' }], notYet: '5m' },
      silent: { at: '40m', series: { [of('messages_stuck_total', 'tenant="acme",code="KEY_DESTROYED"')]: '1x40' } },
    },
    {
      name: 'CountersignIndexLag',
      expr: 'min by (tenant) (countersign_ledger_index_lag_events) > 50000',
      for: '15m', severity: 'warning', owner: 'evidence', runbook: 'index-lag.md',
      summary: 'Search in the ledger of {{ $labels.tenant }} is far behind what is recorded.',
      fires: { at: '20m', series: { [of('index_lag_events')]: '0 60000x30' }, alerts: [ACME], notYet: '15m' },
      silent: { at: '20m', series: { [of('index_lag_events')]: '60000x10 100x20' } },
    },
    {
      name: 'CountersignEntriesUnreadable',
      expr: grown('countersign_ledger_index_unreadable_entries_total', '1h', 'tenant'),
      severity: 'critical', owner: 'evidence', runbook: 'index-lag.md',
      summary: 'Entries of {{ $labels.tenant }} are no entries: verification will say why.',
      fires: { at: '5m', series: { [of('index_unreadable_entries_total')]: '0 0 1x10' }, alerts: [ACME], notYet: '1m' },
      silent: { at: '2h', series: { [of('index_unreadable_entries_total')]: '0x120' } },
    },
    {
      name: 'CountersignEventsUnreceipted',
      expr: 'sum by (job) (countersign_event_store_unreceipted_events) > 0',
      for: '5m', severity: 'critical', owner: 'evidence', runbook: 'event-unreceipted.md',
      summary: '{{ $labels.job }} has events for which the ledger gives no receipt.',
      fires: { at: '8m', series: { 'countersign_event_store_unreceipted_events{job="countersign-identity",instance="i1:9090"}': '0 0 3x20' }, alerts: [{ job: 'countersign-identity' }], notYet: '6m' },
      silent: { at: '10m', series: { 'countersign_event_store_unreceipted_events{job="countersign-identity",instance="i1:9090"}': '0 2 2 0x20' } },
    },
    {
      name: 'CountersignReceiptsUnknown',
      // Not a number: the service cannot read its own database.
      expr: 'max by (job) (countersign_event_store_unreceipted_events != countersign_event_store_unreceipted_events)',
      for: '5m', severity: 'critical', owner: 'evidence', runbook: 'event-unreceipted.md',
      summary: '{{ $labels.job }} cannot tell whether its events have receipts: its database does not answer.',
      fires: { at: '6m', series: { 'countersign_event_store_unreceipted_events{job="countersign-identity",instance="i1:9090"}': 'NaN NaN NaN NaN NaN NaN NaN NaN' }, alerts: [{ job: 'countersign-identity' }], notYet: '4m' },
      silent: { at: '6m', series: { 'countersign_event_store_unreceipted_events{job="countersign-identity",instance="i1:9090"}': 'NaN NaN 0 0 0 0 0' } },
    },
  ],
};
