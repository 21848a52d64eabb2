import type { AlertGroup } from './alert.js';

/** Our services, by the name of their job in Prometheus without `countersign-`. */
export const SERVICES = ['edge', 'identity', 'keys', 'ledger', 'retention'] as const;

const everyService = (instances: string): Record<string, string> => Object.fromEntries(SERVICES.map((service) => [`up{job="countersign-${service}",instance="${service}:9090"}`, instances]));
const withoutLedger = Object.fromEntries(Object.entries(everyService('1x10')).filter(([series]) => !series.includes('ledger')));

const EDGE = { job: 'countersign-edge', instance: 'e1:9090' };
const CERTIFICATE = 'countersign_edge_certificate_end_timestamp_seconds{job="countersign-edge",instance="e1:9090"}';
const CERTIFICATE_LEFT = 'min by (job, instance) (countersign_edge_certificate_end_timestamp_seconds) - time()';
const BUS_CERTIFICATE = 'countersign_bus_certificate_end_timestamp_seconds{job="countersign-ledger",instance="l1:9090"}';
const BUS_CERTIFICATE_LEFT = 'min by (job, instance) (countersign_bus_certificate_end_timestamp_seconds) - time()';
const WAITING = 'countersign_postgres_waiting{job="countersign-identity",instance="i1:9090",pool="identity"}';
const LEDGER = { job: 'countersign-ledger', instance: 'l1:9090' };
const bus = (name: string, labels = ''): string => `countersign_bus_${name}{job="${LEDGER.job}",instance="${LEDGER.instance}"${labels}}`;
const failures = (code: string): string => bus('failures_total', `,code="${code}"`);

const disk = (name: string): string => `countersign_disk_${name}_bytes{job="${LEDGER.job}",instance="${LEDGER.instance}",folder="state"}`;
const DISK_FREE = 'countersign_disk_free_bytes / countersign_disk_size_bytes';

