import { SERVICES } from './platform.js';

/** How a number is to be read: Grafana's names of units. */
export type Unit = 's' | 'bytes' | 'short' | 'reqps' | 'percentunit' | 'dateTimeFromNow' | 'ops';

/** One thing to look at. */
export interface Panel {
  readonly title: string;
  /** What it means when it is not as it should be, in one sentence. */
  readonly tells: string;
  /** `state`: one number a series, coloured; `course`: over time. */
  readonly shape: 'state' | 'course';
  readonly unit: Unit;
  /** Expressions, each with the legend of its series; `{{label}}` may stand in it. */
  readonly shows: readonly (readonly [expr: string, legend: string])[];
  /** From this value on it is bad; for `least`, below it. Of `state` only. */
  readonly bad?: { readonly from: number } | { readonly least: number };
}

export interface Dashboard {
  /** Of its file and address, for ever: links name it. */
  readonly uid: string;
  readonly title: string;
  readonly rows: readonly { readonly title: string; readonly panels: readonly Panel[] }[];
}

type Service = (typeof SERVICES)[number];

const state = (title: string, tells: string, unit: Unit, expr: string, legend: string, bad?: Panel['bad']): Panel => ({ title, tells, shape: 'state', unit, shows: [[expr, legend]], ...(bad === undefined ? {} : { bad }) });
const course = (title: string, tells: string, unit: Unit, ...shows: Panel['shows']): Panel => ({ title, tells, shape: 'course', unit, shows });

const OVERVIEW: Dashboard = {
  uid: 'countersign-overview',
  title: 'Countersign: is the evidence intact?',
  rows: [
    {
      title: 'Evidence',
      panels: [
        state('Intact', '0: what is stored is not what was signed. No value: nobody has verified this ledger.', 'short', 'min by (tenant) (countersign_ledger_intact)', '{{tenant}}', { least: 1 }),
        state('Unverified for', 'Age of the newest events that no verification has covered.', 's', 'max by (tenant) (countersign_ledger_unverified_age_seconds)', '{{tenant}}', { from: 60 }),
        state('Whole history verified', 'Seconds since everything was verified; more than 26 hours is late.', 's', 'time() - max by (tenant) (countersign_ledger_last_full_verification_timestamp_seconds)', '{{tenant}}', { from: 93_600 }),
        state('Without a receipt', 'Events that services hold and for which the ledger gives no receipt.', 'short', 'sum by (job) (countersign_event_store_unreceipted_events)', '{{job}}', { from: 1 }),
      ],
    },
    {
      title: 'Growth',
      panels: [
        course('Entries, and what checkpoints cover', 'A tree that shrinks was cut or put back; one that leaves its checkpoint behind cannot be checked from outside.', 'short', ['max by (tenant) (countersign_ledger_tree_size)', '{{tenant}} entries'], ['max by (tenant) (countersign_ledger_checkpoint_size)', '{{tenant}} checkpoint']),
        course('Events', 'Recorded, refused and stuck events a second.', 'ops', ['sum by (tenant) (rate(countersign_ledger_events_recorded_total[$__rate_interval]))', '{{tenant}} recorded'], ['sum by (tenant, code) (rate(countersign_ledger_events_refused_total[$__rate_interval]))', '{{tenant}} refused {{code}}'], ['sum by (tenant, code) (rate(countersign_ledger_messages_stuck_total[$__rate_interval]))', '{{tenant}} stuck {{code}}']),
        state('Missing from producers', 'Numbered events that never arrived.', 'short', 'max by (tenant, source) (countersign_ledger_producer_missing_sequences)', '{{tenant}} {{source}}', { from: 1 }),
      ],
    },
    {
      title: 'What would be lost, and what is owed',
      panels: [
        state('Newest backup', 'Seconds since the newest listed backup was taken.', 's', 'time() - max(countersign_backup_last_timestamp_seconds)', 'backup', { from: 93_600 }),
        state('Log archived', 'What was written since is in no archive.', 's', 'time() - max(countersign_backup_log_archived_timestamp_seconds)', 'log', { from: 300 }),
        state('Restore proved', 'Seconds since a backup was last restored and proved.', 's', 'time() - max(countersign_backup_drill_timestamp_seconds)', 'drill', { from: 3_024_000 }),
        state('Owed to people and authorities', 'Overdue requests of data subjects and stages of incidents.', 'short', 'max(countersign_retention_subject_requests_overdue) + sum(countersign_retention_incident_stages_late)', 'overdue', { from: 1 }),
        state('Alerts', 'Alerts that fire now, without the watchdog.', 'short', 'sum by (alertname) (ALERTS{alertname=~"Countersign.+",alertname!="CountersignWatchdog",alertstate="firing"})', '{{alertname}}', { from: 1 }),
      ],
    },
  ],
};

