import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BusConnection, Subscription } from '@countersign/bus';
import { EDGE_LEASE_MS, IDENTITY_REVOKED_SUBJECT, identityAckedSubject, revocationAckSchema, type Revocation } from '@countersign/contracts';
import type { Logger } from '@countersign/runtime';
import type { EdgeLease, LeaseRows } from '../store/lease-rows.js';

/** An edge that has not acknowledged within this is fenced, and then its lease waited out. */
const ACK_MS_MAX = 250;
/** Timers of two processes may run at slightly different speeds (clock_gettime(2): CLOCK_MONOTONIC is slewed). */
const DRIFT_MS = 50;
const NAME_BYTES = 12;

const newName = (): string => randomBytes(NAME_BYTES).toString('base64url');

export interface RevocationDependencies {
  readonly bus: BusConnection;
  readonly leases: LeaseRows;
  readonly log: Pick<Logger, 'warn' | 'error'>;
}

interface Waiting {
  readonly leases: Set<string>;
  readonly done: () => void;
}

/**
 * Makes a revocation that is committed hold everywhere. An edge may trust what it has cached only while it holds a lease, so it
 * is enough that each lease has either been acknowledged for, or has ended:
 * 1. publish, and wait for the acknowledgements;
 * 2. fence the leases of those that are silent: none of them is renewed from then on;
 * 3. wait as long as a lease lasts, which each edge counts from when it asked, that is from before the fence.
 */
export class Revocations {
  readonly instance = newName();
  readonly #waiting = new Map<string, Waiting>();
  #subscription: Subscription | undefined;

  constructor(private readonly deps: RevocationDependencies) {}

  async start(): Promise<void> {
    const { bus, log } = this.deps;
    this.#subscription = bus.subscribe(identityAckedSubject(this.instance), ({ data }) => this.#acknowledged(data), {
      onError: (error) => log.error({ err: error }, 'acknowledgements of edges are not received'),
    });
    await bus.flush();
  }

  stop(): void {
    this.#subscription?.unsubscribe();
  }

  /**
   * Call it after the commit, also when nothing was left to change: whoever asks again after a failure wants to be sure.
   * Once it has resolved no edge uses what it knew before. Rejects only when the database does not answer.
   */
  async enforce(userId: string, sessionIds?: readonly string[]): Promise<void> {
    await this.#enforce({ userId, sessionIds: sessionIds === undefined ? undefined : [...sessionIds] });
  }

  /** The same over everybody who acts in an organisation; without one over everybody. */
  async enforceOver(organization: string | undefined): Promise<void> {
    await this.#enforce({ organization });
  }

  async #enforce(revoked: Pick<Revocation, 'userId' | 'sessionIds' | 'organization'>): Promise<void> {
    const { leases, log } = this.deps;
    // After the commit: an edge that gets its lease later asks for its sessions later too, and learns what was committed.
    const live = await leases.all();
    if (live.length === 0) return;
    const silent = await this.#tell(live, { id: newName(), instance: this.instance, ...revoked });
    if (silent.length === 0) return;
    await leases.fence(silent);
    log.warn({ edges: live.filter(({ lease }) => silent.includes(lease)).map(({ edgeId }) => edgeId) }, 'edges are silent: their leases are waited out');
    await sleep(EDGE_LEASE_MS + DRIFT_MS);
    await leases.remove(silent);
  }

  /** The leases that have not been acknowledged for in time. */
  async #tell(live: readonly EdgeLease[], revocation: Revocation): Promise<string[]> {
    const leases = new Set(live.map(({ lease }) => lease));
    const acknowledged = new Promise<void>((done) => this.#waiting.set(revocation.id, { leases, done }));
    const giveUp = new AbortController();
    try {
      this.deps.bus.publish(IDENTITY_REVOKED_SUBJECT, JSON.stringify(revocation));
      await Promise.race([acknowledged, sleep(ACK_MS_MAX, undefined, { signal: giveUp.signal })]);
    } catch (error) {
      // Without the bus the fence alone has to do.
      this.deps.log.warn({ err: error }, 'edges are not told of a revocation');
    } finally {
      giveUp.abort();
      this.#waiting.delete(revocation.id);
    }
    return [...leases];
  }

  #acknowledged(data: Uint8Array): void {
    const ack = revocationAckSchema.safeParse(parse(data)).data;
    const waiting = ack === undefined ? undefined : this.#waiting.get(ack.id);
    if (ack === undefined || waiting === undefined) return;
    waiting.leases.delete(ack.lease);
    if (waiting.leases.size === 0) waiting.done();
  }
}

function parse(data: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString('utf8'));
  } catch {
    return undefined;
  }
}
