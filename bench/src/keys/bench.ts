import { cpuSeconds } from '../child/process-usage.js';
import { LedgerApi } from '../ledger-api.js';
import { count, cpuLine, foreignLine, spread } from '../lines.js';
import { cpuMicrosOf } from '../measure/cpu-micros.js';
import { foreignLoad } from '../measure/foreign-load.js';
import { untilIdle } from '../measure/idle.js';
import type { Rate } from '../measure/rate.js';
import { streamAppend } from '../measure/stream-append.js';
import { median, quantile } from '../quantile.js';
import { TENANT as LEDGER_TENANT } from '../sample-event.js';
import { openFields, sealFields, sealForSubjects } from './encryption.js';
import type { KeysFigures } from './figures.js';
import type { KeysScale } from './options.js';
import { createSubjects, dataKeyLatency, SignedLog } from './requests.js';
import { rollEpoch, rotateTenantKey } from './rewrap.js';
import { rotateUnderLoad } from './rotation.js';
import type { KeysStack } from './stack.js';

/** Subjects whose keys are leased while sealing for them is measured. */
const SEALED_SUBJECTS = 10_000;
const WARM_UP_DATA_KEYS = 200;
const WARM_UP_CHECKPOINTS = 20;
const SETTLE_LIMIT_MS = 60_000;
/** Of each kind of encryption, until its functions are compiled. */
const WARM_UP_SECONDS = 1;

/** Runs the measurements of the keys one after the other on one stack. */
export class KeysBench {
  readonly figures: KeysFigures = {};
  /** One line for each round of each measurement. */
  readonly rounds: string[] = [];
  private readonly subjects: readonly string[];

  constructor(
    private readonly stack: KeysStack,
    private readonly scale: KeysScale,
    private readonly say: (line: string) => void,
  ) {
    this.subjects = Array.from({ length: scale.subjects }, (_, k) => `usr_${100_000 + k}`);
  }

  async run(): Promise<void> {
    await this.requests();
    await this.encryption();
    await this.rewrap();
    await this.ledger();
    await this.rotation();
  }

  /** On a stand of its own, whose leases end soon enough to be waited for. */
  private async rotation(): Promise<void> {
    const figures = await rotateUnderLoad(this.scale.rotatedRows);
    Object.assign(this.figures, figures satisfies KeysFigures);
    const { rotation_operations: operations, rotation_failed_operations: failed, rotation_rows_per_s: rate, rotation_remaining: remaining, rotation_retired_versions: retired } = figures;
    this.note(`rotation of every key: ${count(operations)} operations, ${count(failed)} failed; ${count(rate)} rows/s; ${count(remaining)} left; ${count(retired)} old versions retired`);
  }

  private async requests(): Promise<void> {
    const { identity, signing } = this.stack;
    const { dataKeys, subjects, checkpoints } = this.scale;
    await dataKeyLatency(identity, WARM_UP_DATA_KEYS);
    const keysMs = await this.round('data keys', dataKeys, () => dataKeyLatency(identity, dataKeys), spread);
    this.figures.data_key_p50_ms = quantile(keysMs, 0.5);
    this.figures.data_key_p99_ms = quantile(keysMs, 0.99);
    this.figures.subject_keys_created_per_s = await this.round('new subjects', subjects, () => createSubjects(identity, this.subjects), perSecond('keys'));
    const signed = new SignedLog(signing);
    await signed.sign(WARM_UP_CHECKPOINTS);
    const signedMs = await this.round('checkpoints', checkpoints, () => signed.sign(checkpoints), spread);
    await signed.verify();
    this.figures.sign_checkpoint_p50_ms = quantile(signedMs, 0.5);
    this.figures.sign_checkpoint_p99_ms = quantile(signedMs, 0.99);
  }

  /** The three take turns, so that a slow minute of the machine hits all. */
  private async encryption(): Promise<void> {
    const { rounds, sealSeconds } = this.scale;
    const { identity } = this.stack;
    const few = this.subjects.slice(0, SEALED_SUBJECTS);
    const [sealed, opened, forSubjects]: [number[], number[], number[]] = [[], [], []];
    await sealFields(identity, WARM_UP_SECONDS);
    await openFields(identity, WARM_UP_SECONDS);
    await sealForSubjects(identity, few, WARM_UP_SECONDS);
    for (let round = 1; round <= rounds; round++) {
      sealed.push(await this.timed(`round ${round}: fields sealed`, () => sealFields(identity, sealSeconds)));
      opened.push(await this.timed(`round ${round}: fields opened`, () => openFields(identity, sealSeconds)));
      forSubjects.push(await this.timed(`round ${round}: fields sealed for subjects`, () => sealForSubjects(identity, few, sealSeconds)));
    }
    Object.assign(this.figures, { field_seal_per_s: median(sealed), field_open_per_s: median(opened), subject_seal_per_s: median(forSubjects) } satisfies KeysFigures);
  }

