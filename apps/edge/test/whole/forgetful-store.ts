import { MemoryIdempotency, type Begun, type IdempotencyStore, type KeptAnswer } from '../../src/http/idempotency.js';

/** The store of edges that die when identity has answered, and before they could keep the answer: whoever asks again takes over, under the same command id. */
export class ForgetfulStore implements IdempotencyStore {
  /** Otherwise it is the one in memory. */
  doesForget = false;
  readonly #kept = new MemoryIdempotency();

  begin(name: string, fingerprint: string, commandId: string): Promise<Begun> {
    return this.#kept.begin(name, fingerprint, commandId);
  }

  keep(name: string, answer: KeptAnswer): Promise<void> {
    return this.doesForget ? this.#kept.yield(name) : this.#kept.keep(name, answer);
  }

  forget(name: string): Promise<void> {
    return this.#kept.forget(name);
  }

  yield(name: string): Promise<void> {
    return this.#kept.yield(name);
  }
}
