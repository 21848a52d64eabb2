import { cpuSeconds, rssMib } from '../child/process-usage.js';
import type { LedgerApi } from '../ledger-api.js';
import type { BenchStack } from '../stack.js';

const RSS_SAMPLE_MS = 200;

export interface StreamResult {
  /** Events a second from the first emit to the last receipt. */
  readonly perSecond: number;
  readonly loopDelayMaxMs: number;
  readonly rssMib: readonly number[];
  /** CPU microseconds an event, by process; the ledger's background work during the run included. */
  readonly cpuMicros: Readonly<Record<'producer' | 'nats' | 'ledger' | 'postgres', number>>;
  readonly resent: number;
}

/** The whole way of `events` events: producer, spool, JetStream, ledger, PostgreSQL, receipts. */
export async function streamAppend(stack: BenchStack, api: LedgerApi, events: number): Promise<StreamResult> {
  const pids = { producer: stack.producer.pid, nats: stack.devstack.nats.pid, ledger: stack.ledger.pid, postgres: stack.devstack.postgres.pid };
  const cpu = (): number[] => Object.values(pids).map(cpuSeconds);
  const rss: number[] = [];
  // Reading the metric begins its next period.
  await api.loopDelayMaxMs();
  const before = cpu();
  const sampler = setInterval(() => rss.push(rssMib(pids.ledger)), RSS_SAMPLE_MS);
  const result = await stack.producer.burst(events).finally(() => clearInterval(sampler));
  const after = cpu();
  const loopDelayMaxMs = await api.loopDelayMaxMs();
  const micros = after.map((seconds, i) => ((seconds - before[i]!) * 1e6) / events);
  return {
    perSecond: events / result.seconds,
    loopDelayMaxMs,
    rssMib: rss,
    cpuMicros: { producer: micros[0]!, nats: micros[1]!, ledger: micros[2]!, postgres: micros[3]! },
    resent: result.resent,
  };
}
