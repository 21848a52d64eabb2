import { setTimeout as sleep } from 'node:timers/promises';
import { EDGE_HEARTBEAT_MS, type RequestContext } from '@countersign/contracts';
import { IdentityClientError } from './identity-client-error.js';
import type { IdentityClient } from './identity-client.js';

/** Nobody's address: a lease is not asked for on anybody's behalf. */
const SELF: Omit<RequestContext, 'correlationId'> = { ip: '127.0.0.1', userAgent: 'edge' };

/** Of the seconds that a service has to end. */
const GIVING_BACK_MS_MAX = 2_000;

export interface LeaseOptions {
  readonly client: Pick<IdentityClient, 'ask'>;
  readonly edgeId: string;
  readonly monotonicMs: () => number;
  /** Called when a lease was lost, before the next one is asked for: nothing that is known is to be believed any more. */
  readonly lost: () => void;
  readonly onError: (error: unknown) => void;
}

/** The edge's lease with identity, asked for again and again. It counts from when it was asked for. */
export class Lease {
  #id: string | undefined;
  #endsAtMs = Number.NEGATIVE_INFINITY;
  readonly #stopping = new AbortController();
  #beating: Promise<void> | undefined;

  constructor(private readonly options: LeaseOptions) {}

  get id(): string | undefined {
    return this.#id;
  }

  isHeld(): boolean {
    return this.options.monotonicMs() < this.#endsAtMs;
  }

  start(): void {
    this.#beating = this.#beat();
  }

  /** Gives the lease back, so that no revocation waits for its end. Identity may not answer: then it waits for that. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#endsAtMs = Number.NEGATIVE_INFINITY;
    await Promise.race([this.#giveBack(), sleep(GIVING_BACK_MS_MAX, undefined, { ref: false })]);
  }

  async #giveBack(): Promise<void> {
    await this.#beating;
    this.#endsAtMs = Number.NEGATIVE_INFINITY;
    const { client, edgeId, onError } = this.options;
    if (this.#id !== undefined) await client.ask('edge-release', this.#context(), { edgeId, lease: this.#id }).catch(onError);
    this.#id = undefined;
  }

  async #beat(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const wait = sleep(EDGE_HEARTBEAT_MS, undefined, { signal }).catch(() => undefined);
      await this.#renew().catch(this.options.onError);
      await wait;
    }
  }

  async #renew(): Promise<void> {
    const { client, edgeId, monotonicMs, lost } = this.options;
    const askedAtMs = monotonicMs();
    try {
      const { lease, ttlMs } = await client.ask('edge-lease', this.#context(), { edgeId, lease: this.#id });
      this.#id = lease;
      this.#endsAtMs = Math.max(this.#endsAtMs, askedAtMs + ttlMs);
    } catch (error) {
      if (!(error instanceof IdentityClientError) || error.code !== 'LEASE_LOST') throw error;
      this.#endsAtMs = Number.NEGATIVE_INFINITY;
      this.#id = undefined;
      lost();
    }
  }

  #context(): RequestContext {
    return { ...SELF, correlationId: this.options.edgeId };
  }
}