  private async rewrap(): Promise<void> {
    const { rounds, subjects } = this.scale;
    // As autovacuum would have done some minutes after so many new rows.
    await this.stack.subjectPool.query('VACUUM (ANALYZE)');
    const [rolled, rotated]: [number[], number[]] = [[], []];
    for (let round = 1; round <= rounds; round++) {
      rolled.push(await this.round(`round ${round}: rows through a roll`, subjects, () => rollEpoch(this.stack, subjects), perSecond('rows')));
      rotated.push(await this.round(`round ${round}: rows through a rotation`, subjects, () => rotateTenantKey(this.stack, subjects), perSecond('rows')));
    }
    const [roll, rotation] = [median(rolled), median(rotated)];
    Object.assign(this.figures, {
      rewrap_rows_per_s: 2 / (1 / roll + 1 / rotation),
      rewrap_roll_rows_per_s: roll,
      rewrap_rotation_rows_per_s: rotation,
    } satisfies KeysFigures);
  }

  /** The two ledgers take turns. */
  private async ledger(): Promise<void> {
    const { rounds, events } = this.scale;
    const [encrypted, clear]: [number[], number[]] = [[], []];
    const ways = [['encrypted', this.stack, encrypted], ['salted', this.stack.clear, clear]] as const;
    // Round 0 warms up: keys of all subjects made and leased, functions compiled.
    for (let round = 0; round <= rounds; round++) {
      for (const [name, stack, rates] of ways) {
        const api = new LedgerApi(stack.ledger.url, LEDGER_TENANT);
        // The other ledger's index and verification would be paid for by this one.
        await stack.pool.query('CHECKPOINT');
        if (!(await untilIdle(SETTLE_LIMIT_MS))) this.note(`something was still at work after ${SETTLE_LIMIT_MS / 1000} s`);
        const foreign = foreignLoad();
        const { perSecond: rate, cpuMicros } = await streamAppend(stack, api, events, true);
        if (round === 0) continue;
        rates.push(rate);
        this.note(`round ${round}: personal parts ${name}: ${count(rate)} events/s; CPU µs each: ${cpuLine(cpuMicros)}${foreignLine(foreign())}`);
      }
    }
    const [e, s] = [median(encrypted), median(clear)];
    Object.assign(this.figures, { ledger_append_encrypted_per_s: e, ledger_append_clear_per_s: s, ledger_append_encrypted_vs_clear: e / s } satisfies KeysFigures);
  }

  private async timed(what: string, work: () => Promise<Rate>): Promise<number> {
    const { perSecond: rate } = await this.round(what, ({ operations }) => operations, work, (result) => perSecond('fields')(result.perSecond));
    return rate;
  }

  /** Measures CPU and foreign load beside the work, and notes them with its result. */
  private async round<T>(what: string, operations: number | ((result: T) => number), work: () => Promise<T>, show: (result: T) => string): Promise<T> {
    // What the last one left to be written is not this one's.
    await this.stack.pool.query('CHECKPOINT');
    const foreign = foreignLoad();
    const cpu = this.cpu();
    const result = await work();
    const spent = cpu(typeof operations === 'number' ? operations : operations(result));
    const line = `${what}: ${show(result)}; CPU µs each: ${cpuLine(spent)}${foreignLine(foreign())}`;
    this.note(line);
    return result;
  }

  private note(line: string): void {
    this.rounds.push(line);
    this.say(line);
  }

  private cpu() {
    const { devstack, keys, ledger } = this.stack;
    return cpuMicrosOf({
      // This process alone: the others are its children.
      service: () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6; },
      keys: () => cpuSeconds(keys.pid),
      postgres: () => cpuSeconds(devstack.postgres.pid),
      nats: () => cpuSeconds(devstack.nats.pid),
      ledger: () => cpuSeconds(ledger.pid),
    });
  }
}

const perSecond = (what: string) => (rate: number): string => `${count(rate)} ${what}/s`;
