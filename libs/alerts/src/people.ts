import { grown, type AlertGroup } from './alert.js';

const EDGE = 'job="countersign-edge",instance="e1:9090"';
const IDENTITY = 'job="countersign-identity",instance="i1:9090"';
const STAGE_LABELS = { stage: 'early-warning', law: 'NIS2 art. 23(4)(a)' };
const STAGE = 'stage="early-warning",law="NIS2 art. 23(4)(a)"';
const RETENTION = 'job="countersign-retention",instance="r1:9090"';

/** Can people sign in, and does mail reach them? */
export const SIGN_IN: AlertGroup = {
  name: 'countersign-sign-in',
  alerts: [
    {
      name: 'CountersignRedisAway',
      expr: 'min(countersign_edge_redis_answers) == 0 or max(countersign_identity_attempts_degraded) == 1',
      for: '2m', severity: 'warning', owner: 'identity', runbook: 'sign-in-degraded.md',
      summary: 'Redis does not answer: each instance counts attempts and limits for itself, and requests with an Idempotency-Key are refused.',
      fires: { at: '4m', series: { [`countersign_edge_redis_answers{${EDGE}}`]: '1 0x10' }, alerts: [{}], notYet: '2m' },
      silent: { at: '4m', series: { [`countersign_edge_redis_answers{${EDGE}}`]: '1x10', [`countersign_identity_attempts_degraded{${IDENTITY}}`]: '0x10' } },
    },
    {
      name: 'CountersignLeaseLost',
      expr: 'min by (instance) (countersign_edge_lease_held) == 0',
      for: '2m', severity: 'critical', owner: 'identity', runbook: 'sign-in-degraded.md',
      summary: 'The edge {{ $labels.instance }} may not believe its sessions: identity does not answer it.',
      fires: { at: '4m', series: { [`countersign_edge_lease_held{${EDGE}}`]: '1 0x10' }, alerts: [{ instance: 'e1:9090' }], notYet: '2m' },
      silent: { at: '4m', series: { [`countersign_edge_lease_held{${EDGE}}`]: '1 0 1x10' } },
    },
    {
      name: 'CountersignMailWaiting',
      expr: 'max(countersign_identity_mail_oldest_seconds) > 900',
      for: '5m', severity: 'warning', owner: 'identity', runbook: 'mail-waiting.md',
      summary: 'Mail to people has waited for more than a quarter of an hour.',
      fires: { at: '7m', series: { [`countersign_identity_mail_oldest_seconds{${IDENTITY}}`]: '880+60x20' }, alerts: [{}], notYet: '5m' },
      silent: { at: '7m', series: { [`countersign_identity_mail_oldest_seconds{${IDENTITY}}`]: '1000 1060 0x20' } },
    },
  ],
};

