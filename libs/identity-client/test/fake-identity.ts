import { IDENTITY_REVOKED_SUBJECT, type IdentityPrincipal, type RequestContext } from '@countersign/contracts';
import { IdentityClientError } from '../src/index.js';

export const TTL_MS = 1_000;

type Listener = (message: { readonly data: Uint8Array }) => void;

/** Identity and the bus in one process: leases and sessions in memory, messages delivered at once unless `isDeaf`. */
export class FakeIdentity {
  readonly sessions = new Map<string, IdentityPrincipal>();
  readonly acked: unknown[] = [];
  /** Checks that were answered. */
  checks = 0;
  /** The edge hears no revocation. */
  isDeaf = false;
  isAway = false;
  /** It stands still: nothing is answered, and nothing refused. */
  isStill = false;
  /** Answers wait for this, after they were read. */
  held: Promise<void> = Promise.resolve();
  lease: string | undefined;
  isFenced = false;
  #leases = 0;
  #listener: Listener | undefined;

  readonly bus = {
    publish: (_subject: string, data: Uint8Array | string) => void this.acked.push(JSON.parse(String(data))),
    subscribe: (subject: string, onMessage: (message: never) => void) => {
      if (subject === IDENTITY_REVOKED_SUBJECT) this.#listener = onMessage as Listener;
      return { unsubscribe: () => (this.#listener = undefined) };
    },
  };

  readonly client = {
    ask: async (operation: string, context: RequestContext, args: object): Promise<never> => {
      if (this.isStill) return new Promise<never>(() => undefined);
      if (this.isAway) throw new IdentityClientError('IDENTITY_UNAVAILABLE', 'away');
      if (operation === 'edge-lease') return this.#lease((args as { readonly lease?: string }).lease) as never;
      if (operation === 'edge-release') this.lease = undefined;
      if (operation !== 'session-check') return {} as never;
      const found = this.sessions.get(context.session ?? '');
      this.checks += 1;
      await this.held;
      if (found === undefined) throw new IdentityClientError('UNAUTHENTICATED', 'no such session');
      return found as never;
    },
  };

  /** As identity does: what is committed first, then the edge is told. */
  revoke(token: string, sessionIds?: readonly string[]): void {
    const session = this.sessions.get(token)!;
    this.sessions.delete(token);
    this.tell({ id: 'r1', instance: 'i1', userId: session.userId, sessionIds });
  }

  tell(message: unknown): void {
    if (!this.isDeaf) this.#listener?.({ data: Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)) });
  }

  #lease(asked: string | undefined): { lease: string; ttlMs: number } {
    if (asked !== undefined && (this.isFenced || asked !== this.lease)) {
      this.isFenced = false;
      throw new IdentityClientError('LEASE_LOST', 'lost');
    }
    if (asked === undefined) this.lease = `l${++this.#leases}`;
    return { lease: this.lease!, ttlMs: TTL_MS };
  }
}
