import { setTimeout as sleep } from 'node:timers/promises';
import { AckPolicy, DeliverPolicy, DiscardPolicy, jetstream, JetStreamApiError, jetstreamManager, ReplayPolicy, RetentionPolicy, StorageType, type ConsumerConfig, type JsMsg, type StreamConfig } from '@nats-io/jetstream';
import { INTAKE_CONSUMER, INTAKE_PREFIX, WAITING_PREFIX, WAITING_STREAM } from '@countersign/contracts';
import { BusError, busError } from './bus-error.js';
import type { BusConnection } from './connection.js';
import { differs } from './intake-stream.js';
import { publishIntake } from './publish-intake.js';

const NANOS_PER_MS = 1_000_000;
const API_LIMIT_MS = 5_000;
/** The largest message of the intake, and its subject. */
const MESSAGE_BYTES_MAX = 1024 * 1024 + 4_096;
const ACK_WAIT_MS = 30_000;
const PAUSE_MS = 1_000;
const STOP_LIMIT_MS = 5_000;
/** One asks whether the wait is over; as long as it is, each round takes four times as many. */
const ROUND_MESSAGES_MAX = 128;
const STREAM_BYTES_DEFAULT = 1024 * 1024 * 1024;
// What the server says to a message whose like waits already (nats-server, server/store.go).
const WAITS_ALREADY = /maximum messages per subject/;
const NOT_FOUND = new Set([10014, 10059]);

/** A message that waited. It must be settled once; what is neither comes again after 30 s. */
export interface WaitingMessage {
  /** As it came on the intake. */
  readonly subject: string;
  readonly data: Uint8Array;
  readonly ack: () => void;
  /** It goes on waiting. For longer than a second: because of something of its own, which says nothing about the others. */
  readonly nak: (delayMs?: number) => void;
}

export interface WaitingRoomOptions {
  readonly bus: BusConnection;
  /** Settles the message now or later; when it rejects, the message goes on waiting. */
  readonly onMessage: (message: WaitingMessage) => void | Promise<void>;
  /** Told what waits, about every second. */
  readonly onState?: (state: WaitingState) => void;
  /** Told what failed and is tried again. */
  readonly onError?: (error: BusError) => void;
}

export interface WaitingState {
  readonly messages: number;
  readonly bytes: number;
  /** Bytes that may wait. */
  readonly maxBytes: number;
}

export interface WaitingStreamOptions {
  /** Bytes that may wait. Default 1 GiB. */
  readonly maxBytes?: number;
  /** Copies in a cluster. Default 1. */
  readonly replicas?: number;
}

/**
 * Where messages of the intake wait for something that only some of them need, so that they hold up no others: the server
 * counts a delayed message against the intake's limit of unacknowledged ones, and at that limit brings nothing more. A stream of
 * its own beside the intake, with a limit of its own, encrypted by the server like the intake.
 */
export class WaitingRoom {
  readonly #options: WaitingRoomOptions;
  readonly #bus: BusConnection;
  #running: Promise<void> | undefined;
  readonly #stopping = new AbortController();

  constructor(options: WaitingRoomOptions) {
    this.#options = options;
    this.#bus = options.bus;
  }

