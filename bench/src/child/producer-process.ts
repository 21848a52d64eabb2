import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { allocatorEnv } from '@countersign/devstack';
import type { BurstResult, PacedResult, ProducerOrder, ProducerReport, SampledReceipt } from './producer-messages.js';

const PRODUCER = fileURLToPath(new URL('./producer.js', import.meta.url));
/** Promises of emit that a busy service holds at once. */
const EMITS_AT_ONCE = 2_000;
const STOP_LIMIT_MS = 10_000;

export interface ProducerOptions {
  readonly natsUrl: string;
  readonly seedFile: string;
  readonly spoolDir: string;
  readonly nodeArgs: readonly string[];
}

/** The producer, from the outside. */
export class ProducerProcess {
  private constructor(private readonly child: ChildProcess) {}

  static async start({ natsUrl, seedFile, spoolDir, nodeArgs }: ProducerOptions): Promise<ProducerProcess> {
    const child = fork(PRODUCER, [natsUrl, seedFile, spoolDir], { execArgv: [...nodeArgs], env: { ...process.env, ...allocatorEnv() }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    // It stands for services on other machines: the ledger is not to wait for a core because of it.
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    const producer = new ProducerProcess(child);
    await producer.answer('ready');
    return producer;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Emits `events`, with facts about a person in each if `personal`, as fast as they become durable and waits for all receipts. */
  burst(events: number, personal = false): Promise<BurstResult> {
    return this.ask({ kind: 'burst', events, emitsAtOnce: EMITS_AT_ONCE, personal }, 'burst');
  }

  /** Emits at a steady rate; `onReceipt` is told of every `sampleEvery`th event's receipt. */
  paced(perSecond: number, seconds: number, sampleEvery = 0, onReceipt?: (sampled: SampledReceipt) => void): Promise<PacedResult> {
    return this.ask({ kind: 'paced', perSecond, seconds, sampleEvery }, 'paced', onReceipt);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_LIMIT_MS);
    if (this.child.connected) this.child.send({ kind: 'stop' } satisfies ProducerOrder);
    await exited;
    clearTimeout(timer);
  }

  private async ask<K extends ProducerReport['kind']>(
    order: ProducerOrder,
    kind: K,
    onReceipt?: (sampled: SampledReceipt) => void,
  ): Promise<Extract<ProducerReport, { kind: K }>> {
    const answer = this.answer(kind, onReceipt);
    this.child.send(order);
    return answer;
  }

  private answer<K extends ProducerReport['kind']>(kind: K, onReceipt?: (sampled: SampledReceipt) => void): Promise<Extract<ProducerReport, { kind: K }>> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => settle(() => reject(new Error(`the producer ended (exit code ${code ?? 'none'})`)));
      const onMessage = (message: ProducerReport): void => {
        if (message.kind === 'receipt') onReceipt?.(message);
        else if (message.kind === 'failed') settle(() => reject(new Error(`producer: ${message.message}`)));
        else if (message.kind === kind) settle(() => resolve(message as Extract<ProducerReport, { kind: K }>));
      };
      const settle = (finish: () => void): void => {
        this.child.off('message', onMessage).off('exit', onExit);
        finish();
      };
      this.child.on('message', onMessage).on('exit', onExit);
    });
  }
}