/** Is anything there at all? */
export const PLATFORM: AlertGroup = {
  name: 'countersign-platform',
  alerts: [
    {
      name: 'CountersignWatchdog',
      expr: 'vector(1)',
      severity: 'info', owner: 'platform', runbook: 'watchdog.md',
      summary: 'Alerting works. Whoever receives this must miss it when it stops.',
      fires: { at: '1m', series: {}, alerts: [{}] },
      silent: undefined,
    },
    {
      name: 'CountersignServiceDown',
      expr: 'max by (job) (up{job=~"countersign-.+"}) == 0',
      for: '2m', severity: 'critical', owner: 'platform', runbook: 'service-down.md',
      summary: 'No instance of {{ $labels.job }} answers.',
      fires: { at: '4m', series: { ...everyService('1x10'), 'up{job="countersign-keys",instance="keys:9090"}': '1 0x10' }, alerts: [{ job: 'countersign-keys' }], notYet: '2m' },
      silent: { at: '4m', series: { 'up{job="countersign-edge",instance="e1:9090"}': '0x10', 'up{job="countersign-edge",instance="e2:9090"}': '1x10' } },
    },
    {
      name: 'CountersignInstanceDown',
      expr: 'up{job=~"countersign-.+"} == 0',
      for: '10m', severity: 'warning', owner: 'platform', runbook: 'service-down.md',
      summary: '{{ $labels.instance }} of {{ $labels.job }} does not answer.',
      fires: { at: '12m', series: { 'up{job="countersign-edge",instance="e1:9090"}': '0x20', 'up{job="countersign-edge",instance="e2:9090"}': '1x20' }, alerts: [{ job: 'countersign-edge', instance: 'e1:9090' }], notYet: '9m' },
      silent: { at: '12m', series: { 'up{job="countersign-edge",instance="e1:9090"}': '0x5 1x20' } },
    },
    {
      name: 'CountersignServiceAbsent',
      expr: SERVICES.map((service) => `absent(up{job="countersign-${service}"})`).join('\nor '),
      for: '5m', severity: 'critical', owner: 'platform', runbook: 'service-down.md',
      summary: 'Prometheus knows no instance of {{ $labels.job }}: nothing that it could alert on is there.',
      fires: { at: '6m', series: withoutLedger, alerts: [{ job: 'countersign-ledger' }], notYet: '4m' },
      silent: { at: '6m', series: everyService('1x10') },
    },
    {
      name: 'CountersignCertificateEndsSoon',
      expr: `(${CERTIFICATE_LEFT}) < 14 * 86400`,
      for: '1h', severity: 'warning', owner: 'platform', runbook: 'certificate-ends.md',
      summary: 'The certificate of {{ $labels.instance }} ends within two weeks.',
      fires: { at: '62m', series: { [CERTIFICATE]: '1200000x70' }, alerts: [EDGE], notYet: '59m' },
      silent: { at: '62m', series: { [CERTIFICATE]: '1300000x70' } },
    },
    {
      name: 'CountersignCertificateEnds',
      expr: `(${CERTIFICATE_LEFT}) < 2 * 86400`,
      for: '5m', severity: 'critical', owner: 'platform', runbook: 'certificate-ends.md',
      summary: 'The certificate of {{ $labels.instance }} ends within two days, or is over: then nobody gets in.',
      fires: { at: '7m', series: { [CERTIFICATE]: '170000x10' }, alerts: [EDGE], notYet: '4m' },
      silent: { at: '7m', series: { [CERTIFICATE]: '180000x10' } },
    },
    {
      name: 'CountersignBusCertificateEndsSoon',
      expr: `(${BUS_CERTIFICATE_LEFT}) < 14 * 86400`,
      for: '1h', severity: 'warning', owner: 'platform', runbook: 'certificate-ends.md',
      summary: 'The certificate that {{ $labels.instance }} shows to the bus ends within two weeks.',
      fires: { at: '62m', series: { [BUS_CERTIFICATE]: '1200000x70' }, alerts: [LEDGER], notYet: '59m' },
      silent: { at: '62m', series: { [BUS_CERTIFICATE]: '1300000x70' } },
    },
    {
      name: 'CountersignBusCertificateEnds',
      expr: `(${BUS_CERTIFICATE_LEFT}) < 2 * 86400`,
      for: '5m', severity: 'critical', owner: 'platform', runbook: 'certificate-ends.md',
      summary: 'The certificate that {{ $labels.instance }} shows to the bus ends within two days, or is over or gone: its next connection is refused.',
      fires: { at: '7m', series: { [BUS_CERTIFICATE]: '170000x10' }, alerts: [LEDGER], notYet: '4m' },
      silent: { at: '7m', series: { [BUS_CERTIFICATE]: '180000x10' } },
    },
    {
      name: 'CountersignBusAway',
      expr: 'countersign_bus_connected == 0',
      for: '1m', severity: 'critical', owner: 'platform', runbook: 'bus-away.md',
      summary: '{{ $labels.instance }} of {{ $labels.job }} has no connection to NATS: it hears nothing, and its events wait.',
      fires: { at: '3m', series: { [bus('connected')]: '1 0x10' }, alerts: [LEDGER], notYet: '1m' },
      silent: { at: '3m', series: { [bus('connected')]: '1 0 1x10' } },
    },
    {
      name: 'CountersignBusTimeouts',
      expr: 'sum by (job) (rate(countersign_bus_failures_total{code="TIMEOUT"}[5m])) > 0.1',
      for: '5m', severity: 'warning', owner: 'platform', runbook: 'bus-away.md',
      summary: 'Nobody answers {{ $labels.job }} in time on the bus, again and again: JetStream, or another service, is too slow.',
      fires: { at: '12m', series: { [failures('TIMEOUT')]: '0+12x20' }, alerts: [{ job: 'countersign-ledger' }], notYet: '4m' },
      silent: { at: '12m', series: { [failures('TIMEOUT')]: '0+3x20' } },
    },
    {
      name: 'CountersignBusForbidden',
      expr: 'sum by (job) (increase(countersign_bus_failures_total{code="FORBIDDEN"}[15m])) > 0',
      severity: 'critical', owner: 'platform', runbook: 'bus-forbidden.md',
      summary: '{{ $labels.job }} tried on the bus what it has no right to: its rights are not those of this version, or it is not itself.',
      fires: { at: '5m', series: { [failures('FORBIDDEN')]: '0x2 1x10' }, alerts: [{ job: 'countersign-ledger' }], notYet: '1m' },
      silent: { at: '5m', series: { [failures('FORBIDDEN')]: '2x10', [failures('NO_RESPONDERS')]: '0+5x10' } },
    },
    {
      name: 'CountersignBusNotProvisioned',
      expr: 'sum by (job) (increase(countersign_bus_failures_total{code="NOT_PROVISIONED"}[2m])) > 0',
      // A service that starts before its streams are made waits for them.
      for: '3m', severity: 'critical', owner: 'platform', runbook: 'bus-not-provisioned.md',
      summary: 'The bus has not the streams that {{ $labels.job }} reads: nothing arrives, and whoever sends is refused.',
      fires: { at: '8m', series: { [failures('NOT_PROVISIONED')]: '0 0 30+30x20' }, alerts: [{ job: 'countersign-ledger' }], notYet: '4m' },
      silent: { at: '8m', series: { [failures('NOT_PROVISIONED')]: '0 20 20x20' } },
    },
    {
      name: 'CountersignDatabaseConnectionsShort',
      expr: 'max by (job, instance, pool) (min_over_time(countersign_postgres_waiting[2m])) > 0',
      for: '3m', severity: 'warning', owner: 'platform', runbook: 'database-connections.md',
      summary: 'Callers of {{ $labels.job }} wait for connections to PostgreSQL ({{ $labels.pool }}).',
      fires: { at: '8m', series: { [WAITING]: '0 1 3x10' }, alerts: [{ job: 'countersign-identity', instance: 'i1:9090', pool: 'identity' }], notYet: '4m' },
      silent: { at: '8m', series: { [WAITING]: '0 4 0 5 0 6 0 7 0 5 0' } },
    },
    {
      name: 'CountersignDiskFills',
      // Four days ahead: a weekend, and a day to act.
      expr: `predict_linear(countersign_disk_free_bytes[6h], 4 * 86400) < 0\nand ${DISK_FREE} < 0.4`,
      for: '1h', severity: 'warning', owner: 'platform', runbook: 'disk-fills.md',
      summary: 'The disk of {{ $labels.folder }} of {{ $labels.job }} is full within four days if it goes on like this.',
      fires: { at: '8h', series: { [disk('size')]: '1000000x480', [disk('free')]: '380000-200x480' }, alerts: [{ ...LEDGER, folder: 'state' }], notYet: '30m' },
      silent: { at: '8h', series: { [disk('size')]: '1000000x480', [disk('free')]: '380000-10x480' } },
    },
    {
      name: 'CountersignDiskNearlyFull',
      expr: `${DISK_FREE} < 0.05`,
      for: '5m', severity: 'critical', owner: 'platform', runbook: 'disk-fills.md',
      summary: 'The disk of {{ $labels.folder }} of {{ $labels.job }} has less than a twentieth left.',
      fires: { at: '8m', series: { [disk('size')]: '1000000x10', [disk('free')]: '40000x10' }, alerts: [{ ...LEDGER, folder: 'state' }], notYet: '4m' },
      silent: { at: '8m', series: { [disk('size')]: '1000000x10', [disk('free')]: '60000x10' } },
    },
  ],
};
