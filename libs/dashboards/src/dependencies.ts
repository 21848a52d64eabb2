import { graph, light, type Dashboard } from './dashboard.js';

/** What all services stand on. */
export const DEPENDENCIES: Dashboard = {
  uid: 'countersign-dependencies',
  title: 'Countersign: dependencies',
  what: 'Services, databases, bus, keys, secrets: what everything else stands on.',
  rows: [
    {
      title: 'There?',
      panels: [
        light('Services', 'Instances of services that Prometheus cannot reach.', 'count(up{job=~"countersign-.+"} == 0) or 0 * count(up{job=~"countersign-.+"})', 'none', [1, 2]),
        light('Key service', '1 while it answers the ledger.', 'min(countersign_ledger_keys_available)', 'none', [1, 0.5]),
        light('Redis', '1 while it answers the edges.', 'min(countersign_edge_redis_answers)', 'none', [1, 0.5], { text: 'not used', is: 'nothing' }),
        light('Secrets', 'Secrets that cannot be read again: the last good ones are in use.', 'sum(countersign_secret_failing)', 'none', [1, 5]),
        light('Certificate', 'Until the first certificate of an edge ends.', 'min(countersign_edge_certificate_end_timestamp_seconds) - time()', 's', [1_209_600, 172_800]),
        light('Unreadable rows', 'Encrypted rows that no key opens.', 'sum(max by (service, purpose, code) (countersign_rotation_rows_unreadable)) or 0 * count(up{job=~"countersign-.+"} == 1)', 'none', [1, 1]),
        graph('Up', 'Instances that answer Prometheus.', 'short', ['sum by (job) (up{job=~"countersign-.+"})', '{{job}}']),
      ],
    },
    {
      title: 'PostgreSQL',
      panels: [
        graph('Connections in use', 'Of each pool.', 'short', ['max by (service, pool) (countersign_postgres_connections{state="used"})', '{{service}} {{pool}}']),
        graph('Part of the pool in use', 'At 1 the next one waits.', 'percentunit', ['max by (service, pool) (countersign_postgres_connections{state="used"} / on (instance, service, pool) countersign_postgres_connections_max)', '{{service}} {{pool}}']),
        graph('Waiting for a connection', 'Callers.', 'short', ['max by (service, pool) (countersign_postgres_waiting)', '{{service}} {{pool}}']),
      ],
    },
    {
      title: 'Bus and keys',
      panels: [
        graph('Connected to the bus', 'Instances with a connection to NATS.', 'short', ['sum by (job) (countersign_bus_connected)', '{{job}}']),
        graph('Failures on the bus', 'Requests a second that failed, and messages that were not let through.', 'ops', ['sum by (job, code) (rate(countersign_bus_failures_total[5m]))', '{{job}} {{code}}']),
        graph('Connections that came back', 'In the last hour.', 'short', ['sum by (job) (increase(countersign_bus_reconnects_total[1h]))', '{{job}}']),
        graph('Taken and not recorded', 'Bytes of the intake.', 'bytes', ['sum by (instance) (countersign_ledger_backlog_bytes)', '{{instance}}']),
        graph('Waiting for keys', 'Bytes of messages that wait beside the intake, and their limit.', 'bytes', ['max(countersign_ledger_waiting_bytes)', 'waiting'], ['max(countersign_ledger_waiting_bytes_max)', 'limit']),
        graph('Answers of the key service', '99 of 100 take no longer.', 's', ['histogram_quantile(0.99, sum by (le, operation) (rate(countersign_keys_request_duration_seconds_bucket[5m])))', '{{operation}}']),
        graph('Free on the disks of our folders', 'What PostgreSQL and NATS lie on is told by what watches those machines.', 'percentunit', ['min by (service, folder) (countersign_disk_free_bytes / countersign_disk_size_bytes)', '{{service}} {{folder}}']),
        graph('Age of secrets', 'Since they were last read.', 's', ['max by (service, name) (countersign_secret_age_seconds)', '{{service}} {{name}}']),
        graph('Rows under older keys', 'That are still to be encrypted anew.', 'short', ['sum by (service, purpose) (countersign_rotation_rows_remaining)', '{{service}} {{purpose}}']),
        graph('Epoch', 'Since the key over the subject keys was rolled: this long an erasure takes at most to reach backups.', 's', ['max(countersign_keys_epoch_age_seconds)', 'age']),
      ],
    },
    {
      title: 'Processes',
      panels: [
        graph('Event loop', '99 of 100 turns come no later.', 's', ['max by (job, instance) (nodejs_eventloop_lag_p99_seconds{job=~"countersign-.+"})', '{{job}} {{instance}}']),
        graph('Collecting garbage', 'Part of the time.', 'percentunit', ['sum by (job, instance) (rate(nodejs_gc_duration_seconds_sum{job=~"countersign-.+"}[5m]))', '{{job}} {{instance}}']),
        graph('Open files', 'Part of what the process may have.', 'percentunit', ['max by (job, instance) (process_open_fds{job=~"countersign-.+"} / process_max_fds)', '{{job}} {{instance}}']),
      ],
    },
  ],
};
