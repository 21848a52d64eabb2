import { median, mean, quantile } from './quantile.js';
import type { Figures } from './figures.js';
import { LedgerApi } from './ledger-api.js';
import { count, cpuLine, foreignLine, spread } from './lines.js';
import { copyAppend, readCopyBatches } from './measure/copy-append.js';
import { cpuMicros } from './measure/cpu-micros.js';
import { foreignLoad } from './measure/foreign-load.js';
import { untilIdle } from './measure/idle.js';
import { integrityOverhead } from './measure/overhead.js';
import { createCompared, plainAppend } from './measure/plain-append.js';
import { proofAvailability } from './measure/proof-availability.js';
import { proofLatency } from './measure/proof-latency.js';
import { streamAppend, type StreamResult } from './measure/stream-append.js';
import type { BenchOptions } from './options.js';
import { TENANT } from './sample-event.js';
import { DATABASE } from './child/ledger-process.js';
import type { BenchStack } from './stack.js';

const SETTLE_LIMIT_MS = 60_000;

/** Runs the measurements one after the other on one stack. */
export class Bench {
  readonly figures: Figures = {};
  /** One line for each round of each measurement. */
  readonly rounds: string[] = [];
  private readonly api: LedgerApi;
  private ledgerId = 0;

  constructor(
    private readonly stack: BenchStack,
    private readonly options: BenchOptions,
    private readonly say: (line: string) => void,
  ) {
    this.api = new LedgerApi(stack.ledger.url, TENANT);
  }

  async run(): Promise<void> {
    const { phases } = this.options;
    await this.warmUp();
    const { rows } = await this.stack.pool.query<{ ledger_id: number }>('SELECT ledger_id FROM ledgers WHERE tenant = $1', [TENANT]);
    this.ledgerId = rows[0]!.ledger_id;
    if (phases.has('verify')) await this.verify();
    if (phases.has('proof')) await this.proof();
    if (phases.has('latency')) await this.latency();
    if (phases.has('append')) await this.append();
    const { bytes, eventBytes } = await integrityOverhead(this.stack.pool, this.ledgerId);
    this.figures.overhead_bytes = bytes;
    this.figures.event_bytes = eventBytes;
  }

  /** Until every cache, thread and compiled function of the ledger has found its size. */
  private async warmUp(): Promise<void> {
    const { warmUpEvents, streamEvents } = this.options.scale;
    this.say(`filling the ledger with ${count(warmUpEvents)} events`);
    // In pieces: more than the producer's spool holds would be refused when the machine is slow.
    for (let left = warmUpEvents; left > 0; left -= streamEvents) await this.stack.producer.burst(Math.min(left, streamEvents));
    await this.rest();
    await this.stack.pool.query('VACUUM (ANALYZE)');
  }

  /** Plain, copy and ours take turns, so that a slow minute of the machine hits all three. */
  private async append(): Promise<void> {
    const { rounds, plainSeconds, copyRows, streamEvents, warmUpEvents } = this.options.scale;
    const { pool, devstack } = this.stack;
    await createCompared(pool);
    const batches = await readCopyBatches(pool, this.ledgerId, Math.min(copyRows, warmUpEvents));
    const plain: number[] = [];
    const copied: number[] = [];
    const streamed: StreamResult[] = [];
    for (let round = 1; round <= rounds; round++) {
      await this.rest();
      const foreign = foreignLoad();
      plain.push(await plainAppend(devstack.databaseUrl(DATABASE), plainSeconds));
      await this.rest();
      copied.push(await copyAppend(pool, batches));
      await this.rest();
      streamed.push(await streamAppend(this.stack, this.api, streamEvents));
      this.note(`round ${round}: ${roundLine(plain.at(-1)!, copied.at(-1)!, streamed.at(-1)!)}${foreignLine(foreign())}`);
    }
    const rss = streamed.flatMap((result) => result.rssMib);
    const third = Math.max(1, Math.floor(rss.length / 3));
    const [a, b, c] = [median(plain), median(copied), median(streamed.map((result) => result.perSecond))];
    Object.assign(this.figures, {
      append_plain_per_s: a,
      append_copy_per_s: b,
      append_per_s: c,
      append_vs_plain: c / a,
      append_vs_copy: c / b,
      loop_delay_max_ms: Math.max(...streamed.map(({ loopMax }) => loopMax.delayMs)),
      loop_work_max_ms: Math.max(...streamed.map(({ loopMax }) => loopMax.workMs)),
      rss_mib: Math.max(...rss),
      rss_growth_mib: mean(rss.slice(-third)) - mean(rss.slice(0, third)),
    } satisfies Figures);
  }