/** Do deletions happen, and are people answered in time? */
export const PRIVACY: AlertGroup = {
  name: 'countersign-privacy',
  alerts: [
    {
      name: 'CountersignSubjectRequestDue',
      expr: 'min(countersign_retention_subject_request_due_seconds) < 3 * 86400',
      for: '10m', severity: 'warning', owner: 'privacy', runbook: 'subject-requests-due.md',
      summary: 'A request of a data subject is due within three days.',
      fires: { at: '15m', series: { [`countersign_retention_subject_request_due_seconds{${RETENTION}}`]: '259260-60x20' }, alerts: [{}], notYet: '10m' },
      silent: { at: '15m', series: { [`countersign_retention_subject_request_due_seconds{${RETENTION}}`]: '864000-60x20' } },
    },
    {
      name: 'CountersignSubjectRequestOverdue',
      expr: 'max(countersign_retention_subject_requests_overdue) > 0',
      severity: 'critical', owner: 'privacy', runbook: 'subject-requests-due.md',
      summary: 'A request of a data subject was not answered within the time that the law gives.',
      fires: { at: '2m', series: { [`countersign_retention_subject_requests_overdue{${RETENTION}}`]: '0 1x10' }, alerts: [{}], notYet: '0m' },
      silent: { at: '10m', series: { [`countersign_retention_subject_requests_overdue{${RETENTION}}`]: '0x10' } },
    },
    {
      name: 'CountersignIncidentStageDue',
      expr: 'min by (stage, law) (countersign_retention_incident_stage_due_seconds) < 12 * 3600',
      for: '5m', severity: 'critical', owner: 'privacy', runbook: 'incident-stage-due.md',
      summary: 'What is owed after a security incident is due within twelve hours: {{ $labels.stage }} ({{ $labels.law }}).',
      fires: { at: '15m', series: { [`countersign_retention_incident_stage_due_seconds{${STAGE},${RETENTION}}`]: '43500-60x20' }, alerts: [STAGE_LABELS], notYet: '8m' },
      silent: { at: '15m', series: { [`countersign_retention_incident_stage_due_seconds{${STAGE},${RETENTION}}`]: '86400-60x20' } },
    },
    {
      name: 'CountersignIncidentStageLate',
      expr: 'max by (stage, law) (countersign_retention_incident_stages_late) > 0',
      severity: 'critical', owner: 'privacy', runbook: 'incident-stage-due.md',
      summary: 'What is owed after a security incident was not sent within the time that the law gives: {{ $labels.stage }} ({{ $labels.law }}).',
      fires: { at: '2m', series: { [`countersign_retention_incident_stages_late{${STAGE},${RETENTION}}`]: '0 1x10' }, alerts: [STAGE_LABELS], notYet: '0m' },
      silent: { at: '10m', series: { [`countersign_retention_incident_stages_late{${STAGE},${RETENTION}}`]: '0x10' } },
    },
    {
      name: 'CountersignIncidentNewsWaiting',
      expr: 'max(countersign_retention_incident_news_waiting) > 0',
      for: '15m', severity: 'warning', owner: 'privacy', runbook: 'incident-stage-due.md',
      summary: 'Organisations that a security incident affects have not been told of it in their ledgers.',
      fires: { at: '17m', series: { [`countersign_retention_incident_news_waiting{${RETENTION}}`]: '0 7x20' }, alerts: [{}], notYet: '15m' },
      silent: { at: '17m', series: { [`countersign_retention_incident_news_waiting{${RETENTION}}`]: '7 3 0x20' } },
    },
    {
      name: 'CountersignDeletionStuck',
      expr: 'max(countersign_retention_oldest_open_order_seconds) > 900',
      for: '5m', severity: 'warning', owner: 'privacy', runbook: 'deletion-stuck.md',
      summary: 'Nobody knows what became of an order of deletion.',
      fires: { at: '7m', series: { [`countersign_retention_oldest_open_order_seconds{${RETENTION}}`]: '880+60x20' }, alerts: [{}], notYet: '5m' },
      silent: { at: '20m', series: { [`countersign_retention_oldest_open_order_seconds{${RETENTION}}`]: '0 60 120 0x20' } },
    },
    {
      name: 'CountersignOrdersUnfetched',
      expr: 'max by (type) (countersign_retention_oldest_unfetched_order_seconds) > 86400',
      for: '10m', severity: 'warning', owner: 'privacy', runbook: 'orders-unfetched.md',
      summary: 'The service that holds {{ $labels.type }} has not fetched an order of deletion for a day.',
      fires: { at: '15m', series: { [`countersign_retention_oldest_unfetched_order_seconds{type="acme.contract",${RETENTION}}`]: '86460+60x20' }, alerts: [{ type: 'acme.contract' }], notYet: '9m' },
      silent: { at: '15m', series: { [`countersign_retention_oldest_unfetched_order_seconds{type="acme.contract",${RETENTION}}`]: '3600+60x20' } },
    },
    {
      name: 'CountersignLedgerOverheld',
      expr: 'max(countersign_retention_ledgers_overheld) > 0',
      for: '10m', severity: 'warning', owner: 'privacy', runbook: 'deletion-stuck.md',
      summary: 'In a ledger more than 1,000 subjects and resources are held or restricted: no part of its events is destroyed.',
      fires: { at: '15m', series: { [`countersign_retention_ledgers_overheld{${RETENTION}}`]: '0 1x20' }, alerts: [{}], notYet: '10m' },
      silent: { at: '15m', series: { [`countersign_retention_ledgers_overheld{${RETENTION}}`]: '1 1 0x20' } },
    },
    {
      name: 'CountersignHolderFails',
      expr: grown('countersign_retention_sweep_failures_total', '30m', 'holder'),
      for: '1h', severity: 'warning', owner: 'privacy', runbook: 'deletion-stuck.md',
      summary: '{{ $labels.holder }} does not answer what it holds, or does not delete what is due.',
      fires: { at: '80m', series: { [`countersign_retention_sweep_failures_total{holder="ledger",${RETENTION}}`]: '0 1+1x100' }, alerts: [{ holder: 'ledger' }], notYet: '50m' },
      // One restart of a holder.
      silent: { at: '80m', series: { [`countersign_retention_sweep_failures_total{holder="ledger",${RETENTION}}`]: '0 3x100' } },
    },
    {
      name: 'CountersignSweepLate',
      // Twice the default of RETENTION_SWEEP_SECONDS, and some: whoever sets it otherwise sets this too.
      expr: 'time() - max(countersign_retention_last_sweep_timestamp_seconds) > 3 * 3600',
      for: '5m', severity: 'warning', owner: 'privacy', runbook: 'deletion-stuck.md',
      summary: 'Nothing was swept for hours: what is due stays.',
      fires: { at: '190m', series: { [`countersign_retention_last_sweep_timestamp_seconds{${RETENTION}}`]: '0x200' }, alerts: [{}], notYet: '180m' },
      silent: { at: '190m', series: { [`countersign_retention_last_sweep_timestamp_seconds{${RETENTION}}`]: '0x60 3600x60 7200x80' } },
    },
  ],
};
