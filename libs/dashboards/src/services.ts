import { graph, type Dashboard, type Graph } from './dashboard.js';

/** How far a rate looks back: over some scrapes, whichever way they are set. */
const WINDOW = '5m';

interface Measured {
  readonly service: 'edge' | 'identity' | 'keys' | 'ledger' | 'retention';
  readonly title: string;
  /** Histogram of the time that answers take. */
  readonly duration: string;
  /** Labels that name what was asked for. */
  readonly by: string;
  /** Part of its answers that are failures of ours, and not of whoever asks. */
  readonly errors: readonly [expr: string, legend: string];
  readonly more: readonly Graph[];
}

const overHttp = (duration: string): Measured['errors'] => [`sum by (method, route) (rate(${duration}_count{status=~"5.."}[${WINDOW}])) / sum by (method, route) (rate(${duration}_count[${WINDOW}]))`, '{{method}} {{route}}'];
const open = (service: string): Graph => graph('Being answered', 'Requests that are being answered now.', 'short', [`sum by (instance) (countersign_${service}_requests_open)`, '{{instance}}']);
const refused = (service: string): Graph => graph('Refused', 'Refusals a second, by their codes.', 'ops', [`sum by (code) (rate(countersign_${service}_refused_total[${WINDOW}])) > 0`, '{{code}}']);
const overBus = (service: 'identity' | 'keys' | 'retention', title: string, more: readonly Graph[]): Measured => ({
  service, title, duration: `countersign_${service}_request_duration_seconds`, by: 'operation',
  errors: [`sum by (code) (rate(countersign_${service}_refused_total{code=~".*(INTERNAL|OVERLOADED|UNAVAILABLE)"}[${WINDOW}])) / on () group_left () sum(rate(countersign_${service}_request_duration_seconds_count[${WINDOW}]))`, '{{code}}'],
  more: [refused(service), open(service), ...more],
});

const SERVICES: readonly Measured[] = [
  {
    service: 'edge', title: 'Edge', duration: 'countersign_edge_request_duration_seconds', by: 'method, route', errors: overHttp('countersign_edge_request_duration_seconds'),
    more: [
      graph('Refused', 'Answers of 4xx a second.', 'reqps', [`sum by (status) (rate(countersign_edge_request_duration_seconds_count{status=~"4.."}[${WINDOW}]))`, '{{status}}']),
      graph('Lease', '1 while the edge may answer from its cache of sessions.', 'short', ['min by (instance) (countersign_edge_lease_held)', '{{instance}}']),
    ],
  },
  {
    service: 'ledger', title: 'Ledger', duration: 'countersign_ledger_http_request_duration_seconds', by: 'method, route', errors: overHttp('countersign_ledger_http_request_duration_seconds'),
    more: [
      graph('Batch', 'Events committed in one transaction: large under load.', 'short', [`histogram_quantile(0.5, sum by (le) (rate(countersign_ledger_batch_events_bucket[${WINDOW}])))`, 'half'], [`histogram_quantile(0.99, sum by (le) (rate(countersign_ledger_batch_events_bucket[${WINDOW}])))`, '99 of 100']),
      graph('Tried again', 'Batches a second whose transaction failed.', 'ops', [`sum by (tenant) (rate(countersign_ledger_append_retries_total[${WINDOW}])) > 0`, '{{tenant}}']),
      graph('Being answered', 'Requests over HTTP that are being answered now.', 'short', ['sum by (instance) (countersign_ledger_http_requests_open)', '{{instance}}']),
    ],
  },
  overBus('identity', 'Identity', [
    graph('Mail', 'Letters that wait.', 'short', ['max(countersign_identity_mail_waiting)', 'waiting']),
    graph('Locked', 'Accounts and origins locked a second.', 'ops', [`sum(rate(countersign_identity_locked_total[${WINDOW}]))`, 'locked']),
  ]),
  overBus('keys', 'Keys', [
    graph('Still under older versions', 'Rows and keys that are not yet under the active version.', 'short', ['sum by (purpose, version) (countersign_keys_remaining)', '{{purpose}} {{version}}'], ['max(countersign_keys_epoch_rows_remaining)', 'subject keys under an older epoch']),
    graph('Rotation due', 'Keys whose policy says that they are to be rotated.', 'short', ['max(countersign_keys_rotation_due)', 'due']),
  ]),
  overBus('retention', 'Retention', [
    graph('Deleted', 'What services confirmed to have deleted, a second.', 'ops', [`sum by (type) (rate(countersign_retention_resources_deleted_total[${WINDOW}])) > 0`, '{{type}}']),
    graph('Orders', 'Orders that are not yet settled, and the age of the oldest.', 'short', ['max(countersign_retention_orders_open)', 'open'], ['max(countersign_retention_oldest_open_order_seconds)', 'oldest, seconds']),
    graph('Failures of sweeps', 'A second.', 'ops', [`sum(rate(countersign_retention_sweep_failures_total[${WINDOW}]))`, 'failures']),
  ]),
];

/** Rate, errors and duration of each service, by route or by subject of the bus. */
export const SERVICE_PAGES: readonly Dashboard[] = SERVICES.map(({ service, title, duration, by, errors, more }) => ({
  uid: `countersign-${service}`,
  title: `Countersign: ${title}`,
  what: 'How often it is asked, how often it fails, how long it takes.',
  rows: [
    {
      title: 'Rate, errors, duration',
      panels: [
        graph('Rate', 'Answers a second.', 'reqps', [`sum by (${by}) (rate(${duration}_count[${WINDOW}])) > 0`, legendOf(by)]),
        graph('Errors', 'Part of the answers that are failures of ours.', 'percentunit', errors),
        graph('Duration', '99 of 100 answers take no longer.', 's', [`histogram_quantile(0.99, sum by (le, ${by}) (rate(${duration}_bucket[${WINDOW}])))`, legendOf(by)]),
      ],
    },
    { title: 'Its own', panels: more },
    {
      title: 'Process',
      panels: [
        graph('CPU', 'Cores in use.', 'short', [`sum by (instance) (rate(process_cpu_seconds_total{job="countersign-${service}"}[${WINDOW}]))`, '{{instance}}']),
        graph('Memory', 'Resident.', 'bytes', [`max by (instance) (process_resident_memory_bytes{job="countersign-${service}"})`, '{{instance}}']),
        graph('Event loop', '99 of 100 turns come no later.', 's', [`max by (instance) (nodejs_eventloop_lag_p99_seconds{job="countersign-${service}"})`, '{{instance}}']),
      ],
    },
  ],
}));

function legendOf(by: string): string {
  return by.split(', ').map((label) => `{{${label}}}`).join(' ');
}