/** Where a service counts what it answers, by what, and which answers are faults of ours. */
const ANSWERS: Readonly<Record<Service, { readonly metric: string; readonly by: string; readonly label: 'status' | 'outcome'; readonly faults: string }>> = {
  edge: { metric: 'countersign_edge_request_duration_seconds', by: 'method, route', label: 'status', faults: 'status=~"5.."' },
  identity: { metric: 'countersign_identity_request_duration_seconds', by: 'operation', label: 'outcome', faults: 'outcome="refused"' },
  keys: { metric: 'countersign_keys_request_duration_seconds', by: 'operation', label: 'outcome', faults: 'outcome="refused"' },
  ledger: { metric: 'countersign_ledger_http_request_duration_seconds', by: 'method, route', label: 'status', faults: 'status=~"5.."' },
  retention: { metric: 'countersign_retention_request_duration_seconds', by: 'operation', label: 'outcome', faults: 'outcome="refused"' },
};

/** What only this service has. */
const OWN: Readonly<Record<Service, readonly Panel[]>> = {
  edge: [state('Sessions may be believed', '0: identity does not answer this edge.', 'short', 'min by (instance) (countersign_edge_lease_held)', '{{instance}}', { least: 1 })],
  identity: [
    course('Mail', 'Mails that wait, and what became of others a second.', 'short', ['max(countersign_identity_mail_waiting)', 'waiting'], ['sum by (outcome) (rate(countersign_identity_mail_total[$__rate_interval]))', '{{outcome}} a second']),
    course('Oldest mail', 'How long the oldest mail waits.', 's', ['max(countersign_identity_mail_oldest_seconds)', 'oldest']),
    course('Locked attempts', 'Attempts that were not looked at, because there had been too many.', 'ops', ['sum by (what) (rate(countersign_identity_locked_total[$__rate_interval]))', '{{what}}']),
  ],
  keys: [
    state('Rotation due', 'Keys that are older, or more used, than their policy allows.', 'short', 'max(countersign_keys_rotation_due)', 'keys', { from: 1 }),
    state('Epoch', 'Age of the epoch of subject keys; erasures reach backups when it rolls.', 's', 'min(countersign_keys_epoch_age_seconds)', 'age', { from: 172_800 }),
    course('Refused', 'Refused requests a second.', 'ops', ['sum by (code) (rate(countersign_keys_refused_total[$__rate_interval]))', '{{code}}']),
  ],
  ledger: [
    course('Batches', 'Events in one transaction, at the median and the 99th percentile.', 'short', ...([0.5, 0.99] as const).map((q) => [`histogram_quantile(${q}, sum by (le) (rate(countersign_ledger_batch_events_bucket[$__rate_interval])))`, `p${100 * q}`] as const)),
    course('Taken and not committed', 'Bytes from the bus in memory, and bytes that wait for keys.', 'bytes', ['max(countersign_ledger_backlog_bytes)', 'backlog'], ['max(countersign_ledger_waiting_bytes)', 'wait for keys']),
    course('Search is behind', 'Entries that are recorded and not yet found by search.', 'short', ['min by (tenant) (countersign_ledger_index_lag_events)', '{{tenant}}']),
    course('Appends tried again', 'Batches that failed and were tried again, a second.', 'ops', ['sum by (tenant) (rate(countersign_ledger_append_retries_total[$__rate_interval]))', '{{tenant}}']),
  ],
  retention: [
    state('Last sweep', 'Seconds since what is due was last looked for.', 's', 'time() - max(countersign_retention_last_sweep_timestamp_seconds)', 'sweep', { from: 10_800 }),
    course('Orders', 'Orders of deletion that are open, and how old the oldest is.', 'short', ['max(countersign_retention_orders_open)', 'open'], ['max(countersign_retention_oldest_open_order_seconds)', 'oldest (s)']),
    course('Requests of data subjects', 'Not yet answered, by kind.', 'short', ['max by (kind) (countersign_retention_subject_requests_open)', '{{kind}}']),
  ],
};

