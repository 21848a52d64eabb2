import { setTimeout as sleep } from 'node:timers/promises';
import { INTAKE_CONSUMER, INTAKE_STREAM } from '@countersign/contracts';
import { createInbox, type Msg, type Subscription } from '@nats-io/transport-node';
import { busError, type BusError } from './bus-error.js';
import type { BusConnection } from './connection.js';
import { intakeMessage, type IntakeMessage, type Settlement } from './intake-message.js';
import { findIntakeStream } from './intake-stream.js';
import { PROBE_SUBJECT } from './store-probe.js';

const NEXT_SUBJECT = `$JS.API.CONSUMER.MSG.NEXT.${INTAKE_STREAM}.${INTAKE_CONSUMER}`;
const NANOS_PER_MS = 1_000_000;
const PULL_EXPIRES_MS = 30_000;
const HEARTBEAT_MS = 5_000;
const SILENCE_MS_MAX = 2.5 * HEARTBEAT_MS;
const IN_FLIGHT_MESSAGES_DEFAULT = 1_000;
const IN_FLIGHT_BYTES_DEFAULT = 64 * 1024 * 1024;
// The largest message with its subject and headers, as the server counts it against a pull's bytes.
const ONE_MESSAGE_BYTES_MAX = 1024 * 1024 + 64 * 1024;
const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 2_000;
const FAILED_HANDLER_DELAY_MS = 1_000;
const STOP_LIMIT_MS = 10_000;
const POLL_MS = 5;

export interface PullLoopOptions {
  readonly bus: BusConnection;
  /** Gets every message; settles it now or later. When it rejects, an unsettled message comes again after 1 s. */
  readonly onMessage: (message: IntakeMessage) => void | Promise<void>;
  /** Messages handed over and not yet settled, at most. Default 1,000. */
  readonly maxInFlightMessages?: number;
  /** Their bytes, at most. Default 64 MiB; at least 2 MiB. */
  readonly maxInFlightBytes?: number;
  /** Told what happens, for the log. */
  readonly onEvent?: (event: PullLoopEvent) => void;
}

export type PullLoopEvent =
  | { readonly type: 'pulling' }
  | { readonly type: 'recovering'; readonly reason: string }
  | { readonly type: 'recovery-failed'; readonly error: BusError }
  | { readonly type: 'handler-failed'; readonly error: unknown };

const isProbe = (msg: Msg): boolean => msg.subject === PROBE_SUBJECT && msg.data.length === 0;

export interface InFlight {
  readonly messages: number;
  readonly bytes: number;
}

/**
 * Pulls from the intake without end. One long pull stands open at the server, so an idle loop gets a message at once;
 * it asks only for what fits into the limits, so a slow handler is never flooded. When anything is odd (restart,
 * lost stream, lost consumer, silence) it does what it does at the start: wait until the stream is there, then pull.
 */
export class PullLoop {
  readonly #bus: BusConnection;
  readonly #options: PullLoopOptions;
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  #subscription: Subscription | undefined;
  #inbox = '';
  /** Messages that the open pull may still bring; 0 when none is open. */
  #expected = 0;
  #inFlightMessages = 0;
  #inFlightBytes = 0;
  #lastSign = 0;
  #failures = 0;
  #recovering = false;
  #recovery: Promise<void> = Promise.resolve();
  #stopping = false;
  /** Counts streams: a stale ack must never reach a new stream, where its sequence is another message. */
  #incarnation = 0;
  #streamCreated = '';
  /** Settlements that wait until the stream is known to be the same. At most the messages in flight. */
  #held: { incarnation: number; send: () => void }[] = [];
  readonly #settlement: Settlement;
  #watchdog: NodeJS.Timeout | undefined;
  #unlisten: () => void = () => undefined;

