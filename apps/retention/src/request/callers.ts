import type { RetentionContext } from '@countersign/contracts';
import { accessOf, type IdentityClient } from '@countersign/identity-client';
import { RetentionFault } from '../domain/retention-fault.js';
import type { Asker } from './asker.js';

/** So long after identity was asked something may still be committed in somebody's name: what was revoked before that is refused. */
export const AUTHORITY_MS_MAX = 5_000;

/** Finds out who asks: from identity, for each request, and from nobody else (docs/adr/0029). */
export class Callers {
  constructor(
    private readonly identity: Pick<IdentityClient, 'ask'>,
    private readonly now: () => Date,
    /** Milliseconds that never go back. */
    private readonly monotonicMs: () => number = () => performance.now(),
  ) {}

  /** Throws IdentityClientError: UNAUTHENTICATED, API_KEY_*, IDENTITY_*. */
  async who(context: RetentionContext, organization: string | undefined): Promise<Asker> {
    const { ip, userAgent, correlationId, standIn, commandId } = context;
    if (standIn === undefined) throw new RetentionFault('UNAUTHENTICATED', 'sign in first');
    const askedAtMs = this.monotonicMs();
    const told = await this.identity.ask('principal', { ip, userAgent, correlationId }, { standIn, organization });
    const view = told.principal;
    return {
      context, view,
      principal: accessOf(view),
      organization: told.organization,
      cause: { actor: view.kind === 'person' ? { type: 'user', id: view.userId } : { type: 'api-key', id: view.keyId }, correlationId },
      command: commandId === undefined ? {} : { commandId },
      origin: { subject: view.userId, ip, userAgent },
      now: this.now(),
      checkFresh: () => {
        if (this.monotonicMs() - askedAtMs > AUTHORITY_MS_MAX) throw new RetentionFault('CONFLICT', 'it took too long: whether you may still do this is not known');
      },
    };
  }
}
