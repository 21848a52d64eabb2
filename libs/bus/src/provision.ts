import { INTAKE_CONSUMER, INTAKE_STREAM } from '@countersign/contracts';
import { jetstreamManager } from '@nats-io/jetstream';
import { setTimeout as sleep } from 'node:timers/promises';
import { busError, type BusError } from './bus-error.js';
import { connectBus, type BusConnection, type BusOptions } from './connection.js';
import { ensureIntakeStream, type IntakeStreamOptions } from './intake-stream.js';
import { dropLostStream, intakeStoreIsGone } from './store-probe.js';
import { ensureWaitingStream, type WaitingStreamOptions } from './waiting-room.js';

const LOOK_EVERY_MS = 5_000;
const API_LIMIT_MS = 5_000;
const PROVISION_LIMIT_MS = 60_000;
const RETRY_MS = 50;

export interface StreamsOptions {
  readonly intake?: IntakeStreamOptions;
  readonly waiting?: WaitingStreamOptions;
}

/** Connects as the provisioner, who has a prefix of inboxes to itself. Throws as connectBus. */
export const connectProvisioner = (options: Omit<BusOptions, 'name' | 'inbox'>): Promise<BusConnection> => connectBus({ ...options, name: 'provisioner', inbox: 'provisioner' });

/**
 * Makes the streams and consumers of the bus, or brings their limits up to date. Done at deployment: no service may.
 * @throws {BusError} as ensureIntakeStream
 */
export async function provisionStreams(bus: BusConnection, { intake, waiting }: StreamsOptions = {}): Promise<void> {
  await ensureIntakeStream(bus, intake);
  await ensureWaitingStream(bus, waiting);
}

/**
 * Connects as the provisioner and makes the streams, as often as it takes: a server that has just started, or a cluster
 * without a leader, refuses at first.
 * @throws {BusError} UNAUTHORIZED, FORBIDDEN; what failed last when `limitMs` is over
 */
export async function provisionBus(options: Omit<BusOptions, 'name' | 'inbox'>, streams: StreamsOptions = {}, limitMs = PROVISION_LIMIT_MS): Promise<void> {
  const until = performance.now() + limitMs;
  const bus = await connectProvisioner({ firstConnectLimitMs: limitMs, ...options });
  try {
    for (;;) {
      try {
        return await provisionStreams(bus, streams);
      } catch (error) {
        if (performance.now() > until || (error as BusError).code === 'FORBIDDEN') throw error;
        await sleep(RETRY_MS);
      }
    }
  } finally {
    await bus.close();
  }
}

export interface StreamKeeperOptions extends StreamsOptions {
  /** Of the provisioner. */
  readonly bus: BusConnection;
  readonly lookEveryMs?: number;
  /** Told what was made anew, and what failed and is tried again. */
  readonly onEvent?: (event: { readonly type: 'made' | 'failed'; readonly error?: BusError }) => void;
}

/** What the consumer looked like: a pull stands open and nothing has come through it. */
interface Idle {
  readonly waiting: boolean;
  readonly delivered: number;
}

/**
 * Looks after the streams until it is stopped: makes again what was lost, so that the loss of a store needs nobody. Every event in it is
 * still with its producer, who sends it again.
 */
export class StreamKeeper {
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #last: Idle = { waiting: false, delivered: -1 };

  constructor(private readonly options: StreamKeeperOptions) {}

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      if (this.options.bus.connected) await this.#look().catch((error: unknown) => this.options.onEvent?.({ type: 'failed', error: busError(error, 'streams') }));
      await sleep(this.options.lookEveryMs ?? LOOK_EVERY_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const { bus, intake, waiting } = this.options;
    const { streamCreated, made } = await ensureIntakeStream(bus, intake);
    await ensureWaitingStream(bus, waiting);
    if (made) this.options.onEvent?.({ type: 'made' });
    const before = this.#last;
    this.#last = await this.#idle();
    // A probe is a message: one that nobody takes out would stay.
    if (!before.waiting || !this.#last.waiting || before.delivered !== this.#last.delivered) return;
    if (await intakeStoreIsGone(bus)) {
      await dropLostStream(bus, streamCreated);
      await ensureIntakeStream(bus, intake);
      this.options.onEvent?.({ type: 'made' });
    }
    // The probe itself came through.
    this.#last = { waiting: false, delivered: -1 };
  }

  async #idle(): Promise<Idle> {
    const api = await jetstreamManager(this.options.bus.nats, { checkAPI: false, timeout: API_LIMIT_MS });
    const { num_waiting: pulls, delivered } = await api.consumers.info(INTAKE_STREAM, INTAKE_CONSUMER);
    return { waiting: pulls > 0, delivered: delivered.consumer_seq };
  }
}