  /**
   * Keeps a message of the intake; resolves when JetStream has it, and when the same waits already. Then ack the original.
   * @param name tells the same message again: letters and digits
   * @throws {BusError} STREAM_FULL when as many bytes wait as may; NO_RESPONDERS, TIMEOUT, DISCONNECTED, STORE_FAILED, REFUSED
   */
  async keep(subject: string, data: Uint8Array, name: string): Promise<void> {
    const tail = subject.startsWith(INTAKE_PREFIX) ? subject.slice(INTAKE_PREFIX.length) : subject;
    try {
      await publishIntake(this.#bus, `${WAITING_PREFIX}${name}.${tail}`, data, { timeoutMs: API_LIMIT_MS });
    } catch (error) {
      if (error instanceof BusError && WAITS_ALREADY.test(error.message)) return;
      throw error;
    }
  }

  /** Begins to hand messages over; what fails, the stream not being there included, is told and tried again. */
  start(): void {
    this.#running = this.#run();
  }

  /** Hands over no more, and waits until what was handed over is settled, at most so long: the server brings the rest again. */
  async stop(limitMs: number = STOP_LIMIT_MS): Promise<void> {
    this.#stopping.abort();
    const waited = new AbortController();
    await Promise.race([this.#running, sleep(limitMs, undefined, { signal: waited.signal }).catch(() => undefined)]);
    waited.abort();
  }

  async #run(): Promise<void> {
    for (let size = 1; !this.#stopping.signal.aborted; ) {
      try {
        const { taken, settled } = await this.#round(size);
        await this.#tellState();
        // While nothing is settled the wait is not over, and one message asks for all. Messages that wait for something of their own are passed by.
        size = settled > 0 ? Math.min(ROUND_MESSAGES_MAX, size * 4) : 1;
        if (taken > 0 && settled === 0) await this.#pause();
      } catch (error) {
        this.#options.onError?.(busError(error, 'waiting room'));
        await this.#pause();
      }
    }
  }

  async #round(size: number): Promise<{ readonly taken: number; readonly settled: number }> {
    const consumer = await jetstream(this.#bus.nats, { timeout: API_LIMIT_MS }).consumers.get(WAITING_STREAM, INTAKE_CONSUMER);
    const outcomes: Promise<boolean>[] = [];
    for await (const message of await consumer.fetch({ max_messages: size, expires: PAUSE_MS })) outcomes.push(this.#handOver(message));
    const settled = (await Promise.all(outcomes)).filter(Boolean).length;
    return { taken: outcomes.length, settled };
  }

  /** Whether it need not wait any more, or waits for something of its own. */
  #handOver(message: JsMsg): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    // waiting.<name>.<rest of the intake's subject>
    const subject = INTAKE_PREFIX + message.subject.split('.').slice(2).join('.');
    const ack = (): void => {
      message.ack();
      resolve(true);
    };
    const nak = (delayMs: number = PAUSE_MS): void => {
      message.nak(delayMs);
      resolve(delayMs > PAUSE_MS);
    };
    const hand = async (): Promise<void> => this.#options.onMessage({ subject, data: message.data, ack, nak });
    hand().catch((error: unknown) => {
      this.#options.onError?.(busError(error, 'waiting room'));
      nak();
    });
    return promise;
  }

  async #tellState(): Promise<void> {
    if (this.#options.onState === undefined) return;
    const api = await jetstreamManager(this.#bus.nats, { checkAPI: false, timeout: API_LIMIT_MS });
    const { state, config } = await api.streams.info(WAITING_STREAM);
    this.#options.onState({ messages: state.messages, bytes: state.bytes, maxBytes: config.max_bytes });
  }

  async #pause(): Promise<void> {
    await sleep(PAUSE_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}

const isNotFound = (error: unknown): boolean => error instanceof JetStreamApiError && NOT_FOUND.has(error.code);

function streamConfig({ maxBytes, replicas }: WaitingStreamOptions): Partial<StreamConfig> & { name: string } {
  return {
    name: WAITING_STREAM,
    subjects: [`${WAITING_PREFIX}>`],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    // Producers send again until they have their receipt: the same message waits once, however long.
    discard_new_per_subject: true,
    max_msgs_per_subject: 1,
    max_bytes: maxBytes ?? STREAM_BYTES_DEFAULT,
    max_msg_size: MESSAGE_BYTES_MAX,
    num_replicas: replicas ?? 1,
  };
}

const CONSUMER: Partial<ConsumerConfig> = {
  durable_name: INTAKE_CONSUMER,
  ack_policy: AckPolicy.Explicit,
  ack_wait: ACK_WAIT_MS * NANOS_PER_MS,
  deliver_policy: DeliverPolicy.All,
  replay_policy: ReplayPolicy.Instant,
  max_deliver: -1,
};

/**
 * Makes the stream of the waiting room and its consumer, or brings their limits up to date. Only the provisioner can.
 * @throws {BusError} as ensureIntakeStream
 */
export async function ensureWaitingStream(bus: BusConnection, options: WaitingStreamOptions = {}): Promise<void> {
  try {
    const api = await jetstreamManager(bus.nats, { checkAPI: false, timeout: API_LIMIT_MS });
    const stream = streamConfig(options);
    await api.streams.info(WAITING_STREAM).then(
      ({ config }) => (differs(config, stream) ? api.streams.update(WAITING_STREAM, stream) : undefined),
      (error: unknown) => (isNotFound(error) ? api.streams.add(stream) : Promise.reject(error as Error)),
    );
    await api.consumers.info(WAITING_STREAM, INTAKE_CONSUMER).catch((error: unknown) => (isNotFound(error) ? api.consumers.add(WAITING_STREAM, CONSUMER) : Promise.reject(error as Error)));
  } catch (error) {
    throw busError(error, 'waiting room');
  }
}