/** Rate, errors and duration of what a service answers, then what only it has. */
function serviceDashboard(service: Service): Dashboard {
  const { metric, by, label, faults } = ANSWERS[service];
  const legend = by.split(', ').map((one) => `{{${one}}}`).join(' ');
  const job = `job="countersign-${service}"`;
  return {
    uid: `countersign-${service}`,
    title: `Countersign: ${service}`,
    rows: [
      {
        title: 'Rate, errors, duration',
        panels: [
          course('Rate', 'Answers a second.', 'reqps', [`sum by (${by}) (rate(${metric}_count{${job}}[$__rate_interval]))`, legend]),
          course('Errors', service === 'edge' || service === 'ledger' ? 'Answers a second that are faults of ours.' : 'Refusals a second, whoever is at fault.', 'reqps', [`sum by (${by}, ${label}) (rate(${metric}_count{${job},${faults}}[$__rate_interval]))`, `${legend} {{${label}}}`]),
          course('Duration, 99th percentile', 'All but one of a hundred answers were faster.', 's', [`histogram_quantile(0.99, sum by (le, ${by}) (rate(${metric}_bucket{${job}}[$__rate_interval])))`, legend]),
        ],
      },
      { title: `Of ${service} alone`, panels: OWN[service] },
      {
        title: 'Process',
        panels: [
          state('Instances', 'Instances that answer Prometheus.', 'short', `sum(up{${job}})`, 'up', { least: 1 }),
          course('CPU', 'Cores in use.', 'short', [`rate(process_cpu_seconds_total{${job}}[$__rate_interval])`, '{{instance}}']),
          course('Memory', 'Resident memory.', 'bytes', [`process_resident_memory_bytes{${job}}`, '{{instance}}']),
        ],
      },
    ],
  };
}

const DEPENDENCIES: Dashboard = {
  uid: 'countersign-dependencies',
  title: 'Countersign: what it stands on',
  rows: [
    {
      title: 'Answers',
      panels: [
        state('Services', '0: no instance answers.', 'short', 'max by (job) (up{job=~"countersign-.+"})', '{{job}}', { least: 1 }),
        state('Keys', '0: the key service does not answer the ledger.', 'short', 'max(countersign_ledger_keys_available)', 'keys', { least: 1 }),
        state('Redis', '0: Redis does not answer; no value: there is none.', 'short', 'min(countersign_edge_redis_answers)', 'redis', { least: 1 }),
        state('Mail server', '0: none is configured, mails wait.', 'short', 'max(countersign_identity_mail_configured)', 'mail', { least: 1 }),
      ],
    },
    {
      title: 'PostgreSQL and NATS, by what waits for them',
      panels: [
        course('Oldest event without a receipt', 'Over the bus to the ledger and back; no value: the service cannot read its own database.', 's', ['max by (job) (countersign_event_store_unreceipted_oldest_seconds)', '{{job}}']),
        course('Appends tried again', 'PostgreSQL refused a batch, or was away.', 'ops', ['sum by (tenant) (rate(countersign_ledger_append_retries_total[$__rate_interval]))', '{{tenant}}']),
        course('Requests being answered', 'Many at once: something below does not keep up.', 'short', ['countersign_keys_requests_open', 'keys {{instance}}'], ['countersign_identity_requests_open', 'identity {{instance}}'], ['countersign_ledger_http_requests_open', 'ledger {{instance}}'], ['countersign_retention_requests_open', 'retention {{instance}}']),
      ],
    },
    {
      title: 'Secrets and rotation',
      panels: [
        state('Secrets that cannot be read', '1: the last value is used, for a day at most.', 'short', 'max by (job, name) (countersign_secret_failing)', '{{job}} {{name}}', { from: 1 }),
        course('Rows under older keys', 'Falls to 0 after each rotation.', 'short', ['sum by (job, purpose) (countersign_rotation_rows_remaining)', '{{job}} {{purpose}}']),
      ],
    },
    {
      title: 'Event loops',
      panels: [course('Delay, 99th percentile', 'How late timers and answers are: the process is busy, or waits for a core.', 's', ['max by (job, instance) (nodejs_eventloop_lag_p99_seconds)', '{{job}} {{instance}}'])],
    },
  ],
};

/** Every dashboard that there is. */
export const DASHBOARDS: readonly Dashboard[] = [OVERVIEW, ...SERVICES.map(serviceDashboard), DEPENDENCIES];
