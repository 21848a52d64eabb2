import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PROGRAMS } from './places.js';
import { until, within } from './waiting.js';

/** What the program gets, as JSON in its first argument. */
export interface ProducerConfig {
  readonly natsUrl: string;
  readonly seedFile: string;
  readonly spoolDir: string;
  readonly outFile: string;
  readonly source: string;
  readonly tenants: readonly string[];
  /** Emits that wait at the same time. */
  readonly lanes: number;
  /** Pause of each lane after an emit; 0 emits as fast as the spool takes. */
  readonly pauseMs: number;
  /** Characters of text in an event, less than this. */
  readonly textMax: number;
  readonly resendAfterMs: number;
  /** Number of the first event, carried on over restarts. */
  readonly firstNumber: number;
}

/** An event that a producer was promised. */
export interface Promised {
  readonly id: string;
  readonly sequence: number;
  readonly tenant: string;
  readonly n: number;
}

/** About as many as a line of `outFile` has. */
const LINE_BYTES = 50;
const START_LIMIT_MS = 60_000;
/** After an outage the client sends again at most every 60 s until it hears from the ledger. */
const DRAIN_LIMIT_MS = 180_000;

/** A producer in a process of its own, started again on the same spool as often as it is killed. */
export class Producer {
  #child: ChildProcess | undefined;
  #printed = '';
  #starts = 0;

  constructor(readonly config: Omit<ProducerConfig, 'firstNumber'>) {}

  get running(): boolean {
    return this.#child !== undefined;
  }

  async start(): Promise<void> {
    this.#printed = '';
    // Far apart, so that no number of an earlier start comes again.
    const config: ProducerConfig = { ...this.config, firstNumber: this.#starts++ * 1_000_000 };
    const child = spawn(process.execPath, [join(PROGRAMS, 'producer-program.ts'), JSON.stringify(config)], {
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    child.stdout.on('data', (chunk: Buffer) => (this.#printed += chunk.toString()));
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });
    await until('the producer emits', START_LIMIT_MS, () => {
      if (this.#child !== child) throw new Error(`producer ${config.source} ended while starting`);
      return this.#printed.includes('emitting');
    });
  }

  /** Resolves when about `more` further events were promised. */
  async emits(more: number, limitMs = 60_000): Promise<void> {
    const goal = this.#written() + more * LINE_BYTES;
    await until(`${this.config.source} is promised ${more} more events`, limitMs, () => this.#written() >= goal);
  }

  #written(): number {
    return statSync(this.config.outFile, { throwIfNoEntry: false })?.size ?? 0;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Ends it in the orderly way: it stops emitting and waits for every receipt. Rejects when that takes too long or fails. */
  async drain(): Promise<void> {
    if (this.#child === undefined) await this.start();
    const child = this.#child as ChildProcess;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const [code] = (await within(`${this.config.source} gets every receipt (${this.#printed.trim()})`, DRAIN_LIMIT_MS, gone)) as [number | null];
    if (code !== 0) throw new Error(`producer ${this.config.source} ended with ${String(code)}`);
  }

  /** Every event promised so far; a line that a kill tore off was not. */
  promised(): Promised[] {
    if (!existsSync(this.config.outFile)) return [];
    const text = readFileSync(this.config.outFile, 'utf8');
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [id, sequence, tenant, n] = line.split(' ') as [string, string, string, string];
        return { id, sequence: Number(sequence), tenant, n: Number(n) };
      });
  }
}
