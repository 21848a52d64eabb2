import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { foreignLoad } from '../measure/foreign-load.js';
import { untilIdle } from '../measure/idle.js';
import { LedgerApi } from '../ledger-api.js';
import { count, foreignLine } from '../lines.js';
import { median } from '../quantile.js';
import { TENANT } from '../sample-event.js';
import { certifiedParts, checkExport, checkProofs, fsck, takeProofs } from './evidence.js';
import type { SweepFigures } from './figures.js';
import type { SweepScale } from './options.js';
import type { SweepStack } from './stack.js';

/** More than the producer's spool holds would be refused when the machine is slow. */
const FILL_EVENTS = 50_000;
/** Data, and somebody's own. What is appended while the sweep goes on is of the same size: smaller rows would fill gaps between larger ones, a page each. */
const PARTS_EACH = 2;
const SETTLE_MS_MAX = 60_000;
const SWEEP_MS_MAX = 300_000;
const SHRINK_MS_MAX = 150_000;
const POLL_MS = 250;
/** Longer than the ledger pauses between two rounds of giving back. */
const RESTED_MS = 6_000;
/** Of one class, in whole stretches: what fills none yet is not due. */
const DUE = `SELECT coalesce(sum(parts), 0)::int AS n FROM part_stretches WHERE class = 'operational' AND ledger_id = (SELECT ledger_id FROM ledgers WHERE tenant = '${TENANT}')`;
const MIB = 1024 * 1024;

/** Fills a ledger, has a policy sweep it while appends go on, and verifies what is left. */
export class SweepBench {
  readonly figures: SweepFigures = {};
  readonly rounds: string[] = [];
  readonly #api: LedgerApi;

  constructor(
    private readonly stack: SweepStack,
    private readonly scale: SweepScale,
    private readonly say: (line: string) => void,
  ) {
    this.#api = new LedgerApi(stack.platform.ledger.url, TENANT);
  }

  async run(): Promise<void> {
    const { pool } = this.stack;
    await this.#fill();
    const proofs = await takeProofs(pool, this.#api, this.scale.proofs);
    const before = await this.#appendBefore();
    await this.#rest();
    await pool.query('VACUUM (ANALYZE)');
    const { mib } = await this.#database();
    this.#note(`before: ${count(await this.#partsStored())} parts in ${count(mib)} MiB`);
    await this.#sweep(before, mib);
    await this.#verify(proofs);
  }

  async #fill(): Promise<void> {
    const { events } = this.scale;
    this.say(`filling the ledger with ${count(events)} events of two parts each`);
    for (let left = events; left > 0; left -= FILL_EVENTS) await this.stack.producer.burst(Math.min(left, FILL_EVENTS), true);
    await this.#rest();
  }

  async #appendBefore(): Promise<number> {
    const rates: number[] = [];
    for (let round = 0; round < this.scale.rounds; round++) rates.push(await this.#burst());
    this.figures.sweep_append_before_per_s = median(rates);
    this.#note(`appends before: ${rates.map(count).join(', ')} events/s`);
    return median(rates);
  }

