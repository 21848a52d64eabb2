import { createHash, randomBytes } from 'node:crypto';
import type { Logger } from '@countersign/runtime';
import { LRUCache } from 'lru-cache';
import { EdgeFault } from './edge-fault.js';

/** draft-ietf-httpapi-idempotency-key-header-07. */
export const IDEMPOTENCY_HEADER = 'idempotency-key';
const KEY_PATTERN = /^[\x21-\x7e]{1,255}$/;
const KEPT_MS = 24 * 3_600_000;
const KEPT_MAX = 20_000;
const ANSWER_BYTES_MAX = 64 * 1024;
const COMMAND_ID_BYTES = 16;
/** Longer than any request takes: whoever still holds a key after it has died, and the next one goes on under the same command id. */
const UNDER_WAY_MS = 60_000;

export interface KeptAnswer {
  readonly status: number;
  /** Undefined: it held a secret, or was too large. */
  readonly body: string | undefined;
  readonly type: string | undefined;
}

const NOT_KEPT: KeptAnswer = { status: 200, body: undefined, type: undefined };

/** `yours`: carry it out, under this command id. */
export type Begun =
  | { readonly what: 'yours'; readonly commandId: string }
  | { readonly what: 'under-way'; readonly fingerprint: string }
  | { readonly what: 'kept'; readonly fingerprint: string; readonly answer: KeptAnswer };

/** Where requests are remembered by their keys. Every method rejects when the store does not answer. */
export interface IdempotencyStore {
  /** Takes the key, also from one who has held it for too long with the same request; `commandId` counts for the first alone. */
  begin(name: string, fingerprint: string, commandId: string): Promise<Begun>;
  keep(name: string, answer: KeptAnswer): Promise<void>;
  /** It was not carried out: the key is free. */
  forget(name: string): Promise<void>;
  /** Nobody knows whether it was carried out: the next one takes over at once. */
  yield(name: string): Promise<void>;
}

export interface IdempotencyTimes {
  readonly keptMs: number;
  readonly underWayMs: number;
}
export const IDEMPOTENCY_TIMES: IdempotencyTimes = { keptMs: KEPT_MS, underWayMs: UNDER_WAY_MS };

interface Entry {
  readonly fingerprint: string;
  readonly commandId: string;
  heldUntilMs: number;
  answer: KeptAnswer | undefined;
}

/** Within this process. */
export class MemoryIdempotency implements IdempotencyStore {
  readonly #entries: LRUCache<string, Entry>;

  constructor(private readonly times: IdempotencyTimes = IDEMPOTENCY_TIMES) {
    this.#entries = new LRUCache({ max: KEPT_MAX, ttl: times.keptMs });
  }

  async begin(name: string, fingerprint: string, commandId: string): Promise<Begun> {
    const known = this.#entries.get(name);
    const heldUntilMs = performance.now() + this.times.underWayMs;
    if (known === undefined) {
      this.#entries.set(name, { fingerprint, commandId, heldUntilMs, answer: undefined });
      return { what: 'yours', commandId };
    }
    if (known.answer !== undefined) return { what: 'kept', fingerprint: known.fingerprint, answer: known.answer };
    if (known.fingerprint !== fingerprint || known.heldUntilMs > performance.now()) return { what: 'under-way', fingerprint: known.fingerprint };
    known.heldUntilMs = heldUntilMs;
    return { what: 'yours', commandId: known.commandId };
  }

  async keep(name: string, answer: KeptAnswer): Promise<void> {
    const known = this.#entries.peek(name);
    if (known !== undefined) known.answer = answer;
  }

  async forget(name: string): Promise<void> {
    this.#entries.delete(name);
  }

  async yield(name: string): Promise<void> {
    const known = this.#entries.peek(name);
    if (known !== undefined) known.heldUntilMs = Number.NEGATIVE_INFINITY;
  }
}

export interface IdempotencyOptions {
  readonly store: IdempotencyStore;
  /** Whether an error leaves open if something was done. */
  readonly isOpen: (error: unknown) => boolean;
  /** Whether an error says that it was done before, and that its answer is gone. */
  readonly isDone: (error: unknown) => boolean;
  readonly log: Pick<Logger, 'warn'>;
}

/** Answers of writes by their Idempotency-Key, for a day. */
export class Idempotency {
  constructor(private readonly options: IdempotencyOptions) {}

  /**
   * Carries out the first request of a key; later ones get its answer. After one whose outcome nobody knows the next goes on under the same
   * command id, so that identity does not act twice. Rejects with what `carryOut` rejects with, and with EdgeFault IDEMPOTENCY_*.
   */
  async once(scope: { readonly principal: string; readonly route: string; readonly key: string; readonly body: unknown }, carryOut: (commandId: string) => Promise<KeptAnswer>): Promise<KeptAnswer & { readonly repeated: boolean }> {
    if (!KEY_PATTERN.test(scope.key)) throw new EdgeFault('IDEMPOTENCY_KEY_MALFORMED', 'an Idempotency-Key has 1 to 255 visible ASCII characters', { field: IDEMPOTENCY_HEADER });
    const { store } = this.options;
    const name = digest([scope.principal, scope.key]);
    const fingerprint = digest([scope.route, JSON.stringify(scope.body ?? null)]);
    const begun = await store.begin(name, fingerprint, randomBytes(COMMAND_ID_BYTES).toString('base64url')).catch((cause: unknown) => {
      this.options.log.warn({ err: cause }, 'keys of requests cannot be looked up');
      throw new EdgeFault('IDEMPOTENCY_UNAVAILABLE', 'whether this was done before cannot be found out now');
    });
    if (begun.what !== 'yours') return { ...kept(begun, fingerprint), repeated: true };
    let answer: KeptAnswer;
    try {
      answer = await carryOut(begun.commandId);
    } catch (error) {
      if (this.options.isDone(error)) {
        await this.#told(store.keep(name, NOT_KEPT));
        throw notKept();
      }
      await this.#told(this.options.isOpen(error) ? store.yield(name) : store.forget(name));
      throw error;
    }
    await this.#told(store.keep(name, answer.body !== undefined && Buffer.byteLength(answer.body) > ANSWER_BYTES_MAX ? { ...answer, body: undefined } : answer));
    return { ...answer, repeated: false };
  }

  /** It was done, or refused, and the asker is to know. Whoever asks again is told to wait, and then goes on under the same command id. */
  async #told(work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => this.options.log.warn({ err: error }, 'an answer is not kept for its Idempotency-Key'));
  }
}

const notKept = (): EdgeFault => new EdgeFault('IDEMPOTENCY_ANSWER_NOT_KEPT', 'it was carried out, and its answer is not kept', { field: IDEMPOTENCY_HEADER });

function kept(begun: Exclude<Begun, { what: 'yours' }>, asked: string): KeptAnswer {
  if (begun.fingerprint !== asked) throw new EdgeFault('IDEMPOTENCY_KEY_REUSED', 'this Idempotency-Key belongs to another request', { field: IDEMPOTENCY_HEADER });
  if (begun.what === 'under-way') throw new EdgeFault('IDEMPOTENCY_IN_PROGRESS', 'the first request with this Idempotency-Key is still under way', { field: IDEMPOTENCY_HEADER });
  const { answer } = begun;
  if (answer.body === undefined && answer.status !== 204) throw notKept();
  return answer;
}

const digest = (parts: readonly string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('base64');
