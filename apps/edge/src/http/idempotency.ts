import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { EdgeFault } from './edge-fault.js';

/** draft-ietf-httpapi-idempotency-key-header-07. */
export const IDEMPOTENCY_HEADER = 'idempotency-key';
const KEY_PATTERN = /^[\x21-\x7e]{1,255}$/;
const KEPT_MS = 24 * 3_600_000;
const KEPT_MAX = 20_000;
const ANSWER_BYTES_MAX = 64 * 1024;

export interface KeptAnswer {
  readonly status: number;
  /** Undefined: it held a secret, or was too large. */
  readonly body: string | undefined;
  readonly type: string | undefined;
}

interface Entry {
  readonly fingerprint: string;
  answer: KeptAnswer | 'under-way';
}

/** Answers of writes by their Idempotency-Key, for a day, within this process. */
export class Idempotency {
  readonly #entries = new LRUCache<string, Entry>({ max: KEPT_MAX, ttl: KEPT_MS });

  /**
   * Carries out the first request of a key; later ones get its answer.
   * Rejects with what `carryOut` rejects with (then the key is free again), and with EdgeFault IDEMPOTENCY_*.
   */
  async once(scope: { readonly principal: string; readonly route: string; readonly key: string; readonly body: unknown }, carryOut: () => Promise<KeptAnswer>): Promise<KeptAnswer & { readonly repeated: boolean }> {
    if (!KEY_PATTERN.test(scope.key)) throw new EdgeFault('IDEMPOTENCY_KEY_MALFORMED', 'an Idempotency-Key has 1 to 255 visible ASCII characters', { field: IDEMPOTENCY_HEADER });
    const name = digest([scope.principal, scope.key]);
    const fingerprint = digest([scope.route, JSON.stringify(scope.body ?? null)]);
    const known = this.#entries.get(name);
    if (known !== undefined) return { ...kept(known, fingerprint), repeated: true };
    const entry: Entry = { fingerprint, answer: 'under-way' };
    this.#entries.set(name, entry);
    try {
      const answer = await carryOut();
      entry.answer = answer.body !== undefined && Buffer.byteLength(answer.body) > ANSWER_BYTES_MAX ? { ...answer, body: undefined } : answer;
      return { ...answer, repeated: false };
    } catch (error) {
      this.#entries.delete(name);
      throw error;
    }
  }
}

function kept({ fingerprint, answer }: Entry, asked: string): KeptAnswer {
  if (fingerprint !== asked) throw new EdgeFault('IDEMPOTENCY_KEY_REUSED', 'this Idempotency-Key belongs to another request', { field: IDEMPOTENCY_HEADER });
  if (answer === 'under-way') throw new EdgeFault('IDEMPOTENCY_IN_PROGRESS', 'the first request with this Idempotency-Key is still under way', { field: IDEMPOTENCY_HEADER });
  if (answer.body === undefined && answer.status !== 204) throw new EdgeFault('IDEMPOTENCY_ANSWER_NOT_KEPT', 'it was carried out, and its answer is not kept', { field: IDEMPOTENCY_HEADER });
  return answer;
}

const digest = (parts: readonly string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('base64');
