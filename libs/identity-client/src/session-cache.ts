import { randomBytes, hash } from 'node:crypto';
import type { BusConnection, Subscription } from '@countersign/bus';
import { IDENTITY_REVOKED_SUBJECT, identityAckedSubject, revocationSchema, type IdentityPrincipal, type KeyPrincipal, type RequestContext } from '@countersign/contracts';
import { LRUCache } from 'lru-cache';
import { IdentityClientError } from './identity-client-error.js';
import type { IdentityClient } from './identity-client.js';
import { Lease } from './lease.js';
import { RevocationMemory } from './revocation-memory.js';

const SESSIONS_MAX = 100_000;
const REVOCATIONS_MAX = 100_000;
/**
 * How long an answer is kept, from when it was asked for. Revocations do not wait for this; a revocation that identity committed
 * and could not enforce because it was killed in between does.
 */
const KEPT_MS = 10_000;
/** An answer that a revocation has overtaken is asked for again so often. */
const OVERTAKEN_MAX = 3;
const EDGE_ID_BYTES = 12;

export interface SessionCacheOptions {
  readonly client: Pick<IdentityClient, 'ask'>;
  readonly bus: Pick<BusConnection, 'publish' | 'subscribe'>;
  readonly onError: (error: unknown) => void;
  readonly sessionsMax?: number;
  /** For tests: milliseconds that never go back. */
  readonly monotonicMs?: () => number;
}

/** How each kind of credential is asked about. */
type Question = 'session-check' | 'api-key-check';
type Known = IdentityPrincipal | KeyPrincipal;

interface Kept {
  readonly principal: Known;
  readonly stamp: number;
  readonly lease: string;
  readonly endsAtMs: number;
}

/**
 * Who is behind a session's token or an API key, without asking identity each time. What is cached is believed only under a lease, and revoked
 * sessions are gone before the call that revoked them returns (docs/spec/identity-api.md, "Revocation").
 */
export class SessionCache {
  readonly edgeId = randomBytes(EDGE_ID_BYTES).toString('base64url');
  readonly #kept: LRUCache<string, Kept>;
  readonly #revocations = new RevocationMemory(KEPT_MS, REVOCATIONS_MAX);
  readonly #asking = new Map<string, { readonly stamp: number; readonly answer: Promise<Known> }>();
  readonly #lease: Lease;
  readonly #monotonicMs: () => number;
  #subscription: Subscription | undefined;

  constructor(private readonly options: SessionCacheOptions) {
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.#kept = new LRUCache({ max: options.sessionsMax ?? SESSIONS_MAX });
    this.#lease = new Lease({ ...options, edgeId: this.edgeId, monotonicMs: this.#monotonicMs, lost: () => this.#forgetAll() });
  }

  /** Listens before the first lease is asked for: nothing is missed under it. */
  start(): void {
    const { bus, onError } = this.options;
    this.#subscription = bus.subscribe(IDENTITY_REVOKED_SUBJECT, ({ data }) => this.#revoked(data), { onError });
    this.#lease.start();
  }

  async close(): Promise<void> {
    await this.#lease.stop();
    this.#subscription?.unsubscribe();
    this.#forgetAll();
  }

  /** Whether cached answers may be used now. */
  isTrusted(): boolean {
    return this.#lease.isHeld();
  }

  /** Who it is, and what he may do now. Throws IdentityClientError: UNAUTHENTICATED, IDENTITY_*. */
  async check(context: RequestContext): Promise<IdentityPrincipal> {
    return (await this.#check('session-check', context.session, context)) as IdentityPrincipal;
  }

  /** Whose the context's API key is, and what it may do now. Throws IdentityClientError: UNAUTHENTICATED, API_KEY_*, IDENTITY_*. */
  async checkKey(context: RequestContext): Promise<KeyPrincipal> {
    return (await this.#check('api-key-check', context.apiKey, context)) as KeyPrincipal;
  }

  async #check(question: Question, credential: string | undefined, context: RequestContext): Promise<Known> {
    if (credential === undefined) throw new IdentityClientError('UNAUTHENTICATED', 'there is no session');
    const name = hash('sha256', credential, 'base64url');
    const kept = this.#kept.get(name);
    if (kept !== undefined && this.#isGood(kept)) return kept.principal;
    for (let tries = OVERTAKEN_MAX; ; tries--) {
      const stamp = this.#revocations.stamp();
      const principal = await this.#ask(name, question, context, stamp);
      // Revoked while the answer was under way: it may be of before.
      if (tries <= 1 || !this.#revocations.isVoid(principal, stamp)) return principal;
    }
  }

  #isGood({ principal, stamp, lease, endsAtMs }: Kept): boolean {
    return lease === this.#lease.id && this.#lease.isHeld() && this.#monotonicMs() < endsAtMs && !this.#revocations.isVoid(principal, stamp);
  }

  /** Concurrent requests with one token share a question, unless a revocation came between them. */
  #ask(name: string, question: Question, context: RequestContext, stamp: number): Promise<Known> {
    const asking = this.#asking.get(name);
    if (asking !== undefined && asking.stamp === stamp && this.#lease.isHeld()) return asking.answer;
    const answer = this.#fetch(name, question, context, stamp);
    const entry = { stamp, answer };
    this.#asking.set(name, entry);
    const done = (): void => {
      if (this.#asking.get(name) === entry) this.#asking.delete(name);
    };
    answer.then(done, done);
    return answer;
  }

  async #fetch(name: string, question: Question, context: RequestContext, stamp: number): Promise<Known> {
    const lease = this.#lease.id;
    const askedAtMs = this.#monotonicMs();
    const principal = await this.options.client.ask(question, context, {});
    // Asked without a lease, or under one that is gone, it may be of before a revocation that nobody told us of.
    if (lease !== undefined) this.#kept.set(name, { principal, stamp, lease, endsAtMs: askedAtMs + keptMs(principal) });
    return principal;
  }

  #revoked(data: Uint8Array): void {
    const revocation = revocationSchema.safeParse(parse(data)).data;
    // Anything else could only be forged by identity's own account; it changes nothing.
    if (revocation === undefined) return;
    this.#revocations.add(revocation, this.#monotonicMs());
    const lease = this.#lease.id;
    if (lease === undefined) return;
    try {
      this.options.bus.publish(identityAckedSubject(revocation.instance), JSON.stringify({ id: revocation.id, edgeId: this.edgeId, lease }));
    } catch (error) {
      // It is waited for in vain, and then our lease is fenced.
      this.options.onError(error);
    }
  }

  #forgetAll(): void {
    this.#revocations.voidAll();
    this.#kept.clear();
  }
}

/** A key's end is known beforehand, and is not outlived in a cache. */
function keptMs(principal: Known): number {
  return principal.kind === 'person' ? KEPT_MS : Math.min(KEPT_MS, Date.parse(principal.expiresAt) - Date.now());
}

function parse(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString('utf8'));
  } catch {
    return undefined;
  }
}