  private async latency(): Promise<void> {
    const { pacedPerSecond, pacedWarmUpSeconds, pacedSeconds, availabilitySeconds } = this.options.scale;
    const { producer } = this.stack;
    await this.rest();
    this.say(`${count(pacedPerSecond)} events/s for ${pacedSeconds} s`);
    await producer.paced(pacedPerSecond, pacedWarmUpSeconds);
    const { latenciesMs } = await producer.paced(pacedPerSecond, pacedSeconds);
    this.figures.receipt_p50_ms = quantile(latenciesMs, 0.5);
    this.figures.receipt_p99_ms = quantile(latenciesMs, 0.99);
    this.note(`emit to receipt: ${spread(latenciesMs)}`);
    this.say(`waiting for proofs at ${count(pacedPerSecond)} events/s for ${availabilitySeconds} s`);
    const waitsMs = await proofAvailability(this.stack, this.api, pacedPerSecond, availabilitySeconds);
    this.figures.proof_available_p99_ms = quantile(waitsMs, 0.99);
    this.note(`receipt to proof: ${spread(waitsMs)}`);
  }

  private async verify(): Promise<void> {
    await this.rest();
    const rates: number[] = [];
    for (let pass = 1; pass <= this.options.scale.verifyPasses; pass++) {
      const foreign = foreignLoad();
      const cpu = cpuMicros(this.stack);
      const { fromIndex, toIndex, startedAt, finishedAt } = await this.api.verify();
      const entries = toIndex - fromIndex;
      const seconds = (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000;
      rates.push(entries / seconds);
      this.note(`full verification: ${count(entries)} entries in ${seconds.toFixed(2)} s, ${count(rates.at(-1)!)} entries/s; CPU µs an entry: ${cpuLine(cpu(entries))}${foreignLine(foreign())}`);
    }
    this.figures.verify_per_s = median(rates);
  }

  private async proof(): Promise<void> {
    const { pool } = this.stack;
    await this.rest();
    const { treeSize } = await this.api.view();
    const { proofsMs, emptyMs } = await proofLatency(pool, this.api, this.ledgerId, this.options.scale.proofs);
    this.figures.proof_p50_ms = quantile(proofsMs, 0.5);
    this.figures.proof_p99_ms = quantile(proofsMs, 0.99);
    this.figures.proof_leaves = treeSize;
    this.note(`inclusion proofs at ${count(treeSize)} leaves: ${spread(proofsMs)}; an empty answer between two of them: ${spread(emptyMs)}`);
  }

  /** Lets what the last measurement left behind be finished, so that the next one does not pay for it. */
  private async rest(): Promise<void> {
    if (!(await this.api.settle(SETTLE_LIMIT_MS))) this.note(`the search index had not caught up after ${SETTLE_LIMIT_MS / 1000} s`);
    await this.stack.pool.query('CHECKPOINT');
    if (!(await untilIdle(SETTLE_LIMIT_MS))) this.note(`something was still at work after ${SETTLE_LIMIT_MS / 1000} s`);
  }

  private note(line: string): void {
    this.rounds.push(line);
    this.say(line);
  }
}

function roundLine(plain: number, copied: number, streamed: StreamResult): string {
  const { perSecond, cpuMicros: cpu, loopMax, resent } = streamed;
  const rss = Math.max(...streamed.rssMib).toFixed(0);
  return (
    `plain ${count(plain)}/s, copy ${count(copied)}/s, ours ${count(perSecond)}/s (${(perSecond / plain).toFixed(1)} × plain); ` +
    `CPU µs an event: ${cpuLine(cpu)}; loop blocked at most ${loopMax.delayMs.toFixed(1)} ms, own work at most ${loopMax.workMs.toFixed(1)} ms; memory at most ${rss} MiB${resent > 0 ? `; ${count(resent)} events sent again` : ''}`
  );
}