  async #burst(): Promise<number> {
    const { burstEvents } = this.scale;
    return burstEvents / (await this.stack.producer.burst(burstEvents, true)).seconds;
  }

  async #sweep(before: number, mibBefore: number): Promise<void> {
    const { makePolicy } = this.stack;
    const stored = await this.#partsStored();
    const foreign = foreignLoad();
    const startMs = performance.now();
    await makePolicy({ name: 'Audit', type: 'audit-parts', class: 'operational', dispose: { after: { days: 0 }, action: 'delete' } });
    await this.#until('the sweep has begun', SWEEP_MS_MAX, async () => (await this.#certified()) > 0);
    const peak = this.#watchPeak();
    const { rate, partsPerSecond, events } = await this.#appendDuring();
    await this.#until('everything due is gone', SWEEP_MS_MAX, async () => (await this.#openOrders()) === 0 && (await this.#due()) === 0 && (await this.#certified()) > 0);
    const seconds = (performance.now() - startMs) / 1_000;
    // The parts of what is appended go too, once their stretch is full.
    const parts = stored + events * PARTS_EACH - (await this.#partsStored());
    this.#note(`swept ${count(parts)} parts in ${seconds.toFixed(1)} s, ${count(events)} events appended meanwhile${foreignLine(foreign())}`);
    const after = await this.#shrunk();
    Object.assign(this.figures, {
      sweep_parts: parts,
      sweep_parts_per_s: parts / seconds,
      sweep_append_during_per_s: rate,
      sweep_append_ratio: rate / before,
      sweep_parts_during_per_s: partsPerSecond,
      sweep_db_before_mib: mibBefore,
      sweep_db_peak_mib: await peak(),
      sweep_db_after_mib: after,
      sweep_db_ratio: after / mibBefore,
      sweep_certificates_ok: (await this.#certified()) === (await certifiedParts(this.stack.retention, this.stack.devstack, TENANT)) ? 1 : 0,
    } satisfies SweepFigures);
  }

  /** Measurements spread over the sweep, for as long as it has something to do. */
  async #appendDuring(): Promise<{ readonly rate: number; readonly partsPerSecond: number; readonly events: number }> {
    const { rounds, pauseSeconds, events, burstEvents } = this.scale;
    const rates: number[] = [];
    const [gone, startMs] = [await this.#certified(), performance.now()];
    // The last tenth is its end: then nothing may be going on any more.
    while (rates.length < rounds * 2 && (await this.#certified()) < events * PARTS_EACH * 0.9) {
      rates.push(await this.#burst());
      await sleep(pauseSeconds * 1_000);
    }
    const partsPerSecond = ((await this.#certified()) - gone) / ((performance.now() - startMs) / 1_000);
    this.#note(`appends during: ${rates.map(count).join(', ')} events/s, and ${count(partsPerSecond)} parts/s destroyed`);
    if (rates.length === 0) throw new Error('the sweep was over before anything was appended');
    return { rate: median(rates), partsPerSecond, events: rates.length * burstEvents };
  }

  /** The size when the ledger gives nothing back any more. */
  async #shrunk(): Promise<number> {
    const startMs = performance.now();
    let restedMs = startMs;
    for (const endMs = startMs + SHRINK_MS_MAX; performance.now() < endMs && performance.now() - restedMs < RESTED_MS; await sleep(POLL_MS)) if (await this.#isReclaiming()) restedMs = performance.now();
    const { mib, table, indexes } = await this.#database();
    this.#note(`after ${((restedMs - startMs) / 1_000).toFixed(0)} s more: ${count(mib)} MiB, entries ${count(table)} MiB, their indexes ${count(indexes)} MiB`);
    return mib;
  }

  async #isReclaiming(): Promise<boolean> {
    const text = await (await fetch(`${this.#api.url}/metrics`)).text();
    return /^countersign_ledger_space_reclaiming(?:\{[^}]*\})? 1$/m.test(text);
  }

  async #verify(proofs: Awaited<ReturnType<typeof takeProofs>>): Promise<void> {
    const { devstack, platform } = this.stack;
    await this.#rest();
    const { toIndex, startedAt, finishedAt } = await this.#api.verify();
    this.#note(`full pass: ${count(toIndex)} entries in ${((Date.parse(finishedAt) - Date.parse(startedAt)) / 1_000).toFixed(1)} s, intact`);
    const exported = await checkExport(this.#api);
    this.#note(`export of ${count(exported.treeSize)} entries verified offline in ${exported.seconds.toFixed(1)} s`);
    const checked = await fsck(devstack, platform);
    this.#note(`fsck: ${checked.text} (${checked.seconds.toFixed(1)} s)`);
    this.figures.sweep_verify_ok = exported.treeSize === toIndex && checked.isOk ? 1 : 0;
    this.figures.sweep_old_proofs_ok = (await checkProofs(proofs, this.#api)) ? 1 : 0;
    this.#note(`${count(proofs.length)} tlog-proofs from before the sweep verify`);
  }

  /** The most that the database has taken, until it is asked. */
  #watchPeak(): () => Promise<number> {
    const ending = new AbortController();
    let most = 0;
    const watching = (async () => {
      while (!ending.signal.aborted) {
        most = Math.max(most, (await this.#database()).mib);
        await sleep(1_000, undefined, { signal: ending.signal }).catch(() => undefined);
      }
    })();
    return async () => {
      ending.abort();
      await watching;
      return most;
    };
  }

  async #database(): Promise<{ readonly mib: number; readonly table: number; readonly indexes: number }> {
    const { rows } = await this.stack.pool.query<Record<'all' | 'heap' | 'indexes', string>>(`SELECT pg_database_size('ledger') AS all, pg_table_size('entries') AS heap, pg_indexes_size('entries') AS indexes`);
    const { all, heap, indexes } = rows[0]!;
    return { mib: Number(all) / MIB, table: Number(heap) / MIB, indexes: Number(indexes) / MIB };
  }

  #partsStored(): Promise<number> {
    return numberOf(this.stack.pool, `SELECT coalesce(sum(num_nonnulls(data_part) + coalesce(cardinality(array_remove(personal_parts, NULL)), 0)), 0)::int AS n FROM entries WHERE ledger_id = (SELECT ledger_id FROM ledgers WHERE tenant = '${TENANT}')`);
  }

  #due = (): Promise<number> => numberOf(this.stack.pool, DUE);
  #certified = (): Promise<number> => numberOf(this.stack.retention, `SELECT coalesce(sum((outcome->>'items')::int), 0)::int AS n FROM deletion_orders WHERE state = 'executed' AND tenant = '${TENANT}'`);
  #openOrders = (): Promise<number> => numberOf(this.stack.retention, `SELECT count(*)::int AS n FROM deletion_orders WHERE state = 'open'`);

  async #until(what: string, limitMs: number, holds: () => Promise<boolean>): Promise<void> {
    for (const endMs = performance.now() + limitMs; !(await holds()); await sleep(POLL_MS)) if (performance.now() > endMs) throw new Error(`waited in vain until ${what}`);
  }

  async #rest(): Promise<void> {
    await this.#api.settle(SETTLE_MS_MAX);
    await this.stack.pool.query('CHECKPOINT');
    await untilIdle(SETTLE_MS_MAX);
  }

  #note(line: string): void {
    this.rounds.push(line);
    this.say(line);
  }
}

async function numberOf(pool: pg.Pool, sql: string): Promise<number> {
  return (await pool.query<{ n: number }>(sql)).rows[0]!.n;
}
