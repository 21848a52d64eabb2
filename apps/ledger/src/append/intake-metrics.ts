import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Metrics of the append flow. Labels are tenants, sources and codes: never ids, never people. */
export interface IntakeMetrics {
  readonly recorded: Counter<'tenant' | 'source'>;
  readonly repeated: Counter<'tenant' | 'source'>;
  readonly refused: Counter<'tenant' | 'source' | 'code'>;
  readonly parked: Counter<'tenant'>;
  readonly deferred: Counter;
  readonly stuck: Counter<'tenant' | 'code'>;
  readonly waitingMessages: Gauge;
  readonly waitingBytes: Gauge;
  readonly waitingBytesMax: Gauge;
  readonly retries: Counter<'tenant'>;
  readonly batch: Histogram<'tenant'>;
  readonly size: Gauge<'tenant'>;
}

export function intakeMetrics(registry: Registry): IntakeMetrics {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[]): Counter<L> => new Counter({ name: `countersign_ledger_${name}`, help, labelNames, registers });
  const gauge = (name: string, help: string): Gauge => new Gauge({ name: `countersign_ledger_${name}`, help, registers });
  return {
    recorded: counter('events_recorded_total', 'Events committed to a ledger', ['tenant', 'source']),
    repeated: counter('events_repeated_total', 'Events sent again that were on record', ['tenant', 'source']),
    refused: counter('events_refused_total', 'Events refused and quarantined', ['tenant', 'source', 'code']),
    parked: counter('messages_parked_total', 'Messages kept for a ledger that has stopped', ['tenant']),
    deferred: counter('messages_deferred_total', 'Messages sent to wait for keys', []),
    stuck: counter('messages_stuck_total', 'Tries of messages whose key is refused, or that do not open: no waiting mends that', ['tenant', 'code']),
    waitingMessages: gauge('waiting_messages', 'Messages that wait for keys'),
    waitingBytes: gauge('waiting_bytes', 'Bytes of messages that wait for keys'),
    waitingBytesMax: gauge('waiting_bytes_max', 'Bytes that may wait for keys before the intake holds up others too'),
    retries: counter('append_retries_total', 'Batches that failed and were tried again', ['tenant']),
    batch: new Histogram({ name: 'countersign_ledger_batch_events', help: 'Events committed in one transaction', labelNames: ['tenant'], buckets: [1, 10, 100, 500, 1_000, 2_000, 4_000], registers }),
    size: new Gauge({ name: 'countersign_ledger_tree_size', help: 'Committed entries of a ledger', labelNames: ['tenant'], registers }),
  };
}
