import { rssMib } from '../child/process-usage.js';
import type { LedgerApi } from '../ledger-api.js';
import type { BenchStack } from '../stack.js';
import { cpuMicros, type CpuMicros } from './cpu-micros.js';

const RSS_SAMPLE_MS = 200;

export interface StreamResult {
  /** Events a second from the first emit to the last receipt. */
  readonly perSecond: number;
  readonly loopMax: Awaited<ReturnType<LedgerApi['loopMax']>>;
  readonly rssMib: readonly number[];
  /** The ledger's background work during the run included. */
  readonly cpuMicros: CpuMicros;
  readonly resent: number;
}

/** The whole way of `events` events: producer, spool, JetStream, ledger, PostgreSQL, receipts. */
export async function streamAppend(stack: BenchStack, api: LedgerApi, events: number, personal = false): Promise<StreamResult> {
  const { pid } = stack.ledger;
  const rss: number[] = [];
  // Reading the metric begins its next period.
  await api.loopMax();
  const cpu = cpuMicros(stack);
  const sampler = setInterval(() => rss.push(rssMib(pid)), RSS_SAMPLE_MS);
  const result = await stack.producer.burst(events, personal).finally(() => clearInterval(sampler));
  const spent = cpu(events);
  const loopMax = await api.loopMax();
  return { perSecond: events / result.seconds, loopMax, rssMib: rss, cpuMicros: spent, resent: result.resent };
}