  constructor(options: PullLoopOptions) {
    this.#options = options;
    this.#bus = options.bus;
    this.#messagesMax = options.maxInFlightMessages ?? IN_FLIGHT_MESSAGES_DEFAULT;
    this.#bytesMax = Math.max(options.maxInFlightBytes ?? IN_FLIGHT_BYTES_DEFAULT, 2 * 1024 * 1024);
    this.#settlement = {
      bus: this.#bus,
      settled: (bytes) => this.#settled(bytes),
      deliver: (incarnation, send) => this.#deliver(incarnation, send),
    };
  }

  get inFlight(): InFlight {
    return { messages: this.#inFlightMessages, bytes: this.#inFlightBytes };
  }

  /** Begins; resolves when the first pull is open, or when stopped before. Call once. */
  async start(): Promise<void> {
    this.#unlisten = this.#bus.onStatus(({ type }) => {
      if (type === 'disconnected' || type === 'reconnected') this.#recover(type);
    });
    this.#watchdog = setInterval(() => this.#checkSigns(), HEARTBEAT_MS);
    this.#recover('start');
    await this.#recovery;
  }

  /**
   * Asks for no more, gives back what still arrives, and waits until everything handed over is settled.
   * @returns what was not settled in time; the server delivers it again after the ack wait
   */
  async stop(limitMs: number = STOP_LIMIT_MS): Promise<InFlight> {
    this.#stopping = true;
    clearInterval(this.#watchdog);
    this.#unlisten();
    const until = performance.now() + limitMs;
    if (this.#bus.connected) await Promise.race([this.#subscription?.drain().catch(() => undefined), sleep(limitMs, undefined, { ref: false })]);
    while (this.#inFlightMessages > 0 && performance.now() < until) await sleep(POLL_MS);
    if (this.#bus.connected) await Promise.race([this.#bus.flush().catch(() => undefined), sleep(limitMs, undefined, { ref: false })]);
    return this.inFlight;
  }

  #recover(reason: string): void {
    if (this.#recovering || this.#stopping) return;
    this.#recovering = true;
    this.#expected = 0;
    this.#subscription?.unsubscribe();
    this.#options.onEvent?.({ type: 'recovering', reason });
    // A listener that throws must not end the loop for good: the watchdog's silence check begins anew.
    this.#recovery = this.#untilPulling().catch(() => {
      this.#recovering = false;
      this.#expected = 1;
    });
  }

  async #untilPulling(): Promise<void> {
    for (; !this.#stopping; this.#failures += 1) {
      await sleep(this.#retryDelayMs());
      while (!this.#bus.connected && !this.#stopping) await sleep(RETRY_MS_MIN);
      if (this.#stopping) return;
      try {
        this.#resume(await findIntakeStream(this.#bus));
        this.#options.onEvent?.({ type: 'pulling' });
        return;
      } catch (error) {
        const known = busError(error, 'intake');
        if (known.code === 'NOT_PROVISIONED') this.#bus.failed(known.code);
        this.#options.onEvent?.({ type: 'recovery-failed', error: known });
      }
    }
  }

  #retryDelayMs(): number {
    if (this.#failures === 0) return 0;
    const delay = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(this.#failures - 1, 10));
    return delay * (0.5 + Math.random() / 2);
  }

  #resume(streamCreated: string): void {
    if (streamCreated !== this.#streamCreated) this.#incarnation += 1;
    this.#streamCreated = streamCreated;
    this.#recovering = false;
    // Counts until a message or a heartbeat arrives: a server that accepts pulls and ends them at once is not asked in a tight loop.
    this.#failures += 1;
    const held = this.#held;
    this.#held = [];
    for (const { incarnation, send } of held) this.#deliver(incarnation, send);
    // A new inbox, so that late words about an old pull are not taken for words about this one.
    this.#inbox = createInbox();
    const inbox = this.#inbox;
    this.#subscription = this.#bus.nats.subscribe(inbox, {
      callback: (error, msg) => {
        if (inbox !== this.#inbox) return;
        if (error !== null) this.#recover(error.message);
        else if (msg.subject === inbox) this.#onStatusMessage(msg);
        else this.#onMessage(msg);
      },
    });
    this.#pull();
  }

  #pull(): void {
    if (this.#stopping || this.#recovering || this.#expected > 0) return;
    const messages = this.#messagesMax - this.#inFlightMessages;
    const bytes = this.#bytesMax - this.#inFlightBytes;
    // Not one by one: a pull for every settled message would double the traffic.
    if (messages < Math.ceil(this.#messagesMax / 4) || bytes < ONE_MESSAGE_BYTES_MAX) return;
    this.#expected = messages;
    this.#lastSign = performance.now();
    const request = { batch: messages, max_bytes: bytes, expires: PULL_EXPIRES_MS * NANOS_PER_MS, idle_heartbeat: HEARTBEAT_MS * NANOS_PER_MS };
    this.#bus.nats.publish(NEXT_SUBJECT, JSON.stringify(request), { reply: this.#inbox });
  }

  #onStatusMessage(msg: Msg): void {
    const code = msg.headers?.code ?? 0;
    const description = msg.headers?.description ?? '';
    this.#lastSign = performance.now();
    if (code === 100) {
      this.#failures = 0;
      return;
    }
    // 408: its time is over. 409 with these words: its messages or bytes are used up. The next pull is due.
    if (code === 408 || (code === 409 && /batch completed|maxbytes/i.test(description))) {
      this.#failures = 0;
      this.#expected = 0;
      this.#pull();
      return;
    }
    this.#recover(`${String(code)} ${description}`.trim());
  }

  #onMessage(msg: Msg): void {
    this.#lastSign = performance.now();
    this.#failures = 0;
    const message = intakeMessage(msg, this.#incarnation, this.#settlement);
    this.#inFlightMessages += 1;
    this.#inFlightBytes += message.data.length;
    this.#expected = Math.max(0, this.#expected - 1);
    if (isProbe(msg)) message.ack();
    else if (this.#stopping) message.nak(0);
    else this.#handOver(message);
    this.#pull();
  }

  #handOver(message: IntakeMessage): void {
    const failed = (error: unknown): void => {
      this.#options.onEvent?.({ type: 'handler-failed', error });
      message.nak(FAILED_HANDLER_DELAY_MS);
    };
    try {
      Promise.resolve(this.#options.onMessage(message)).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #settled(bytes: number): void {
    this.#inFlightMessages -= 1;
    this.#inFlightBytes -= bytes;
    this.#pull();
  }

  #deliver(incarnation: number, send: () => void): void {
    if (this.#recovering) this.#held.push({ incarnation, send });
    else if (incarnation === this.#incarnation && !this.#bus.nats.isClosed()) send();
  }

  #checkSigns(): void {
    if (this.#recovering || this.#stopping || this.#expected === 0) return;
    const now = performance.now();
    if (now - this.#lastSign > SILENCE_MS_MAX) this.#recover('silence');
  }
}
