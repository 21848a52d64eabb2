import type { Receipt } from '@countersign/chain';
import { EmitError } from './errors.js';
import { isoClock, prepareEvent, type EmitInput } from './event-input.js';
import type { Outcome } from './delivery/lane.js';
import { Pipeline, type Emission, type Emitted, type PipelineParts } from './pipeline.js';

/** What `emitAndWait` resolves with. `repeated`: the event had been recorded before. */
export interface Recorded {
  readonly receipt: Receipt;
  readonly repeated: boolean;
}

/** Counters since the emitter was opened, but for `pending`, `waiting`, `spoolBytes` and `connected`, which are of now. */
export interface EmitterStats {
  /** Accepted and without a receipt. */
  readonly pending: number;
  /** Emits that wait for space. */
  readonly waiting: number;
  readonly emitted: number;
  /** Found in the spool at start. */
  readonly recovered: number;
  /** Events sent, every time counted. */
  readonly sent: number;
  readonly messages: number;
  readonly resent: number;
  readonly publishErrors: number;
  readonly receipted: number;
  /** Of `receipted`: had been recorded before. */
  readonly repeated: number;
  readonly refused: number;
  /** Lost by damage to the spool. */
  readonly unreadable: number;
  /** Damaged ranges found at start; their bytes lie in the `damaged` folder. */
  readonly damagedRanges: number;
  readonly spoolBytes: number;
  readonly connected: boolean;
}

export interface EmitterParts extends PipelineParts {
  readonly damagedRanges: number;
  readonly newId: () => string;
}

const RECEIPT_TIMEOUT_MS = 30_000;
const DRAIN_TIMEOUT_MS = 5_000;

/** See `openEmitter`. */
export class Emitter {
  readonly #parts: EmitterParts;
  readonly #pipeline: Pipeline;
  readonly #nowIso: () => string;
  #closing: Promise<void> | undefined;

  constructor(parts: EmitterParts) {
    this.#parts = parts;
    this.#nowIso = isoClock(parts.clock);
    this.#pipeline = new Pipeline(parts);
  }

  get producerId(): string {
    return this.#parts.producerId;
  }

  /**
   * Records one event. Resolves when it is durable (see `durability`); from then on it reaches the ledger, whatever crashes.
   * Rejects with EmitError: EVENT_* when the ledger would refuse it, SPOOL_FULL, SPOOL_FAILED, PUBLISH_UNCONFIRMED, CLOSED.
   */
  emit(input: EmitInput): Promise<Emitted> {
    return new Promise((resolve, reject) => this.#accept(input, { resolve, reject, outcome: undefined }));
  }

  /**
   * Records one event and waits for the ledger's receipt. Rejects as `emit` does, with RefusedError if the ledger refused
   * the event, and with EmitError RECEIPT_TIMEOUT after `timeoutMs` (default 30 s), when the event is still on its way.
   */
  emitAndWait(input: EmitInput, options: { readonly timeoutMs?: number } = {}): Promise<Recorded> {
    const timeoutMs = options.timeoutMs ?? RECEIPT_TIMEOUT_MS;
    return new Promise((settle, fail) => {
      const timer = setTimeout(
        () => fail(new EmitError('RECEIPT_TIMEOUT', `no receipt within ${timeoutMs} ms; the event is still on its way`)),
        timeoutMs,
      );
      const reject = (error: Error): void => {
        clearTimeout(timer);
        fail(error);
      };
      const outcome: Outcome = (result, repeated) => {
        if (result instanceof Error) return reject(result);
        clearTimeout(timer);
        settle({ receipt: result, repeated });
      };
      this.#accept(input, { resolve: () => undefined, reject, outcome });
    });
  }

  /** Resolves when every event so far has its receipt or refusal. Rejects with EmitError CLOSED if the emitter closes first. */
  async flush(): Promise<void> {
    await this.#pipeline.drained();
    if (!this.#pipeline.idle) throw new EmitError('CLOSED', 'the emitter was closed with events on their way; they stay in the spool');
  }

  stats(): EmitterStats {
    const { spool, transport, recovered, damagedRanges } = this.#parts;
    const { pending, waiting, emitted, delivery } = this.#pipeline;
    return {
      pending,
      waiting,
      emitted,
      recovered: recovered.length,
      ...delivery.sender.counts,
      ...delivery.counts,
      damagedRanges,
      spoolBytes: spool.bytes,
      connected: transport.connected,
    };
  }

  /**
   * Takes no more events, makes what was taken durable, waits up to `drainTimeoutMs` (default 5 s) for receipts and lets
   * go of everything. What has no receipt stays in the spool and is sent by the next emitter. Calling it again is fine.
   */
  close(options: { readonly drainTimeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS);
    return this.#closing;
  }

  #accept(input: EmitInput, emission: Emission): void {
    try {
      if (this.#closing !== undefined) throw closed();
      this.#pipeline.accept(prepareEvent(input, this.#parts.settings.source, this.#parts.newId, this.#nowIso), emission);
    } catch (error) {
      emission.reject(error as Error);
    }
  }

  async #close(drainTimeoutMs: number): Promise<void> {
    const { spool, transport } = this.#parts;
    const { commit, delivery } = this.#pipeline;
    await commit.idle();
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, drainTimeoutMs)));
    await Promise.race([this.#pipeline.drained(), timeout]);
    clearTimeout(timer);
    delivery.stop();
    await commit.idle();
    this.#pipeline.giveUp(closed());
    await spool.close();
    await transport.close();
  }
}

function closed(): EmitError {
  return new EmitError('CLOSED', 'the emitter is closed');
}
